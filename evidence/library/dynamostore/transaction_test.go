package dynamostore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/evidence/records"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// shop sells articles by atomic executions: an order, and one article less.
type shop struct {
	*fixture
	guard *idempotency.Guard
	plans atomic.Int32
}

const goods = "goods"

func newShop(t *testing.T, stock int) *shop {
	t.Helper()
	s := &shop{fixture: newFixture(t)}
	s.CreateTable(t, goods, "id")
	if _, err := s.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(goods), Item: article(stock)}); err != nil {
		t.Fatal(err)
	}
	s.guard = s.newGuard(t)
	s.reset()
	return s
}

func article(stock int) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"id":    &types.AttributeValueMemberS{Value: "article"},
		"stock": &types.AttributeValueMemberN{Value: fmt.Sprint(stock)},
	}
}

func (s *shop) newGuard(t *testing.T, configure ...func(*idempotency.Config)) *idempotency.Guard {
	t.Helper()
	store, err := dynamostore.NewAtomic(s.Client, table, unhurried)
	if err != nil {
		t.Fatal(err)
	}
	cfg := idempotency.Config{Store: store, Mode: idempotency.Atomic, CacheEntries: -1, CompletionTimeout: time.Hour}
	for _, c := range configure {
		c(&cfg)
	}
	guard, err := idempotency.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

func (s *shop) request(t *testing.T, token, payload string) idempotency.Request {
	t.Helper()
	key, err := idempotency.NewKey(idempotency.SharedScope(), "orders.create", token)
	if err != nil {
		t.Fatal(err)
	}
	return idempotency.Request{Key: key, Fingerprint: idempotency.NewFingerprint([]byte(payload))}
}

func (s *shop) plan(ctx context.Context) (idempotency.Result, error) {
	plan := s.plans.Add(1)
	tx, err := dynamostore.TransactionFrom(ctx)
	if err != nil {
		return idempotency.Result{}, err
	}
	if reason, refused := tx.Refused("stock"); refused {
		left := reason.Item["stock"].(*types.AttributeValueMemberN).Value
		return idempotency.Result{Data: []byte("out of stock: " + left + " left")}, nil
	}
	_ = tx.Plan("stock", types.TransactWriteItem{Update: &types.Update{
		TableName:           aws.String(goods),
		Key:                 map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "article"}},
		UpdateExpression:    aws.String("SET stock = stock - :one"),
		ConditionExpression: aws.String("stock >= :one"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":one": &types.AttributeValueMemberN{Value: "1"},
		},
	}})
	_ = tx.Plan("order", types.TransactWriteItem{Put: &types.Put{
		TableName: aws.String(goods),
		Item:      map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: fmt.Sprint("order#", plan)}},
	}})
	return idempotency.Result{Data: fmt.Appendf(nil, "order %d", plan)}, nil
}

func (s *shop) order(t *testing.T, token string) (idempotency.Outcome, error) {
	t.Helper()
	return s.guard.Do(t.Context(), s.request(t, token, "one"), s.plan)
}

// ledger reads what has happened: the stock and the orders.
func (s *shop) ledger(t *testing.T) (stock string, orders int) {
	t.Helper()
	output, err := s.Client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(goods)})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range output.Items {
		if n, ok := item["stock"].(*types.AttributeValueMemberN); ok {
			stock = n.Value
		} else {
			orders++
		}
	}
	return stock, orders
}

func (s *shop) wantLedger(t *testing.T, stock, orders int) {
	t.Helper()
	if gotStock, gotOrders := s.ledger(t); gotStock != fmt.Sprint(stock) || gotOrders != orders {
		t.Errorf("stock %s and %d orders, want %d and %d", gotStock, gotOrders, stock, orders)
	}
}

func wantOutcome(t *testing.T, got idempotency.Outcome, err error, data string, replayed bool) {
	t.Helper()
	if err != nil || string(got.Data) != data || got.Replayed != replayed {
		t.Errorf("outcome %q, replayed %v, error %v; want %q, replayed %v", got.Data, got.Replayed, err, data, replayed)
	}
}

