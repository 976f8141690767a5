package idempotency_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// A store that panics after the effect is one that does not answer: the caller is
// given the result, and the observer the cause.
func TestAStoreThatPanicsAfterTheEffect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.store.complete = func(context.Context, idempotency.Record) (*idempotency.Record, error) { panic("boom") }
		outcome, err := w.do("a", "charged")
		w.wantOutcome(outcome, err, "charged", false)
		w.events.want(t, idempotency.ObservedCompletionFailed)
	})
}

// A renewal is made outside of all requests, and so a panic in it would end the
// process.
func TestAStoreThatPanicsInARenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		panics := true
		w.store.renew = func(ctx context.Context, r idempotency.Record) (bool, error) {
			if panics {
				panics = false
				panic("boom")
			}
			return w.store.Store.Renew(ctx, r)
		}
		outcome, err := w.guard.Do(t.Context(), w.request("a"), func(ctx context.Context) (idempotency.Result, error) {
			time.Sleep(10 * time.Minute) // many leases
			return idempotency.Result{Data: []byte("charged")}, ctx.Err()
		})
		w.wantOutcome(outcome, err, "charged", false)
		w.events.want(t, idempotency.ObservedExecuted)
	})
}

func TestAStoreThatPanicsWhenAKeyIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.store.release = func(context.Context, string, string) error { panic("boom") }
		_, err := w.guard.Do(t.Context(), w.request("a"), func(context.Context) (idempotency.Result, error) {
			return idempotency.Result{}, errInjected
		})
		w.wantError(err, errInjected)
		w.events.want(t, idempotency.ObservedReleaseFailed, idempotency.ObservedReleased)
	})
}

func TestReconcileThatPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *idempotency.Config) { c.Recovery = idempotency.Reconcile })
		reconcile := func(context.Context) (idempotency.Reconciliation, error) { panic("boom") }
		do := func(run func(context.Context) (idempotency.Result, error)) (outcome idempotency.Outcome, err error) {
			defer func() { _ = recover() }()
			request := w.request("a")
			request.Reconcile = func(ctx context.Context) (idempotency.Reconciliation, error) { return reconcile(ctx) }
			return w.guard.Do(t.Context(), request, run)
		}
		_, _ = do(func(context.Context) (idempotency.Result, error) { return idempotency.Result{}, errInjected })
		_, _ = do(w.mustNotRun)
		reconcile = func(context.Context) (idempotency.Reconciliation, error) {
			return idempotency.Reconciliation{Completed: true, Result: idempotency.Result{Data: []byte("charged")}}, nil
		}
		outcome, err := do(w.mustNotRun)
		w.wantOutcome(outcome, err, "charged", false)
	})
}

// begins is an observer of beginnings.
type begins struct {
	events
	start func(context.Context) context.Context
}

func (s *begins) Start(ctx context.Context, _, _ string) context.Context { return s.start(ctx) }

func TestAStarterWithoutAContext(t *testing.T) {
	t.Parallel()
	s := &begins{start: func(context.Context) context.Context { return nil }}
	for name, observer := range map[string]idempotency.Observer{"alone": s, "beside another": idempotency.Observers(s, &events{})} {
		w := newWorld(t, func(c *idempotency.Config) { c.Observer = observer })
		outcome, err := w.do("a", "charged")
		if string(outcome.Data) != "charged" || err != nil {
			t.Errorf("%s: %q, %v", name, outcome.Data, err)
		}
	}
}

// brokenHandler is a log handler that panics, as one does whose writer is nil.
type brokenHandler struct{ slog.Handler }

func (brokenHandler) Handle(context.Context, slog.Record) error { panic("boom") }

// A panic of an observer is logged, and the logger may be what has panicked. It
// changes the default logger, and so runs alone.
func TestTheDefaultLoggerPanicsAsWell(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	logger := slog.New(brokenHandler{slog.NewTextHandler(io.Discard, nil)})
	slog.SetDefault(logger)
	w := newWorld(t, func(c *idempotency.Config) {
		c.Observer = &begins{start: func(context.Context) context.Context { panic("boom") }}
	})
	outcome, err := w.do("a", "charged")
	w.wantOutcome(outcome, err, "charged", false)
	w = newWorld(t, func(c *idempotency.Config) { c.Observer = idempotency.NewSlogObserver(logger) })
	outcome, err = w.do("a", "charged")
	w.wantOutcome(outcome, err, "charged", false)
}

// What is missing is found before anything is claimed.
func TestWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.claim = func(context.Context, idempotency.Claim) (*idempotency.Record, error) {
		t.Error("claimed")
		return nil, errInjected
	}
	if _, err := w.guard.Do(t.Context(), w.request("a"), nil); err == nil {
		t.Error("nothing to run is no error")
	}
	for name, guard := range map[string]*idempotency.Guard{"nil": nil, "zero": {}} {
		if _, err := guard.Do(t.Context(), w.request("a"), w.mustNotRun); err == nil {
			t.Errorf("the %s guard is no error", name)
		}
		guard.ObserveRefusal(t.Context(), "payments.create", errInjected)
	}
	intent := idempotency.Intent{Scope: idempotency.SharedScope(), Operation: "payments.create", Key: "k1", Payload: "a"}
	if _, _, err := idempotency.Do[string](t.Context(), w.guard, intent, nil); err == nil {
		t.Error("nothing to run is no error")
	}
	if _, _, err := idempotency.Do(t.Context(), nil, intent, func(context.Context) (string, error) { return "", nil }); err == nil {
		t.Error("no guard is no error")
	}
}

// A constructor's error that was ignored leaves a nil pointer, which an interface
// holds without being nil.
func TestNilPointersAreMissing(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]idempotency.Config{
		"Store":    {Store: (*memstore.Store)(nil)},
		"Observer": {Store: memstore.New(), Observer: (*events)(nil)},
	} {
		if _, err := idempotency.New(cfg); err == nil {
			t.Errorf("a nil %s is no error", name)
		}
	}
}
