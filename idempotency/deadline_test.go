package idempotency_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// A dead owner blocks its key for a lease, and not for as long as its function
// could have run.
func TestALeaseIsNotTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
		defer cancel()
		complete := w.store.complete
		w.store.complete = func(context.Context, idempotency.Record) (*idempotency.Record, error) { return nil, nil }
		_, err := w.guard.Do(ctx, w.request("pay"), answering("never seen"))
		w.wantError(err, nil)
		w.store.complete = complete
		_, err = w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		w.wantInProgress(err, idempotency.DefaultLease+idempotency.DefaultSkew)
		time.Sleep(idempotency.DefaultLease + idempotency.DefaultSkew + time.Millisecond)
		outcome, err := w.do("pay", "paid")
		w.wantOutcome(outcome, err, "paid", false)
	})
}

func TestALeaseIsRenewedUpToTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const deadline = 15 * time.Minute
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		began := time.Now()
		_, err := w.guard.Do(ctx, w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			for ctx.Err() == nil {
				_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
				busy, ok := errors.AsType[*idempotency.InProgressError](err)
				if !ok {
					t.Fatalf("after %v: %v, want that it is in progress", time.Since(began), err)
				}
				if ends := time.Since(began) + busy.RetryAfter - idempotency.DefaultSkew; ends > deadline+time.Millisecond {
					t.Fatalf("the lease ends at %v, after the deadline", ends)
				}
				time.Sleep(700 * time.Millisecond)
			}
			return idempotency.Result{}, context.Cause(ctx)
		})
		w.wantError(err, idempotency.ErrLeaseOver)
		if ctx.Err() != nil {
			t.Error("the failure was recorded after the deadline")
		}
	})
}

// A handler that heeds its context leaves time to record how it ended.
func TestAnExecutionEndsBeforeItsDeadline(t *testing.T) {
	t.Parallel()
	for deadline, margin := range map[time.Duration]time.Duration{
		time.Second:      100 * time.Millisecond,
		5 * time.Second:  500 * time.Millisecond,
		30 * time.Second: time.Second,
		15 * time.Minute: time.Second,
	} {
		if got := idempotency.DeadlineMargin(deadline); got != margin {
			t.Errorf("the margin of %v is %v, want %v", deadline, got, margin)
		}
		for _, mode := range []idempotency.Mode{idempotency.Leased, idempotency.Atomic} {
			synctest.Test(t, func(t *testing.T) {
				guard := newAtomicGuard(t, newOpenStore(), 0)
				if mode == idempotency.Leased {
					guard = newWorld(t).guard
				}
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				defer cancel()
				began := time.Now()
				_, err := guard.Do(ctx, atomicRequest(t), func(ctx context.Context) (idempotency.Result, error) {
					if until, ok := ctx.Deadline(); !ok || until.Sub(began) != deadline-margin {
						t.Errorf("the context's deadline is %v after the beginning, want %v", until.Sub(began), deadline-margin)
					}
					<-ctx.Done()
					return idempotency.Result{}, ctx.Err()
				})
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != deadline-margin {
					t.Errorf("%v after %v, want %v after %v", err, time.Since(began), context.DeadlineExceeded, deadline-margin)
				}
			})
		}
	}
}