func TestAtomic(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10)
	outcome, err := s.order(t, "k1")
	wantOutcome(t, outcome, err, "order 1", false)
	s.wantCost(t, map[string]int{"TransactWriteItems": 1}, 6, 0) // three items of 1 KB, twice

	s.reset()
	again, err := s.order(t, "k1")
	wantOutcome(t, again, err, "order 1", true)
	s.mu.Lock()
	if n := s.calls["TransactWriteItems"]; n != 1 || len(s.calls) != 1 {
		t.Errorf("a duplicate made the requests %v, want one transaction", s.calls)
	}
	s.mu.Unlock()
	if !again.Expires.Equal(outcome.Expires) {
		t.Errorf("the window ends at %v, replayed at %v", outcome.Expires, again.Expires)
	}
	s.wantLedger(t, 9, 1)

	_, err = s.guard.Do(t.Context(), s.request(t, "k1", "two"), s.plan)
	if !errors.Is(err, idempotency.ErrPayloadMismatch) {
		t.Errorf("error %v, want ErrPayloadMismatch", err)
	}
	s.wantLedger(t, 9, 1)
}

func TestAtomicRefusalIsTheHandlersAnswer(t *testing.T) {
	t.Parallel()
	s := newShop(t, 0)
	outcome, err := s.order(t, "k1")
	wantOutcome(t, outcome, err, "out of stock: 0 left", false)
	if _, err := s.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(goods), Item: article(5)}); err != nil {
		t.Fatal(err)
	}
	again, err := s.order(t, "k1") // the answer is recorded, whatever is in stock now
	wantOutcome(t, again, err, "out of stock: 0 left", true)
	s.wantLedger(t, 5, 0)
}

func TestAtomicPlanThatIsAlwaysRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t, 0)
	plans := 0
	_, err := s.guard.Do(t.Context(), s.request(t, "k1", "one"), func(ctx context.Context) (idempotency.Result, error) {
		plans++
		tx, _ := dynamostore.TransactionFrom(ctx)
		return idempotency.Result{}, tx.Plan("check", types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName:           aws.String(goods),
			Key:                 map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "nothing"}},
			ConditionExpression: aws.String("attribute_exists(id)"),
		}})
	})
	if !errors.Is(err, idempotency.ErrRefused) || !strings.Contains(err.Error(), "check") || plans > 5 {
		t.Errorf("error %v after %d plans, want ErrRefused naming the write", err, plans)
	}
}

func TestAtomicWritesNothingForErrorsAndDiscards(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10)
	boom := errors.New("boom")
	for _, end := range []func() (idempotency.Result, error){
		func() (idempotency.Result, error) { return idempotency.Result{}, boom },
		func() (idempotency.Result, error) { return idempotency.Result{Discard: true}, nil },
		func() (idempotency.Result, error) { panic(boom) },
	} {
		func() {
			defer func() { _ = recover() }()
			_, _ = s.guard.Do(t.Context(), s.request(t, "k1", "one"), func(ctx context.Context) (idempotency.Result, error) {
				_, _ = s.plan(ctx)
				return end()
			})
		}()
	}
	s.wantLedger(t, 10, 0)
	if outcome, err := s.order(t, "k1"); err != nil || outcome.Replayed {
		t.Errorf("replayed %v, error %v: a retry must execute", outcome.Replayed, err)
	}
	s.wantLedger(t, 9, 1)
}

func TestAtomicConcurrentDuplicates(t *testing.T) {
	t.Parallel()
	s := newShop(t, 3)
	var wg sync.WaitGroup
	answers := sync.Map{}
	const keys, duplicates = 6, 8
	for key := range keys {
		for range duplicates {
			wg.Go(func() {
				outcome, err := s.order(t, fmt.Sprint("k", key))
				if err != nil {
					t.Error(err)
					return
				}
				if first, _ := answers.LoadOrStore(key, string(outcome.Data)); first != string(outcome.Data) {
					t.Errorf("key %d was answered %q and %q", key, first, outcome.Data)
				}
			})
		}
	}
	wg.Wait()
	s.wantLedger(t, 0, 3) // six intents, three articles
}

