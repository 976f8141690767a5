package contract_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/local/localstack"
)

// A test makes requests for as long as processes are killed, but at least as many
// as it takes to sell out, and not more than the API shows effects of.
const (
	minKeys = 60
	maxKeys = 400
)

// killAtRandom kills a function's processes, in the middle of whatever they do,
// until ctx ends: each time every one of them with the given chance. It returns
// how many it killed.
func killAtRandom(ctx context.Context, t *testing.T, stack *localstack.Stack, handler string, chance float64) (killed int) {
	for {
		select {
		case <-ctx.Done():
			return killed
		case <-time.After(20*time.Millisecond + rand.N(130*time.Millisecond)):
		}
		for _, process := range stack.Processes(handler) {
			if rand.Float64() >= chance {
				continue
			}
			switch err := syscall.Kill(process, syscall.SIGKILL); err {
			case nil:
				killed++
			case syscall.ESRCH: // it was faster
			default:
				t.Error(err)
			}
		}
	}
}

// TestKilledOrders kills the function again and again while orders come in, which
// are retried until they are answered: nothing is sold twice, nothing is lost,
// and nothing that is not there is sold.
func TestKilledOrders(t *testing.T) {
	t.Parallel()
	stack, v := newStack(t)
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	killed := make(chan int, 1)
	go func() { killed <- killAtRandom(ctx, t, stack, "orders", 1) }()

	var mu sync.Mutex
	answers := make(map[string]response) // by key
	bodies := make(map[string]string)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for next.Load() < minKeys || ctx.Err() == nil && next.Load() < maxKeys {
				key := fmt.Sprint("k", next.Add(1))
				body := fmt.Sprintf(`{"sku":"mug","quantity":%d}`, 1+rand.IntN(10))
				answer := v.postUntilDone("/api/orders", key, body)
				mu.Lock()
				answers[key], bodies[key] = answer, body
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if n := <-killed; n == 0 {
		t.Error("nothing was killed")
	} else {
		t.Logf("%d keys, %d processes killed", len(answers), n)
	}

	if placed := v.expectOrders(stack, answers, bodies); placed == len(answers) {
		t.Errorf("all %d orders were placed, so that the stock was never short", placed)
	}
}

// TestKilledDuplicates sends each order forty times at once, and kills some of
// the processes that are at it, all the time. Who hears of it hears of the same
// order.
func TestKilledDuplicates(t *testing.T) {
	t.Parallel()
	stack, v := newStack(t)
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	killed := make(chan int, 1)
	go func() { killed <- killAtRandom(ctx, t, stack, "orders", 0.1) }()

	const body = `{"sku":"mug","quantity":30}`
	answers := make(map[string]response) // by key
	bodies := make(map[string]string)
	for len(answers) == 0 || ctx.Err() == nil && len(answers) < maxKeys {
		key := fmt.Sprint("k", len(answers)+1)
		all := make([]response, 40)
		var wg sync.WaitGroup
		for i := range all {
			wg.Go(func() { all[i] = v.postUntilDone("/api/orders", key, body) })
		}
		wg.Wait()
		firsts := 0
		for _, answer := range all {
			if answer.header.Get("Idempotent-Replayed") == "" {
				firsts++
			}
			expectSame(t, answer, all[0])
		}
		if firsts > 1 { // none, where the reply to the first one was lost
			t.Errorf("%d answers to the key %s are no replays", firsts, key)
		}
		answers[key], bodies[key] = all[0], body
	}
	if n := <-killed; n == 0 {
		t.Error("nothing was killed")
	} else {
		t.Logf("%d keys, %d processes killed", len(answers), n)
	}
	v.expectOrders(stack, answers, bodies)
}

// expectOrders checks that each key has an order of its own or was told that
// there is nothing left, that there are no other orders, and that as much was
// sold as is missing. It returns how many orders were placed.
func (v *visitor) expectOrders(stack *localstack.Stack, answers map[string]response, bodies map[string]string) int {
	v.t.Helper()
	placed := make(map[string]string) // key by order
	for key, answer := range answers {
		switch answer.status {
		case http.StatusCreated:
			id := strings.TrimPrefix(answer.header.Get("Location"), "/api/orders/")
			if other, twice := placed[id]; twice {
				v.t.Errorf("the keys %s and %s have the same order %s", key, other, id)
			}
			placed[id] = key
		case http.StatusConflict:
		default:
			v.t.Errorf("%s ends with %v", key, answer)
		}
		v.expectReplay(v.order(key, bodies[key]), answer)
	}
	a := v.expectActivity(len(answers), len(placed))
	sold := 0
	for _, e := range a.Effects {
		if placed[e.Resource] == "" {
			v.t.Errorf("nobody was told of the order %+v", e)
		}
		sold += e.Detail.Quantity
	}
	if left := v.stockOf(stack, "mug"); left < 0 || sold+left != 100 {
		v.t.Errorf("of 100, %d are sold and %d left", sold, left)
	}
	return len(placed)
}

// TestKilledPayments does the same to payments, whose charges are outside of any
// transaction. Those that are interrupted are reconciled when their leases end.
func TestKilledPayments(t *testing.T) {
	t.Parallel()
	stack, v := newStack(t)
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	killed := make(chan int, 1)
	go func() { killed <- killAtRandom(ctx, t, stack, "payments", 1) }()

	var mu sync.Mutex
	answers := make(map[string]response) // by key
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 24 {
		wg.Go(func() {
			for ctx.Err() == nil && next.Load() < maxKeys {
				key := fmt.Sprint("k", next.Add(1))
				answer := v.postUntilDone("/api/payments", key, coffee)
				mu.Lock()
				answers[key] = answer
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if n := <-killed; n == 0 {
		t.Error("nothing was killed")
	} else {
		t.Logf("%d keys, %d processes killed", len(answers), n)
	}

	charges := make(map[string]string) // payment by charge
	a := v.activity()
	if a.Truncated {
		t.Fatal("there are more effects than are shown")
	}
	for _, e := range a.Effects {
		charges[e.ID] = e.Resource
	}
	if len(a.Effects) != len(answers) {
		t.Errorf("%d charges for %d keys", len(a.Effects), len(answers))
	}
	for key, answer := range answers {
		var payment struct{ ID, ChargeID string }
		v.decode(answer, &payment)
		if charges[payment.ChargeID] != payment.ID {
			t.Errorf("the payment %+v of %s was not charged so: %s", payment, key, charges[payment.ChargeID])
		}
		v.expectReplay(v.pay(key), answer)
	}
}

// stockOf reads from the table how much of an article is left.
func (v *visitor) stockOf(stack *localstack.Stack, sku string) int {
	v.t.Helper()
	table, _ := stack.Output("DataTableName")
	read, err := newClient(stack).GetItem(v.t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String(table),
		Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "session#" + v.session},
			"sk": &types.AttributeValueMemberS{Value: "stock#" + sku},
		},
	})
	if err != nil {
		v.t.Fatal(err)
	}
	stock, ok := read.Item["stock"].(*types.AttributeValueMemberN)
	if !ok {
		v.t.Fatalf("the stock is %v", read.Item)
	}
	left, err := strconv.Atoi(stock.Value)
	if err != nil {
		v.t.Fatal(err)
	}
	return left
}