// Nothing is begun that cannot end: under Refuse it would be lost.
func TestNothingBeginsWithoutTime(t *testing.T) {
	t.Parallel()
	for _, recovery := range []idempotency.Recovery{idempotency.Reexecute, idempotency.Refuse, idempotency.Reconcile} {
		for name, claimTakes := range map[string]time.Duration{"from the beginning": 0, "after a slow claim": 970 * time.Millisecond} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w, b := newWorld(t, func(c *idempotency.Config) { c.Recovery = recovery }), &bank{}
					w.store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
						existing, err := w.store.Store.Claim(ctx, c)
						time.Sleep(claimTakes)
						return existing, err
					}
					ctx, cancel := context.WithTimeout(t.Context(), claimTakes+30*time.Millisecond)
					defer cancel()
					_, err := w.guard.Do(ctx, w.reconciling("pay", b), w.mustNotRun)
					w.wantError(err, idempotency.ErrNoTime)
					w.events.want(t, idempotency.ObservedNoTime)

					w.store.claim = nil
					outcome, err := w.guard.Do(t.Context(), w.reconciling("pay", b), b.charge)
					w.wantOutcome(outcome, err, "charged", false)
				})
			})
		}
	}
	t.Run("after the deadline", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			<-ctx.Done()
			_, err := w.guard.Do(ctx, w.request("pay"), w.mustNotRun)
			w.wantError(err, idempotency.ErrNoTime)
			w.events.want(t, idempotency.ObservedNoTime)
		})
	})
	t.Run("atomic", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			_, err := newAtomicGuard(t, newOpenStore(), 0).Do(ctx, atomicRequest(t), func(context.Context) (idempotency.Result, error) {
				t.Error("executed")
				return idempotency.Result{}, nil
			})
			if !errors.Is(err, idempotency.ErrNoTime) {
				t.Errorf("error %v, want %v", err, idempotency.ErrNoTime)
			}
		})
	})
	t.Run("a duplicate is answered from memory", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, cached)
			_, err := w.do("pay", "paid")
			w.wantError(err, nil)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			again, err := w.guard.Do(ctx, w.request("pay"), w.mustNotRun)
			w.wantOutcome(again, err, "paid", true)
		})
	})
}

// Reconciliation may take longer than the lease. Then somebody else may execute.
func TestNothingIsExecutedAfterAReconciliationThatOutlivedItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(t, reconciles), &bank{}
		w.crash(w.newGuard(), "pay")
		time.Sleep(time.Hour)
		w.store.renew = partitioned
		request := w.reconciling("pay", b)
		request.Reconcile = func(context.Context) (idempotency.Reconciliation, error) {
			time.Sleep(2 * time.Minute)
			outcome, err := w.newGuard(reconciles).Do(t.Context(), w.reconciling("pay", b), b.charge)
			w.wantOutcome(outcome, err, "charged", false)
			return idempotency.Reconciliation{}, nil // what it saw before
		}
		_, err := w.guard.Do(t.Context(), request, w.mustNotRun)
		w.wantError(err, idempotency.ErrReconcile)
		w.wantError(err, idempotency.ErrLeaseOver)
		again, err := w.guard.Do(t.Context(), w.reconciling("pay", b), w.mustNotRun)
		w.wantOutcome(again, err, "charged", true)
	})
}

func TestDurationsAreSaturated(t *testing.T) {
	t.Parallel()
	const forever = time.Duration(math.MaxInt64)
	for name, configure := range map[string]func(*idempotency.Config){
		"window": func(c *idempotency.Config) { c.Window = forever },
		"all": func(c *idempotency.Config) {
			c.Window, c.Lease, c.Skew, c.Wait, c.CompletionTimeout = forever, forever, forever, forever, forever
		},
	} {
		for _, deadline := range []time.Time{{}, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, configure)
				ctx := t.Context()
				if !deadline.IsZero() {
					var cancel context.CancelFunc
					ctx, cancel = context.WithDeadline(ctx, deadline)
					defer cancel()
				}
				_, err := w.guard.Do(ctx, w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
					short := w.newGuard()
					_, err := short.Do(t.Context(), w.request("pay"), w.mustNotRun)
					if busy, ok := errors.AsType[*idempotency.InProgressError](err); !ok || busy.RetryAfter < idempotency.DefaultLease {
						t.Errorf("%s: a duplicate got %v", name, err)
					}
					if ctx.Err() != nil {
						t.Errorf("%s: the execution's context has ended: %v", name, context.Cause(ctx))
					}
					return idempotency.Result{Data: []byte("paid")}, nil
				})
				w.wantError(err, nil)
				again, err := w.guard.Do(ctx, w.request("pay"), w.mustNotRun)
				w.wantOutcome(again, err, "paid", true)
				if !again.Expires.After(time.Now().Add(idempotency.DefaultWindow - time.Second)) {
					t.Errorf("%s: the window ends at %v", name, again.Expires)
				}
			})
		}
	}
	t.Run("a lease that outlasts the window is refused", func(t *testing.T) {
		t.Parallel()
		if _, err := idempotency.New(idempotency.Config{Store: &faultyStore{}, Lease: forever}); err == nil {
			t.Error("accepted")
		}
	})
}