func TestAtomicLostReply(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10)
	wantRepetition := s.lose("TransactWriteItems")
	outcome, err := s.order(t, "k1")
	wantOutcome(t, outcome, err, "order 1", false)
	wantRepetition(t)
	s.wantLedger(t, 9, 1)
}

// The transaction is applied, but its reply is lost, and the SDK's repetition
// meets a conflict: trying again then meets our own record.
func TestAtomicOwnRecord(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10)
	var calls atomic.Int32
	s.Engine.Inject(func(c dynamolocal.Call) dynamolocal.Action {
		if c.Operation == "TransactWriteItems" {
			switch calls.Add(1) {
			case 1:
				return dynamolocal.Action{Effect: dynamolocal.DropReply}
			case 2:
				return dynamolocal.Action{Effect: dynamolocal.Conflict}
			}
		}
		return dynamolocal.Action{}
	})
	outcome, err := s.order(t, "k1")
	wantOutcome(t, outcome, err, "order 1", false)
	if n := calls.Load(); n != 3 {
		t.Errorf("%d transactions, want 3", n)
	}
	s.wantLedger(t, 9, 1)
}

// conflicts makes the engine answer n transactions as if another were at it.
func (s *shop) conflicts(n int32, position int) {
	var seen atomic.Int32
	s.Engine.Inject(func(c dynamolocal.Call) dynamolocal.Action {
		if c.Operation == "TransactWriteItems" && seen.Add(1) <= n {
			return dynamolocal.Action{Effect: dynamolocal.Conflict, Position: position}
		}
		return dynamolocal.Action{}
	})
}

func TestAtomicConflictsAreRetried(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10)
	s.conflicts(3, 0)
	outcome, err := s.order(t, "k1")
	wantOutcome(t, outcome, err, "order 1", false) // planned once, committed at the fourth try
	s.wantLedger(t, 9, 1)
}

func TestAtomicConflictThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10)
	s.guard = s.newGuard(t, func(c *idempotency.Config) { c.CompletionTimeout = 50 * time.Millisecond })
	s.conflicts(1000, 1)
	_, err := s.order(t, "k1")
	if _, busy := errors.AsType[*idempotency.InProgressError](err); !busy {
		t.Errorf("error %v, want *InProgressError", err)
	}
	s.wantLedger(t, 10, 0)
}

// Where conflicts do not end, the record says what has become of the operation.
func TestAtomicConflictIsSettledByTheRecord(t *testing.T) {
	t.Parallel()
	now := time.Now()
	impatient := func(c *idempotency.Config) {
		c.CompletionTimeout = 50 * time.Millisecond
		c.Clock = func() time.Time { return now }
	}
	t.Run("another call's", func(t *testing.T) {
		t.Parallel()
		s := newShop(t, 10)
		s.guard = s.newGuard(t, impatient)
		first, err := s.order(t, "k1")
		wantOutcome(t, first, err, "order 1", false)

		s.conflicts(1000, 0)
		s.guard = s.newGuard(t, impatient) // which has nothing in its cache
		outcome, err := s.order(t, "k1")
		wantOutcome(t, outcome, err, "order 1", true)

		s.guard = s.newGuard(t, impatient, func(c *idempotency.Config) { c.Clock = func() time.Time { return first.Expires } })
		_, err = s.order(t, "k1")
		if _, busy := errors.AsType[*idempotency.InProgressError](err); !busy {
			t.Errorf("error %v past the window, want *InProgressError", err)
		}
		s.wantLedger(t, 9, 1)
	})
	t.Run("its own", func(t *testing.T) {
		t.Parallel()
		s := newShop(t, 10)
		s.guard = s.newGuard(t, impatient)
		var calls atomic.Int32
		s.Engine.Inject(func(c dynamolocal.Call) dynamolocal.Action {
			switch {
			case c.Operation != "TransactWriteItems":
				return dynamolocal.Action{}
			case calls.Add(1) == 1:
				return dynamolocal.Action{Effect: dynamolocal.DropReply}
			}
			return dynamolocal.Action{Effect: dynamolocal.Conflict}
		})
		outcome, err := s.order(t, "k1")
		wantOutcome(t, outcome, err, "order 1", false)
		s.wantLedger(t, 9, 1)
	})
}

