package idempotency_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

var errInjected = errors.New("injected")

// faultyStore lets a test stand between a guard and its store.
type faultyStore struct {
	idempotency.Store
	claim    func(context.Context, idempotency.Claim) (*idempotency.Record, error)
	renew    func(context.Context, idempotency.Record) (bool, error)
	complete func(context.Context, idempotency.Record) (*idempotency.Record, error)
	release  func(context.Context, string, string) error
	load     func(context.Context, string) (*idempotency.Record, error)
}

func (s *faultyStore) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	if s.claim != nil {
		return s.claim(ctx, c)
	}
	return s.Store.Claim(ctx, c)
}

func (s *faultyStore) Renew(ctx context.Context, r idempotency.Record) (bool, error) {
	if s.renew != nil {
		return s.renew(ctx, r)
	}
	return s.Store.Renew(ctx, r)
}

func (s *faultyStore) Complete(ctx context.Context, r idempotency.Record) (*idempotency.Record, error) {
	if s.complete != nil {
		return s.complete(ctx, r)
	}
	return s.Store.Complete(ctx, r)
}

func (s *faultyStore) Release(ctx context.Context, id, owner string) error {
	if s.release != nil {
		return s.release(ctx, id, owner)
	}
	return s.Store.Release(ctx, id, owner)
}

func (s *faultyStore) Load(ctx context.Context, id string) (*idempotency.Record, error) {
	if s.load != nil {
		return s.load(ctx, id)
	}
	return s.Store.Load(ctx, id)
}

// partitioned is a renewal that does not reach the store.
func partitioned(context.Context, idempotency.Record) (bool, error) { return false, errInjected }

// events collects observations, but for those of beginnings.
type events struct {
	mu    sync.Mutex
	seen  []idempotency.Observation
	began int
}

func (e *events) Observe(_ context.Context, event idempotency.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if event.Observation == idempotency.ObservedBegan {
		e.began++
		return
	}
	e.seen = append(e.seen, event.Observation)
}

func (e *events) want(t *testing.T, want ...idempotency.Observation) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Equal(e.seen, want) {
		t.Errorf("observed %v, want %v", e.seen, want)
	}
	e.seen = nil
}

// world is a guard with everything around it. Tests run it in a synctest
// bubble, so that its time is theirs.
type world struct {
	t      *testing.T
	store  *faultyStore
	guard  *idempotency.Guard
	events *events
	key    idempotency.Key
}

func newWorld(t *testing.T, configure ...func(*idempotency.Config)) *world {
	t.Helper()
	w := &world{t: t, store: &faultyStore{Store: memstore.New()}, events: &events{}, key: newKey(t, "alice", "payments.create", "k1")}
	w.guard = w.newGuard(configure...)
	return w
}

// newGuard is another process on the same store.
func (w *world) newGuard(configure ...func(*idempotency.Config)) *idempotency.Guard {
	w.t.Helper()
	cfg := idempotency.Config{Store: w.store, Observer: w.events, CacheEntries: -1}
	for _, c := range configure {
		c(&cfg)
	}
	guard, err := idempotency.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return guard
}

func newKey(t *testing.T, principal, operation, token string) idempotency.Key {
	t.Helper()
	scope, err := idempotency.NewScope(principal)
	if err != nil {
		t.Fatal(err)
	}
	key, err := idempotency.NewKey(scope, operation, token)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (w *world) request(payload string) idempotency.Request {
	return idempotency.Request{Key: w.key, Fingerprint: idempotency.NewFingerprint([]byte(payload))}
}

// do runs a request whose execution answers with data.
func (w *world) do(payload, data string) (idempotency.Outcome, error) {
	return w.guard.Do(w.t.Context(), w.request(payload), answering(data))
}

func answering(data string) func(context.Context) (idempotency.Result, error) {
	return func(context.Context) (idempotency.Result, error) {
		return idempotency.Result{Data: []byte(data)}, nil
	}
}

// mustNotRun is an execution that fails the test.
func (w *world) mustNotRun(context.Context) (idempotency.Result, error) {
	w.t.Error("executed")
	return idempotency.Result{}, nil
}

func (w *world) wantOutcome(got idempotency.Outcome, err error, data string, replayed bool) {
	w.t.Helper()
	if err != nil || string(got.Data) != data || got.Replayed != replayed {
		w.t.Errorf("outcome: %q, replayed %v, error %v; want %q, replayed %v", got.Data, got.Replayed, err, data, replayed)
	}
}

func (w *world) wantError(err, want error) {
	w.t.Helper()
	if !errors.Is(err, want) {
		w.t.Errorf("error %v, want %v", err, want)
	}
}

func (w *world) wantInProgress(err error, retryAfter time.Duration) {
	w.t.Helper()
	inProgress, ok := errors.AsType[*idempotency.InProgressError](err)
	if !ok {
		w.t.Errorf("error %v, want *InProgressError", err)
		return
	}
	// Leases are stored in whole milliseconds.
	if d := inProgress.RetryAfter - retryAfter; d < 0 || d > time.Millisecond {
		w.t.Errorf("retry after %v, want %v", inProgress.RetryAfter, retryAfter)
	}
}
