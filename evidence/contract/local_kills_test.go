package contract_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
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

	b := v.opened()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for next.Load() < minKeys || ctx.Err() == nil && next.Load() < maxKeys {
				key := fmt.Sprint("k", next.Add(1))
				b.ask("/api/orders", key, fmt.Sprintf(`{"sku":"mug","quantity":%d}`, 1+rand.IntN(10)))
			}
		})
	}
	wg.Wait()
	if n := <-killed; n == 0 {
		t.Error("nothing was killed")
	} else {
		t.Logf("%d keys, %d processes killed", next.Load(), n)
	}

	if placed := b.expectOrders(stack); placed == int(next.Load()) {
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

	b := v.opened()
	keys := 0
	for keys == 0 || ctx.Err() == nil && keys < maxKeys {
		keys++
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() { b.ask("/api/orders", fmt.Sprint("k", keys), `{"sku":"mug","quantity":30}`) })
		}
		wg.Wait()
	}
	if n := <-killed; n == 0 {
		t.Error("nothing was killed")
	} else {
		t.Logf("%d keys, %d processes killed", keys, n)
	}
	b.expectOrders(stack)
}

// expectOrders checks that each key has an order of its own or was told that there is
// nothing left, that another call is told the same, and that as much was sold as is
// missing. It returns how many orders were placed.
func (b book) expectOrders(stack *localstack.Stack) int {
	b.t.Helper()
	b.repeat("/api/orders")
	a := b.judge()
	if keys := len(b.Keys()); a.ExecutionCount != keys {
		b.t.Errorf("%d executions of %d keys", a.ExecutionCount, keys)
	}
	sold := 0
	for _, e := range a.Effects {
		sold += e.Detail.Quantity
	}
	if left := b.stockOf(stack, "mug"); left < 0 || sold+left != 100 {
		b.t.Errorf("of 100, %d are sold and %d left", sold, left)
	}
	return len(a.Effects)
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

	b := v.opened()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 24 {
		wg.Go(func() {
			for ctx.Err() == nil && next.Load() < maxKeys {
				b.ask("/api/payments", fmt.Sprint("k", next.Add(1)), coffee)
			}
		})
	}
	wg.Wait()
	if n := <-killed; n == 0 {
		t.Error("nothing was killed")
	} else {
		t.Logf("%d keys, %d processes killed", next.Load(), n)
	}
	b.repeat("/api/payments")
	b.judge()
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
