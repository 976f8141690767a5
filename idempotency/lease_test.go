package idempotency_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// A lease begins when its claim is made, and not when the store has answered:
// others count from the record.
func TestASlowClaimDoesNotProlongTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const slow = 45 * time.Second
		w.store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
			existing, err := w.store.Store.Claim(ctx, c)
			time.Sleep(slow)
			return existing, err
		}
		w.store.renew = partitioned
		_, err := w.guard.Do(t.Context(), w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			started := time.Now()
			<-ctx.Done()
			if ran, want := time.Since(started), idempotency.DefaultLease-slow; ran != want {
				t.Errorf("the execution's context ended after %v, want %v", ran, want)
			}
			return idempotency.Result{}, context.Cause(ctx)
		})
		if !errors.Is(err, idempotency.ErrLeaseOver) {
			t.Errorf("error %v, want %v", err, idempotency.ErrLeaseOver)
		}
	})
}

// A process finds its own lease over by either clock: the one that others go by,
// where its timers have stood still while it was frozen, and that of its timers,
// where the other one was set back.
func TestASlowClaimIsNotExecutedUnder(t *testing.T) {
	t.Parallel()
	const lease = idempotency.DefaultLease
	for name, test := range map[string]struct {
		timers, clock time.Duration // how far they move while the store is asked
		runs          bool
	}{
		"in time":            {lease - time.Millisecond, lease - time.Millisecond, true},
		"too late":           {lease, lease, false},
		"timers stood":       {0, lease, false},
		"clock was set back": {lease, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var ahead time.Duration
				w := newWorld(t, func(c *idempotency.Config) {
					c.Clock = func() time.Time { return time.Now().Add(ahead) }
				})
				w.store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
					existing, err := w.store.Store.Claim(ctx, c)
					time.Sleep(test.timers)
					ahead += test.clock - test.timers
					return existing, err
				}
				if test.runs {
					outcome, err := w.do("pay", "paid")
					w.wantOutcome(outcome, err, "paid", false)
					return
				}
				_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
				w.wantError(err, idempotency.ErrLeaseOver)
			})
		})
	}
}

// That an execution was interrupted is said of what the store holds, and not of
// what it once held: meanwhile the owner may have renewed its lease.
func TestARecordOfOldDoesNotMeanThatItsOwnerDied(t *testing.T) {
	t.Parallel()
	refuses := func(c *idempotency.Config) { c.Recovery = idempotency.Refuse }
	start := func(w *world, takes time.Duration) {
		go func() {
			outcome, err := w.newGuard(refuses).Do(w.t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
				time.Sleep(takes)
				return idempotency.Result{Data: []byte("paid")}, nil
			})
			w.wantOutcome(outcome, err, "paid", false)
		}()
		synctest.Wait()
	}
	t.Run("while polls fail", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, refuses, func(c *idempotency.Config) { c.Wait = 5 * time.Minute })
			start(w, 4*time.Minute)
			began := time.Now()
			w.store.load = func(ctx context.Context, id string) (*idempotency.Record, error) {
				if time.Since(began) < 2*time.Minute {
					return nil, errInjected
				}
				return w.store.Store.Load(ctx, id)
			}
			outcome, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantOutcome(outcome, err, "paid", true)
		})
	})
	t.Run("while reads lag", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, refuses, func(c *idempotency.Config) { c.Wait = 5 * time.Minute })
			start(w, 4*time.Minute)
			old, err := w.store.Store.Load(t.Context(), w.key.ID())
			if err != nil {
				t.Fatal(err)
			}
			w.store.load = func(context.Context, string) (*idempotency.Record, error) { return old, nil }
			_, err = w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			if _, busy := errors.AsType[*idempotency.InProgressError](err); !busy {
				t.Errorf("error %v, want *InProgressError", err)
			}
			time.Sleep(5 * time.Minute)
		})
	})
	t.Run("while the claim's reply is slow", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, refuses)
			start(w, time.Hour)
			w.store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
				existing, err := w.store.Store.Claim(ctx, c)
				time.Sleep(2 * time.Minute)
				return existing, err
			}
			_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			if _, busy := errors.AsType[*idempotency.InProgressError](err); !busy {
				t.Errorf("error %v, want *InProgressError", err)
			}
			time.Sleep(time.Hour)
		})
	})
}

// A claim that was granted too late is none: by now somebody else may hold the
// key.
func TestAClaimSlowerThanItsLeaseIsNotExecutedUnder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
			existing, err := w.store.Store.Claim(ctx, c)
			time.Sleep(idempotency.DefaultLease)
			return existing, err
		}
		_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		w.wantError(err, idempotency.ErrStore)
		w.store.claim = nil
		outcome, err := w.do("pay", "paid")
		w.wantOutcome(outcome, err, "paid", false)
	})
}

// A record may expire while the reply that shows it is under way.
func TestARecordThatExpiresOnItsWayIsNotReplayed(t *testing.T) {
	t.Parallel()
	for name, hint := range map[string]bool{"claim": false, "read": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				first, err := w.do("pay", "first")
				w.wantOutcome(first, err, "first", false)
				time.Sleep(time.Until(first.Expires) - time.Second)
				w.store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
					existing, err := w.store.Store.Claim(ctx, c)
					time.Sleep(2 * time.Second)
					return existing, err
				}
				w.store.load = func(ctx context.Context, id string) (*idempotency.Record, error) {
					r, err := w.store.Store.Load(ctx, id)
					time.Sleep(2 * time.Second)
					return r, err
				}
				request := w.request("pay")
				request.LikelyDuplicate = hint
				second, err := w.guard.Do(t.Context(), request, answering("second"))
				w.wantOutcome(second, err, "second", false)
			})
		})
	}
}