func TestAtomicStoreUnavailable(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10)
	remove := s.Engine.Inject(func(dynamolocal.Call) dynamolocal.Action { return dynamolocal.Action{Effect: dynamolocal.Fail} })
	_, err := s.order(t, "k1")
	if !errors.Is(err, idempotency.ErrStore) {
		t.Errorf("error %v, want ErrStore", err)
	}
	remove()
	s.wantLedger(t, 10, 0)
	if _, err := s.order(t, "k1"); err != nil {
		t.Error(err)
	}
	s.wantLedger(t, 9, 1)
}

func TestAtomicWindowPassed(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10)
	now := time.Now()
	s.guard = s.newGuard(t, func(c *idempotency.Config) {
		c.Window = time.Hour
		c.Clock = func() time.Time { return now }
	})
	outcome, err := s.order(t, "k1")
	wantOutcome(t, outcome, err, "order 1", false)
	now = outcome.Expires.Add(-time.Nanosecond)
	outcome, err = s.order(t, "k1")
	wantOutcome(t, outcome, err, "order 1", true)
	now = outcome.Expires
	outcome, err = s.order(t, "k1")
	wantOutcome(t, outcome, err, "order 3", false)
	s.wantLedger(t, 8, 2)
}

// A plan that can never be written is the developer's mistake, and no outage. It
// is refused when it is made, as far as that can be seen, even if the execution
// goes on in spite of it.
func TestAtomicMistakesInPlans(t *testing.T) {
	t.Parallel()
	touch := func(i int) types.TransactWriteItem {
		return types.TransactWriteItem{Update: &types.Update{
			TableName: aws.String(goods), Key: map[string]types.AttributeValue{"id": put(i).Put.Item["id"]},
			UpdateExpression: aws.String("SET touched = :yes"), ExpressionAttributeValues: map[string]types.AttributeValue{":yes": &types.AttributeValueMemberBOOL{Value: true}},
		}}
	}
	remove := func(i int) types.TransactWriteItem {
		return types.TransactWriteItem{Delete: &types.Delete{TableName: aws.String(goods), Key: map[string]types.AttributeValue{"id": put(i).Put.Item["id"]}}}
	}
	check := types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: aws.String(goods), Key: map[string]types.AttributeValue{"id": put(1).Put.Item["id"]}, ConditionExpression: aws.String("attribute_exists(id)"),
	}}
	elsewhere := types.TransactWriteItem{Put: &types.Put{TableName: aws.String("no-such-table"), Item: put(1).Put.Item}}
	another := put(1)
	another.Put.Item["colour"] = &types.AttributeValueMemberS{Value: "red"}
	both := put(1)
	both.Delete = remove(2).Delete

	several := func(writes ...types.TransactWriteItem) func(*dynamostore.Transaction) error {
		return func(tx *dynamostore.Transaction) (err error) {
			for i, w := range writes {
				err = errors.Join(err, tx.Plan(fmt.Sprint(i), w))
			}
			return err
		}
	}
	var hundred []types.TransactWriteItem
	for i := range 100 {
		hundred = append(hundred, put(i))
	}
	for _, test := range []struct {
		name string
		plan func(*dynamostore.Transaction) error
		seen bool // when it is made
	}{
		{"a name twice", func(tx *dynamostore.Transaction) error { _ = tx.Plan("a", put(1)); return tx.Plan("a", put(2)) }, true},
		{"nothing", several(types.TransactWriteItem{}), true},
		{"two writes in one", several(both), true},
		{"too many", several(hundred...), true},
		{"one item twice, put and update", several(put(1), touch(1)), true},
		{"one item twice, update and delete", several(touch(1), remove(1)), true},
		{"one item twice, check and put", several(check, put(1)), true},
		{"one item twice, put alike", several(put(1), put(1)), true},
		{"one item twice, put differently", several(put(1), another), false},
		{"an unknown table", several(elsewhere), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, 10)
			_, err := s.guard.Do(t.Context(), s.request(t, "k1", "one"), func(ctx context.Context) (idempotency.Result, error) {
				tx, err := dynamostore.TransactionFrom(ctx)
				if err != nil {
					return idempotency.Result{}, err
				}
				if err := test.plan(tx); errors.Is(err, idempotency.ErrPlan) != test.seen {
					t.Errorf("planning it: error %v", err)
				}
				return idempotency.Result{}, nil
			})
			if !errors.Is(err, idempotency.ErrPlan) || errors.Is(err, idempotency.ErrStore) {
				t.Errorf("error %v, want ErrPlan alone", err)
			}
			if requests := s.calls["TransactWriteItems"]; (requests == 0) != test.seen {
				t.Errorf("%d requests", requests)
			}
			s.wantLedger(t, 10, 0)
			outcome, err := s.order(t, "k1")
			wantOutcome(t, outcome, err, "order 1", false)
		})
	}
}

