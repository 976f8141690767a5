package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

func newOpenStore() *openStore { return &openStore{Store: memstore.New()} }

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

func newAtomicGuard(t *testing.T, store idempotency.AtomicStore, wait time.Duration) *idempotency.Guard {
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

// A client that hangs up does not cancel an execution, as in leased mode.
func TestAtomicDisconnectStopsNothing(t *testing.T) {
	t.Parallel()
	guard := newAtomicGuard(t, newOpenStore(), 0)
	ctx, hangUp := context.WithCancel(t.Context())
	outcome, err := guard.Do(ctx, atomicRequest(t), func(ctx context.Context) (idempotency.Result, error) {
		hangUp()
		if ctx.Err() != nil {
			t.Error("the client's disconnect cancelled the execution")
		}
		return idempotency.Result{Data: []byte("answer")}, nil
	})
	if err != nil || string(outcome.Data) != "answer" {
		t.Errorf("%q, %v", outcome.Data, err)
	}
	outcome, err = guard.Do(t.Context(), atomicRequest(t), answering("another"))
	if err != nil || string(outcome.Data) != "answer" || !outcome.Replayed {
		t.Errorf("a duplicate got %q, replayed %v, %v", outcome.Data, outcome.Replayed, err)
	}
}

func TestAtomicFailuresAreObserved(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(context.Context) (idempotency.Result, error){
		"error": func(context.Context) (idempotency.Result, error) { return idempotency.Result{}, errInjected },
		"panic": func(context.Context) (idempotency.Result, error) { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ends []idempotency.Event
			guard, err := idempotency.New(idempotency.Config{Store: newOpenStore(), Mode: idempotency.Atomic, Observer: observerFunc(func(e idempotency.Event) {
				if e.Observation.Ends() {
					ends = append(ends, e)
				}
			})})
			if err != nil {
				t.Fatal(err)
			}
			func() {
				defer func() { _ = recover() }()
				_, _ = guard.Do(t.Context(), atomicRequest(t), run)
			}()
			if len(ends) != 1 || ends[0].Observation != idempotency.ObservedReleased || ends[0].Err == nil || ends[0].Level() != slog.LevelError {
				t.Errorf("observed %+v, want a failure", ends)
			}
		})
	}
}

// refusingStore returns an error of its own for each commit.
type refusingStore struct {
	*openStore
	commit func(completed idempotency.Record) error
}

func (s refusingStore) Commit(ctx context.Context, completed idempotency.Record, now time.Time) (*idempotency.Record, error) {
	if err := s.commit(completed); err != nil {
		return nil, err
	}
	return s.openStore.Commit(ctx, completed, now)
}

// A mistake in the program is no outage of the store.
func TestAtomicPlanThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	guard := newAtomicGuard(t, refusingStore{newOpenStore(), func(idempotency.Record) error {
		return fmt.Errorf("two writes of one item: %w", idempotency.ErrPlan)
	}}, 0)
	_, err := guard.Do(t.Context(), atomicRequest(t), answering("answer"))
	if !errors.Is(err, idempotency.ErrPlan) || errors.Is(err, idempotency.ErrStore) {
		t.Errorf("error %v, want %v alone", err, idempotency.ErrPlan)
	}
}

// What a store has no room for is left out for everybody, the process that
// executed included.
func TestResultThatTheStoreHasNoRoomForIsNotKept(t *testing.T) {
	t.Parallel()
	tooLarge := func(r idempotency.Record) error {
		if len(r.Data) > 5 {
			return fmt.Errorf("no room: %w", idempotency.ErrTooLarge)
		}
		return nil
	}
	for name, mode := range map[string]idempotency.Mode{"leased": idempotency.Leased, "atomic": idempotency.Atomic} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen events
			store := newOpenStore()
			guard, err := idempotency.New(idempotency.Config{Mode: mode, Observer: &seen, Store: struct{ idempotency.AtomicStore }{refusingStore{store, tooLarge}}})
			if mode == idempotency.Leased {
				guard, err = idempotency.New(idempotency.Config{Observer: &seen, Store: &faultyStore{Store: store, complete: func(ctx context.Context, r idempotency.Record) (*idempotency.Record, error) {
					if err := tooLarge(r); err != nil {
						return nil, err
					}
					return store.Complete(ctx, r)
				}}})
			}
			if err != nil {
				t.Fatal(err)
			}
			outcome, err := guard.Do(t.Context(), atomicRequest(t), answering("answer"))
			if err != nil || string(outcome.Data) != "answer" {
				t.Errorf("the first call got %q, %v", outcome.Data, err)
			}
			for range 2 {
				_, err = guard.Do(t.Context(), atomicRequest(t), answering("another"))
				if !errors.Is(err, idempotency.ErrResultNotKept) {
					t.Errorf("a duplicate got %v, want %v", err, idempotency.ErrResultNotKept)
				}
			}
			seen.want(t, idempotency.ObservedOversized, idempotency.ObservedExecuted, idempotency.ObservedNotKept, idempotency.ObservedNotKept)
		})
	}
}

// Whether a record has expired is decided when the effects are written: planning
// may take until after its window.
func TestAtomicPlanOutlivesTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &expiringStore{openStore: newOpenStore()}
		guard := newAtomicGuard(t, store, 0)
		first, err := guard.Do(t.Context(), atomicRequest(t), answering("first"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(first.Expires) - time.Second)
		second, err := guard.Do(t.Context(), atomicRequest(t), func(context.Context) (idempotency.Result, error) {
			time.Sleep(10 * time.Second)
			return idempotency.Result{Data: []byte("second")}, nil
		})
		if err != nil || string(second.Data) != "second" || second.Replayed {
			t.Errorf("%q, replayed %v, %v; want its own", second.Data, second.Replayed, err)
		}
		if left := time.Until(second.Expires); left < idempotency.DefaultWindow {
			t.Errorf("the window lasts another %v, want %v", left, idempotency.DefaultWindow)
		}
	})
	t.Run("a slow reply", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			store := &expiringStore{openStore: newOpenStore()}
			guard := newAtomicGuard(t, store, 0)
			first, err := guard.Do(t.Context(), atomicRequest(t), answering("first"))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(first.Expires) - time.Millisecond)
			store.takes = 10 * time.Millisecond
			second, err := guard.Do(t.Context(), atomicRequest(t), answering("second"))
			if err != nil || string(second.Data) != "second" || second.Replayed {
				t.Errorf("%q, replayed %v, %v; want its own", second.Data, second.Replayed, err)
			}
		})
	})
}

// expiringStore finds duplicates when it commits, as a store does that collects
// plans.
type expiringStore struct {
	*openStore
	takes time.Duration
}

func (s *expiringStore) Begin(ctx context.Context, _ idempotency.Attempt) (context.Context, *idempotency.Record, error) {
	s.begun++
	return context.WithValue(ctx, attemptKey{}, s.begun), nil, nil
}

func (s *expiringStore) Commit(ctx context.Context, completed idempotency.Record, now time.Time) (*idempotency.Record, error) {
	defer time.Sleep(s.takes)
	existing, err := s.Load(ctx, completed.ID)
	if err != nil || existing != nil && now.Before(existing.Expires) {
		return existing, err
	}
	claim := completed
	claim.Status = idempotency.InProgress
	if existing, err = s.Claim(ctx, idempotency.Claim{Record: claim, Now: now}); existing != nil || err != nil {
		return existing, err
	}
	return s.Complete(ctx, completed)
}
