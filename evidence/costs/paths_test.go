package costs_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/evidence/records"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

// path is one way in which a request is answered.
type path struct {
	name string
	mode idempotency.Mode
	// response is the size of the response in bytes, which does not compress.
	response int
	// again: what is measured is not the first request but a duplicate of it,
	again bool
	// while the first is still running,
	running bool
	// with another payload,
	other bool
	// that says that it is a retry,
	retry bool
	// at the process that answered the first.
	cached bool
}

const (
	small = 500       // with what the record says of itself, less than 1 KB
	large = 100 << 10 // kept beside the record
)

// The names of paths that something else is worked out of.
const (
	firstLeased = "first call, leased"
	replay      = "replay from the record"
	readFirst   = "replay, the request says that it is a retry"
	beside      = "replay, 100 KB beside the record"
	inProgress  = "409: the first is still running"
	fromCache   = "replay from the process's cache"
)

var paths = []path{
	{name: firstLeased, response: small},
	{name: "first call, leased, response of 100 KB", response: large},
	{name: "first call, atomic, with one effect", mode: idempotency.Atomic, response: small},
	{name: replay, response: small, again: true},
	{name: "replay from a record of 4 KB", response: 3700, again: true},
	{name: beside, response: large, again: true},
	{name: readFirst, response: small, again: true, retry: true},
	{name: fromCache, response: small, again: true, cached: true},
	{name: "replay in atomic mode", mode: idempotency.Atomic, response: small, again: true},
	{name: inProgress, response: small, again: true, running: true},
	{name: "422: another payload", response: small, again: true, other: true},
}

// measured is what the engine was asked for a path.
type measured struct {
	roundTrips    float64 // whole numbers, but for means
	writes, reads float64 // capacity units
	extraBytes    float64 // of the response, beyond what every response has
}

// meter counts what reaches the engine.
type meter struct {
	mu sync.Mutex
	measured
}

func (m *meter) observe(e dynamolocal.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.roundTrips++
	for _, c := range e.Consumed {
		m.writes += c.Write
		m.reads += c.Read
	}
}

// take returns what was counted and begins anew.
func (m *meter) take() measured {
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := m.measured
	m.measured = measured{}
	return taken
}

// measure takes the path, and checks that it is the one it is called.
func (p path) measure(t *testing.T) measured {
	t.Helper()
	m := p.take(t)
	m.extraBytes = float64(p.response - small)
	return m
}

func (p path) take(t *testing.T) measured {
	t.Helper()
	var m meter
	db := dynamotest.New(t, dynamolocal.Config{Observe: m.observe})
	db.CreateTable(t, "records", "id")
	db.CreateTable(t, "effects", "id")
	newGuard := func() *idempotency.Guard {
		store, err := dynamostore.NewAtomic(db.Client, "records", dynamostore.RequestTimeout(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		guard, err := idempotency.New(idempotency.Config{Store: store, Mode: p.mode, CompletionTimeout: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return guard
	}
	first, second := newGuard(), newGuard()
	if p.cached {
		second = first
	}
	m.take()
	if !p.again {
		if outcome, err := p.call(t, first, "payload", nil); err != nil || outcome.Replayed {
			t.Fatalf("%s: %v, replayed %v", p.name, err, outcome.Replayed)
		}
		return m.take()
	}

	var outcome idempotency.Outcome
	var err error
	var taken measured
	duplicate := func() {
		m.take()
		payload := "payload"
		if p.other {
			payload = "another"
		}
		outcome, err = p.call(t, second, payload, nil)
		taken = m.take()
	}
	meanwhile := func() {}
	if p.running {
		meanwhile = duplicate
	}
	if _, err := p.call(t, first, "payload", meanwhile); err != nil {
		t.Fatal(err)
	}
	if !p.running {
		duplicate()
	}

	var running *idempotency.InProgressError
	switch {
	case p.running && errors.As(err, &running):
	case p.other && errors.Is(err, idempotency.ErrPayloadMismatch):
	case err == nil && outcome.Replayed && len(outcome.Data) == p.response:
	default:
		t.Fatalf("%s: %v, replayed %v, %d bytes", p.name, err, outcome.Replayed, len(outcome.Data))
	}
	return taken
}

func (p path) call(t *testing.T, guard *idempotency.Guard, payload string, meanwhile func()) (idempotency.Outcome, error) {
	t.Helper()
	key, err := idempotency.NewKey(idempotency.SharedScope(), "payments.create", "k1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return guard.Do(ctx, idempotency.Request{
		Key: key, Fingerprint: idempotency.NewFingerprint([]byte(payload)), LikelyDuplicate: p.retry,
	}, func(ctx context.Context) (idempotency.Result, error) {
		if meanwhile != nil {
			meanwhile()
		}
		if p.mode == idempotency.Atomic {
			tx, err := dynamostore.TransactionFrom(ctx)
			if err != nil {
				return idempotency.Result{}, err
			}
			err = tx.Plan("effect", types.TransactWriteItem{Put: &types.Put{
				TableName: aws.String("effects"),
				Item:      map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "e1"}},
			}})
			if err != nil {
				return idempotency.Result{}, err
			}
		}
		return idempotency.Result{Data: records.Random(p.response)}, nil
	})
}