func TestWithoutATransaction(t *testing.T) {
	t.Parallel()
	tx, err := dynamostore.TransactionFrom(t.Context())
	if !errors.Is(err, dynamostore.ErrNoTransaction) {
		t.Errorf("error %v, want ErrNoTransaction", err)
	}
	if err := tx.Plan("a", types.TransactWriteItem{}); !errors.Is(err, dynamostore.ErrNoTransaction) {
		t.Errorf("planning: error %v, want ErrNoTransaction", err)
	}
	if _, refused := tx.Refused("a"); refused {
		t.Error("a write was refused that nobody planned")
	}
}

func TestAtomicMeetsALeasedRecord(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10)
	request := s.request(t, "k1", "one")
	now := time.Now()
	leased := records.InProgress("leased")
	leased.ID, leased.Fingerprint, leased.LeaseUntil, leased.Expires = request.Key.ID(), request.Fingerprint, now.Add(time.Minute), now.Add(time.Hour)
	if _, err := s.Claim(t.Context(), idempotency.Claim{Record: leased, Now: now}); err != nil {
		t.Fatal(err)
	}
	_, err := s.order(t, "k1")
	if _, busy := errors.AsType[*idempotency.InProgressError](err); !busy {
		t.Errorf("error %v, want *InProgressError", err)
	}
	s.guard = s.newGuard(t, func(c *idempotency.Config) { c.Clock = func() time.Time { return now.Add(2 * time.Minute) } })
	if _, err := s.order(t, "k1"); !errors.Is(err, idempotency.ErrOutcomeUnknown) {
		t.Errorf("error %v, want ErrOutcomeUnknown", err)
	}
	s.wantLedger(t, 10, 0)
}

func TestAtomicNeedsAnAtomicStore(t *testing.T) {
	t.Parallel()
	store, err := dynamostore.NewAtomic(dynamodb.New(dynamodb.Options{}), table)
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]idempotency.Config{
		"Store":    {Store: memstore.New(), Mode: idempotency.Atomic},
		"Disabled": {Store: store, Mode: idempotency.Atomic, Disabled: true},
		"Mode":     {Store: store, Mode: 99},
	} {
		if _, err := idempotency.New(cfg); err == nil || !strings.Contains(err.Error(), "Config."+name) {
			t.Errorf("error %v, want one that names Config.%s", err, name)
		}
	}
	if _, err := dynamostore.NewAtomic(nil, table); err == nil {
		t.Error("a missing client was accepted")
	}
	if _, err := dynamostore.NewAtomic(dynamodb.New(dynamodb.Options{}), ""); err == nil {
		t.Error("an empty table name was accepted")
	}
}
