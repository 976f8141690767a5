package idempotency_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// bank stands for a system outside whose effects can be looked up.
type bank struct{ charges int }

func (b *bank) charge(context.Context) (idempotency.Result, error) {
	b.charges++
	return idempotency.Result{Data: []byte("charged")}, nil
}

func (b *bank) reconcile(context.Context) (idempotency.Reconciliation, error) {
	return idempotency.Reconciliation{Completed: b.charges > 0, Result: idempotency.Result{Data: []byte("found charged")}}, nil
}

func (w *world) reconciling(payload string, b *bank) idempotency.Request {
	r := w.request(payload)
	r.Reconcile = b.reconcile
	return r
}

func reconciles(c *idempotency.Config) { c.Recovery = idempotency.Reconcile }

func TestReconcileCompletesWhatHasHappened(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(t, reconciles), &bank{charges: 1} // charged, then crashed
		w.crash(w.newGuard(), "pay")
		time.Sleep(time.Hour)

		outcome, err := w.guard.Do(t.Context(), w.reconciling("pay", b), b.charge)
		w.wantOutcome(outcome, err, "found charged", false)
		w.events.want(t, idempotency.ObservedTakenOver, idempotency.ObservedReconciled, idempotency.ObservedExecuted)
		again, err := w.guard.Do(t.Context(), w.reconciling("pay", b), b.charge)
		w.wantOutcome(again, err, "found charged", true)
		if b.charges != 1 {
			t.Errorf("%d charges, want 1", b.charges)
		}
	})
}

func TestReconcileExecutesWhatHasNotHappened(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(t, reconciles), &bank{}
		w.crash(w.newGuard(), "pay")
		time.Sleep(time.Hour)
		outcome, err := w.guard.Do(t.Context(), w.reconciling("pay", b), b.charge)
		w.wantOutcome(outcome, err, "charged", false)
		w.events.want(t, idempotency.ObservedTakenOver, idempotency.ObservedExecuted)
	})
}

func TestReconcileIsNotAskedOnTheFirstCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(t, reconciles), &bank{charges: 1}
		outcome, err := w.guard.Do(t.Context(), w.reconciling("pay", b), b.charge)
		w.wantOutcome(outcome, err, "charged", false)
	})
}

func TestReconcileThatFailsIsAskedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(t, reconciles), &bank{charges: 1}
		w.crash(w.newGuard(), "pay")
		time.Sleep(time.Hour)

		broken := w.reconciling("pay", b)
		broken.Reconcile = func(context.Context) (idempotency.Reconciliation, error) {
			return idempotency.Reconciliation{}, errInjected
		}
		_, err := w.guard.Do(t.Context(), broken, w.mustNotRun)
		w.wantError(err, idempotency.ErrReconcile)
		w.wantError(err, errInjected)
		w.events.want(t, idempotency.ObservedTakenOver, idempotency.ObservedFailed)

		time.Sleep(time.Millisecond) // and no longer: nobody else is at it
		outcome, err := w.guard.Do(t.Context(), w.reconciling("pay", b), w.mustNotRun)
		w.wantOutcome(outcome, err, "found charged", false)
	})
}

// The takeover's reply is lost for good. Whether it was written or not, the next
// attempt asks before it executes.
func TestTakeoverWhoseFateIsUnknownIsReconciled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(t, reconciles), &bank{charges: 1}
		w.crash(w.newGuard(), "pay")
		time.Sleep(time.Hour)

		w.store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
			existing, err := w.store.Store.Claim(ctx, c)
			if c.TakeOver != nil {
				return nil, errInjected
			}
			return existing, err
		}
		_, err := w.guard.Do(t.Context(), w.reconciling("pay", b), w.mustNotRun)
		w.wantError(err, idempotency.ErrStore)

		w.store.claim = nil
		time.Sleep(time.Millisecond)
		outcome, err := w.guard.Do(t.Context(), w.reconciling("pay", b), w.mustNotRun)
		w.wantOutcome(outcome, err, "found charged", false)
	})
}

func TestReconciledResultIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(t, reconciles), &bank{charges: 1}
		w.crash(w.newGuard(), "pay")
		time.Sleep(time.Hour)
		careless := w.reconciling("pay", b)
		careless.Reconcile = func(ctx context.Context) (idempotency.Reconciliation, error) {
			found, err := b.reconcile(ctx)
			found.Result.Discard = true
			return found, err
		}
		outcome, err := w.guard.Do(t.Context(), careless, w.mustNotRun)
		w.wantOutcome(outcome, err, "found charged", false)
		outcome, err = w.guard.Do(t.Context(), careless, w.mustNotRun)
		w.wantOutcome(outcome, err, "found charged", true)
	})
}

// An execution may fail after its effect. Where that matters, it is found out
// before anything is executed again.
func TestFailureAfterTheEffectIsReconciled(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func() (idempotency.Result, error){
		"error": func() (idempotency.Result, error) { return idempotency.Result{}, errInjected },
		"panic": func() (idempotency.Result, error) { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, b := newWorld(t, reconciles), &bank{}
				func() {
					defer func() { _ = recover() }()
					_, err := w.guard.Do(t.Context(), w.reconciling("pay", b), func(ctx context.Context) (idempotency.Result, error) {
						_, _ = b.charge(ctx)
						return end()
					})
					w.wantError(err, errInjected)
				}()
				w.events.want(t, idempotency.ObservedFailed)
				time.Sleep(time.Millisecond)
				outcome, err := w.guard.Do(t.Context(), w.reconciling("pay", b), b.charge)
				w.wantOutcome(outcome, err, "found charged", false)
				if b.charges != 1 {
					t.Errorf("%d charges, want 1", b.charges)
				}
			})
		})
	}
}

func TestFailureAfterTheEffectIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *idempotency.Config) { c.Recovery = idempotency.Refuse })
		_, err := w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
			return idempotency.Result{}, errInjected
		})
		w.wantError(err, errInjected)
		time.Sleep(time.Millisecond)
		_, err = w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		w.wantError(err, idempotency.ErrOutcomeUnknown)
	})
}

func TestDiscardReleasesUnderEveryPolicy(t *testing.T) {
	t.Parallel()
	for _, policy := range []idempotency.Recovery{idempotency.Reexecute, idempotency.Refuse, idempotency.Reconcile} {
		synctest.Test(t, func(t *testing.T) {
			w, b := newWorld(t, func(c *idempotency.Config) { c.Recovery = policy }), &bank{}
			_, err := w.guard.Do(t.Context(), w.reconciling("pay", b), func(context.Context) (idempotency.Result, error) {
				return idempotency.Result{Discard: true}, nil
			})
			w.wantError(err, nil)
			outcome, err := w.guard.Do(t.Context(), w.reconciling("pay", b), b.charge)
			w.wantOutcome(outcome, err, "charged", false)
		})
	}
}

func TestReconcileIsRequiredByItsPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, reconciles)
	if _, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun); err == nil {
		t.Error("a request without Reconcile was accepted")
	}
}

// However many find an interrupted execution, one takes it over.
func TestOneOfManyTakesOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(t, reconciles), &bank{}
		w.crash(w.newGuard(), "pay")
		time.Sleep(time.Hour)
		var calls sync.WaitGroup
		for range 20 {
			calls.Go(func() {
				_, _ = w.guard.Do(t.Context(), w.reconciling("pay", b), func(ctx context.Context) (idempotency.Result, error) {
					time.Sleep(time.Second)
					return b.charge(ctx)
				})
			})
		}
		calls.Wait()
		if b.charges != 1 {
			t.Errorf("%d charges, want 1", b.charges)
		}
	})
}
