package idempotency_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// lateClaim lets a second guard claim while another execution runs that comes to
// nothing. The network keeps a copy of that refused claim and delivers it
// once the key is free: before the second guard's next load, or before its next
// claim.
func lateClaim(t *testing.T, w *world, recovery idempotency.Recovery, beforeLoad bool, run func(context.Context) (idempotency.Result, error), configure ...func(*idempotency.Config)) (idempotency.Outcome, error) {
	t.Helper()
	release := make(chan struct{})
	go func() {
		_, _ = w.newGuard().Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
			<-release
			return idempotency.Result{Discard: true}, nil
		})
	}()
	synctest.Wait()

	var late *idempotency.Claim
	arrive := func(ctx context.Context) {
		if late == nil {
			return
		}
		if existing, err := w.store.Store.Claim(ctx, *late); existing != nil || err != nil {
			t.Errorf("the late claim met %+v, %v, want a free key", existing, err)
		}
		late = nil
	}
	claims := 0
	w.store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
		if claims++; claims == 1 {
			late = &c
		} else if !beforeLoad {
			arrive(ctx)
		}
		return w.store.Store.Claim(ctx, c)
	}
	w.store.load = func(ctx context.Context, id string) (*idempotency.Record, error) {
		if release != nil {
			close(release)
			release = nil
			synctest.Wait()
			if beforeLoad {
				arrive(ctx)
			}
		}
		return w.store.Store.Load(ctx, id)
	}
	request := w.request("pay")
	request.Reconcile = func(context.Context) (idempotency.Reconciliation, error) {
		t.Error("it was asked what became of an execution, and there was none")
		return idempotency.Reconciliation{}, nil
	}
	guard := w.newGuard(append(configure, func(c *idempotency.Config) { c.Wait, c.Recovery = 10*time.Second, recovery })...)
	return guard.Do(t.Context(), request, run)
}

// A claim that arrives late is no obstacle to the call that made it.
func TestLateClaimDoesNotLockItsCallOut(t *testing.T) {
	t.Parallel()
	for _, recovery := range []idempotency.Recovery{idempotency.Reexecute, idempotency.Refuse, idempotency.Reconcile} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			outcome, err := lateClaim(t, w, recovery, true, answering("paid"))
			w.wantOutcome(outcome, err, "paid", false)
		})
	}
}

// Nor does it shorten the lease that the call then believes it has.
func TestLateClaimDoesNotShortenTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		outcome, err := lateClaim(t, w, idempotency.Reexecute, false, func(ctx context.Context) (idempotency.Result, error) {
			stored, err := w.store.Store.Load(ctx, w.key.ID())
			if err != nil || stored == nil {
				t.Fatalf("loaded %+v, %v", stored, err)
			}
			if got, want := stored.LeaseUntil, time.Now().Add(idempotency.DefaultLease+idempotency.DefaultSkew); got.Before(want) {
				t.Errorf("the record's lease ends at %v, the execution's with the allowance at %v", got, want)
			}
			return idempotency.Result{Data: []byte("paid")}, nil
		})
		w.wantOutcome(outcome, err, "paid", false)
	})
}

// Before it nothing has run, so there is nothing to ask about, and the key of an
// execution of which nothing is to be kept is free.
func TestLateClaimFollowsNoExecution(t *testing.T) {
	t.Parallel()
	for _, recovery := range []idempotency.Recovery{idempotency.Reexecute, idempotency.Refuse, idempotency.Reconcile} {
		synctest.Test(t, func(t *testing.T) {
			s := newShop(t)
			refuses(s, "charge")
			outcome, err := lateClaim(t, s.world, recovery, true, func(ctx context.Context) (idempotency.Result, error) {
				charge, err := s.step(ctx, "charge")
				return idempotency.Result{Data: []byte(charge)}, err
			}, s.keepsSteps)
			s.wantOutcome(outcome, err, "charge 1", false)
		})
		synctest.Test(t, func(t *testing.T) {
			s := newShop(t)
			_, err := lateClaim(t, s.world, recovery, true, func(context.Context) (idempotency.Result, error) {
				return idempotency.Result{Discard: true}, nil
			}, s.keepsSteps)
			s.wantError(err, nil)
			outcome, err := s.do("something else", "done") // a free key has no payload
			s.wantOutcome(outcome, err, "done", false)
		})
		synctest.Test(t, func(t *testing.T) {
			s := newShop(t)
			s.steps.takeOver = func(ctx context.Context, c idempotency.Claim) ([]idempotency.RecordedStep, *idempotency.Record, error) {
				_, _, _ = s.steps.StepStore.TakeOver(ctx, c)
				return nil, nil, errInjected // the reply is lost
			}
			_, err := lateClaim(t, s.world, recovery, true, answering("paid"), s.keepsSteps)
			s.wantError(err, idempotency.ErrStore)
			outcome, err := s.do("something else", "done")
			s.wantOutcome(outcome, err, "done", false)
		})
	}
}
