package idempotency_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// The lease is renewed until the result is recorded, and not only until the
// operation has returned.
func TestHazardLeaseEndsBeforeTheRecord(t *testing.T) {
	t.Parallel()
	for name, deadline := range map[string]time.Duration{"no deadline": 0, "deadline": 15 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				short := func(c *idempotency.Config) { c.Lease, c.Skew = 10*time.Second, time.Second }
				w := newWorld(t, short, func(c *idempotency.Config) { c.CompletionTimeout = time.Minute })
				w.store.complete = func(ctx context.Context, r idempotency.Record) (*idempotency.Record, error) {
					time.Sleep(20 * time.Second)
					return w.store.Store.Complete(ctx, r)
				}
				ctx := t.Context()
				if deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, deadline)
					defer cancel()
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					outcome, err := w.guard.Do(ctx, w.request("pay"), answering("paid"))
					w.wantOutcome(outcome, err, "paid", false)
				}()
				time.Sleep(12 * time.Second)
				_, err := w.newGuard(short).Do(t.Context(), w.request("pay"), w.mustNotRun)
				if _, busy := errors.AsType[*idempotency.InProgressError](err); !busy {
					t.Errorf("error %v, want *InProgressError", err)
				}
				<-done
				again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
				w.wantOutcome(again, err, "paid", true)
			})
		})
	}
}

// After a failure nothing is renewed any more: a late renewal would lock the key.
func TestNoRenewalFollowsAFailure(t *testing.T) {
	t.Parallel()
	for _, recovery := range []idempotency.Recovery{idempotency.Reexecute, idempotency.Refuse} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(c *idempotency.Config) { c.Recovery = recovery })
			settled := false
			w.store.renew = func(ctx context.Context, r idempotency.Record) (bool, error) {
				if r.LeaseUntil.IsZero() {
					settled = true
				} else if settled {
					t.Error("renewed after the failure")
				}
				held, err := w.store.Store.Renew(ctx, r)
				if settled {
					time.Sleep(idempotency.DefaultLease) // the reply is slow
				}
				return held, err
			}
			w.store.release = func(ctx context.Context, id, owner string) error {
				settled = true
				defer time.Sleep(idempotency.DefaultLease)
				return w.store.Store.Release(ctx, id, owner)
			}
			_, err := w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
				time.Sleep(10 * time.Minute)
				return idempotency.Result{}, errInjected
			})
			w.wantError(err, errInjected)
			time.Sleep(time.Hour)
			if !settled {
				t.Error("the failure was not settled")
			}
		})
	}
}

// The timers of a process that is frozen may stand still meanwhile, and others go
// by the wall clock. After the thaw the context agrees with the lease.
func TestAFrozenProcessNoticesThatItsLeaseIsOver(t *testing.T) {
	t.Parallel()
	for name, deadline := range map[string]time.Duration{"no deadline": 0, "deadline": time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var ahead atomic.Int64
				w := newWorld(t, func(c *idempotency.Config) {
					c.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
				})
				ctx := t.Context()
				if deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, deadline)
					defer cancel()
				}
				_, err := w.guard.Do(ctx, w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
					time.Sleep(5 * time.Second)
					ahead.Store(int64(10 * time.Minute)) // it was frozen
					time.Sleep(time.Second)
					synctest.Wait()
					if !errors.Is(context.Cause(ctx), idempotency.ErrLeaseOver) {
						t.Errorf("a second after the thaw the execution's context ended by %v, want %v", context.Cause(ctx), idempotency.ErrLeaseOver)
					}
					return idempotency.Result{}, context.Cause(ctx)
				})
				w.wantError(err, idempotency.ErrLeaseOver)
			})
		})
	}
}

// A nested execution works under the lease of the outer one as well.
func TestANestedExecutionEndsWithTheOuterLease(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]idempotency.Mode{"leased": idempotency.Leased, "atomic": idempotency.Atomic} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.store.renew = func(context.Context, idempotency.Record) (bool, error) { return false, nil }
				inner := newWorld(t).guard
				if mode == idempotency.Atomic {
					inner = newAtomicGuard(t, newOpenStore(), 0)
				}
				_, err := w.guard.Do(t.Context(), w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
					began := time.Now()
					derived, cancel := context.WithCancel(ctx)
					_, err := inner.Do(derived, atomicRequest(t), func(ctx context.Context) (idempotency.Result, error) {
						cancel() // does not end it
						if ctx.Err() != nil {
							t.Error("the nested execution was cancelled with its caller")
						}
						select {
						case <-ctx.Done():
						case <-time.After(time.Hour):
						}
						if !errors.Is(context.Cause(ctx), idempotency.ErrLeaseOver) || time.Since(began) > idempotency.DefaultLease {
							t.Errorf("the nested execution ended after %v by %v", time.Since(began), context.Cause(ctx))
						}
						return idempotency.Result{}, context.Cause(ctx)
					})
					w.wantError(err, idempotency.ErrLeaseOver)
					return idempotency.Result{}, err
				})
				w.wantError(err, idempotency.ErrLeaseOver)
			})
		})
	}
	t.Run("and not with the outer execution", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w, inner := newWorld(t), newWorld(t)
			done := make(chan struct{})
			_, err := w.guard.Do(t.Context(), w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
				go func() {
					defer close(done)
					outcome, err := inner.guard.Do(ctx, inner.request("log"), func(ctx context.Context) (idempotency.Result, error) {
						time.Sleep(time.Second)
						if ctx.Err() != nil {
							t.Errorf("ended by %v", context.Cause(ctx))
						}
						return idempotency.Result{Data: []byte("logged")}, nil
					})
					inner.wantOutcome(outcome, err, "logged", false)
				}()
				synctest.Wait()
				return idempotency.Result{Data: []byte("paid")}, nil
			})
			w.wantError(err, nil)
			<-done
		})
	})
}
