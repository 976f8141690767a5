package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// openStore is an atomic store that opens something for each attempt, as one
// with transactions of its own does.
type openStore struct {
	*memstore.Store
	begun, ended int
	conflicts    int // how many attempts meet another one
	refusals     int // how many plans are refused
	seen         []error
}

type attemptKey struct{}

func (s *openStore) Begin(ctx context.Context, a idempotency.Attempt) (context.Context, *idempotency.Record, error) {
	s.seen = append(s.seen, a.Refusal)
	if s.conflicts > 0 {
		s.conflicts--
		return nil, nil, fmt.Errorf("busy: %w", idempotency.ErrConflict)
	}
	if r, err := s.Load(ctx, a.Record.ID); err != nil || r != nil && a.Now.Before(r.Expires) {
		return nil, r, err
	}
	s.begun++
	return context.WithValue(ctx, attemptKey{}, s.begun), nil, nil
}

func (s *openStore) Commit(ctx context.Context, completed idempotency.Record, _ time.Time) (*idempotency.Record, error) {
	if ctx.Value(attemptKey{}) != s.begun || s.ended == s.begun {
		return nil, errors.New("there is no such attempt")
	}
	if s.refusals > 0 {
		s.refusals--
		return nil, fmt.Errorf("sold out: %w", idempotency.ErrRefused)
	}
	return s.Complete(ctx, completed)
}

func (s *openStore) End(ctx context.Context) {
	if ctx.Value(attemptKey{}) != s.begun {
		panic("the end of another attempt")
	}
	s.ended++
}

func newAtomicGuard(t *testing.T, store *openStore, wait time.Duration) *idempotency.Guard {
	t.Helper()
	guard, err := idempotency.New(idempotency.Config{Store: store, Mode: idempotency.Atomic, CacheEntries: -1, Wait: wait})
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

func atomicRequest(t *testing.T) idempotency.Request {
	t.Helper()
	key, err := idempotency.NewKey(idempotency.SharedScope(), "orders.create", "k1")
	if err != nil {
		t.Fatal(err)
	}
	return idempotency.Request{Key: key, Fingerprint: idempotency.NewFingerprint([]byte("one"))}
}

func TestAtomicAttemptsAreEnded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		run      func(context.Context) (idempotency.Result, error)
		refusals int
		begun    int
	}{
		{"committed", answering("answer"), 0, 1},
		{"refused once", answering("answer"), 1, 2},
		{"refused for good", answering("answer"), 100, 3},
		{"discarded", func(context.Context) (idempotency.Result, error) { return idempotency.Result{Discard: true}, nil }, 0, 1},
		{"failed", func(context.Context) (idempotency.Result, error) { return idempotency.Result{}, errInjected }, 0, 1},
		{"panicked", func(context.Context) (idempotency.Result, error) { panic(errInjected) }, 0, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store := &openStore{Store: memstore.New(), refusals: test.refusals}
			func() {
				defer func() { _ = recover() }()
				_, _ = newAtomicGuard(t, store, 0).Do(t.Context(), atomicRequest(t), test.run)
			}()
			if store.begun != test.begun || store.ended != store.begun {
				t.Errorf("%d attempts begun, %d ended, want %d", store.begun, store.ended, test.begun)
			}
			for i, refusal := range store.seen {
				if refused := errors.Is(refusal, idempotency.ErrRefused); refused != (i > 0) {
					t.Errorf("attempt %d was told of the refusal %v", i, refusal)
				}
			}
		})
	}
}

func TestAtomicDuplicateThatIsKnownAtItsBeginningDoesNotExecute(t *testing.T) {
	t.Parallel()
	store := &openStore{Store: memstore.New()}
	guard := newAtomicGuard(t, store, 0)
	if _, err := guard.Do(t.Context(), atomicRequest(t), answering("answer")); err != nil {
		t.Fatal(err)
	}
	outcome, err := guard.Do(t.Context(), atomicRequest(t), func(context.Context) (idempotency.Result, error) {
		t.Error("it executed")
		return idempotency.Result{}, nil
	})
	if err != nil || string(outcome.Data) != "answer" || !outcome.Replayed {
		t.Errorf("%q, replayed %v, %v", outcome.Data, outcome.Replayed, err)
	}
	if store.begun != 1 || store.ended != 1 {
		t.Errorf("%d attempts begun, %d ended, want 1", store.begun, store.ended)
	}
}

func TestAtomicDuplicateWaitsForARunningAttemptAsConfigured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, err := newAtomicGuard(t, &openStore{Store: memstore.New(), conflicts: 2}, 0).Do(t.Context(), atomicRequest(t), answering("answer"))
		if _, busy := errors.AsType[*idempotency.InProgressError](err); !busy {
			t.Errorf("without a wait: %v, want that it is in progress", err)
		}
		outcome, err := newAtomicGuard(t, &openStore{Store: memstore.New(), conflicts: 2}, time.Second).Do(t.Context(), atomicRequest(t), answering("answer"))
		if err != nil || string(outcome.Data) != "answer" || outcome.Replayed {
			t.Errorf("with a wait: %q, replayed %v, %v", outcome.Data, outcome.Replayed, err)
		}
	})
}
