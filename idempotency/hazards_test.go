package idempotency_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// The hazards that published libraries have been seen to fall for. Those that
// need HTTP are tested in idemhttp.

// zombie runs an execution past its lease, which it cannot renew, and lets an
// heir take over meanwhile; then the zombie ends as told.
func (w *world) zombie(heir, zombie func(context.Context) (idempotency.Result, error)) (heirErr error, outcome idempotency.Outcome, err error) {
	w.store.renew = partitioned
	outcome, err = w.guard.Do(w.t.Context(), w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
		time.Sleep(idempotency.DefaultLease + idempotency.DefaultSkew + time.Second)
		_, heirErr = w.newGuard().Do(w.t.Context(), w.request("pay"), heir)
		return zombie(ctx)
	})
	return heirErr, outcome, err
}

func TestHazardZombieOverwrites(t *testing.T) {
	t.Parallel()
	discard := func(context.Context) (idempotency.Result, error) { return idempotency.Result{Discard: true}, nil }
	fail := func(context.Context) (idempotency.Result, error) { return idempotency.Result{}, errInjected }

	t.Run("a late success gets the winner's result", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			heirErr, outcome, err := w.zombie(answering("winner"), answering("zombie"))
			w.wantError(heirErr, nil)
			w.wantOutcome(outcome, err, "winner", true)
			w.events.want(t, idempotency.ObservedTakenOver, idempotency.ObservedExecuted, idempotency.ObservedLeaseLost)
			again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantOutcome(again, err, "winner", true)
		})
	})
	for name, end := range map[string]func(context.Context) (idempotency.Result, error){"error": fail, "discard": discard} {
		t.Run("a late "+name+" deletes nothing", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				_, _, _ = w.zombie(answering("winner"), end)
				again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
				w.wantOutcome(again, err, "winner", true)
			})
		})
	}
	t.Run("while the winner runs the zombie is told to retry", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.store.renew = partitioned
			heir := make(chan struct{})
			_, err := w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
				time.Sleep(idempotency.DefaultLease + idempotency.DefaultSkew + time.Second)
				go func() {
					defer close(heir)
					outcome, err := w.newGuard().Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
						time.Sleep(10 * time.Second)
						return idempotency.Result{Data: []byte("winner")}, nil
					})
					w.wantOutcome(outcome, err, "winner", false)
				}()
				synctest.Wait()
				return idempotency.Result{Data: []byte("zombie")}, nil
			})
			if _, busy := errors.AsType[*idempotency.InProgressError](err); !busy {
				t.Errorf("error %v, want *InProgressError", err)
			}
			<-heir
			again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantOutcome(again, err, "winner", true)
		})
	})
	t.Run("where the heir gave up, the zombie's effect is remembered", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			_, outcome, err := w.zombie(discard, answering("zombie"))
			w.wantOutcome(outcome, err, "zombie", false)
			again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantOutcome(again, err, "zombie", true)
		})
	})
	t.Run("a winner with another payload is none of the zombie's", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			_, outcome, err := w.zombie(func(ctx context.Context) (idempotency.Result, error) {
				return discard(ctx)
			}, func(context.Context) (idempotency.Result, error) {
				other, err := w.newGuard().Do(t.Context(), w.request("pay more"), answering("other"))
				w.wantOutcome(other, err, "other", false)
				return idempotency.Result{Data: []byte("zombie")}, nil
			})
			w.wantOutcome(outcome, err, "zombie", false)
		})
	})
}

func TestHazardOwnLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
			if _, err := w.store.Store.Claim(ctx, c); err != nil { // applied, reply lost:
				return nil, err
			}
			return w.store.Store.Claim(ctx, c) // the SDK repeats it
		}
		outcome, err := w.do("pay", "paid")
		w.wantOutcome(outcome, err, "paid", false)
	})
}

func TestHazardOwnCompletion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.store.complete = func(ctx context.Context, r idempotency.Record) (*idempotency.Record, error) {
			if _, err := w.store.Store.Complete(ctx, r); err != nil {
				return nil, err
			}
			return w.store.Store.Complete(ctx, r)
		}
		outcome, err := w.do("pay", "paid")
		w.wantOutcome(outcome, err, "paid", false)
		w.events.want(t, idempotency.ObservedExecuted)
	})
}

func TestHazardUnsavedEffect(t *testing.T) {
	t.Parallel()
	t.Run("a store fault at completion does not hide the effect", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.store.complete = func(context.Context, idempotency.Record) (*idempotency.Record, error) { return nil, errInjected }
			outcome, err := w.do("pay", "paid")
			w.wantOutcome(outcome, err, "paid", false)
			w.events.want(t, idempotency.ObservedCompletionFailed)
		})
	})
	t.Run("a result over the limit never runs twice", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(c *idempotency.Config) { c.MaxResult = 100 })
			large := strings.Repeat("x", 101)
			outcome, err := w.do("pay", large)
			w.wantOutcome(outcome, err, large, false)
			time.Sleep(time.Hour) // long after the lease
			_, err = w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantError(err, idempotency.ErrResultNotKept)
			w.events.want(t, idempotency.ObservedOversized, idempotency.ObservedExecuted, idempotency.ObservedNotKept)
		})
	})
}

func TestHazardStrangersShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		outcome, err := w.do("pay", "alice's answer")
		w.wantOutcome(outcome, err, "alice's answer", false)
		for _, stranger := range []idempotency.Key{
			newKey(t, "bob", "payments.create", "k1"),
			newKey(t, "alice", "payments.cancel", "k1"),
			newKey(t, "alicek", "payments.create", "1"), // parts of other lengths
		} {
			w.key = stranger
			outcome, err := w.do("pay", "a stranger's answer")
			w.wantOutcome(outcome, err, "a stranger's answer", false)
		}
	})
}

func TestHazardSkewedClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		fast := func(by time.Duration) *idempotency.Guard {
			return w.newGuard(func(c *idempotency.Config) {
				c.Clock = func() time.Time { return time.Now().Add(by) }
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := w.guard.Do(ctx, w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			<-ctx.Done()
			time.Sleep(idempotency.DeadlineMargin(10 * time.Second)) // the very end of the lease
			_, err := fast(idempotency.DefaultSkew).Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantInProgress(err, time.Millisecond)
			return idempotency.Result{Data: []byte("paid")}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.events.want(t, idempotency.ObservedInProgress, idempotency.ObservedExecuted)
	})
}

func TestHazardOutlivedLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		// Both run, which only the handler can prevent by heeding its context; but
		// they never answer differently.
		heirErr, outcome, err := w.zombie(answering("winner"), func(ctx context.Context) (idempotency.Result, error) {
			if !errors.Is(context.Cause(ctx), idempotency.ErrLeaseOver) {
				t.Error("the execution was not told that its lease is over")
			}
			return idempotency.Result{Data: []byte("zombie")}, nil
		})
		w.wantError(heirErr, nil)
		w.wantOutcome(outcome, err, "winner", true)
	})
}

func TestHazardDisconnectLosesTheCompletion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, disconnect := context.WithCancel(t.Context())
		_, err := w.guard.Do(ctx, w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			disconnect()
			if ctx.Err() != nil {
				t.Error("the client's disconnect cancelled the execution")
			}
			return idempotency.Result{Data: []byte("paid")}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		w.wantOutcome(again, err, "paid", true)
	})
}

func TestHazardContentDerivedKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		outcome, err := w.do("coffee", "first coffee")
		w.wantOutcome(outcome, err, "first coffee", false)
		// The same payload again, meant: a key of its own makes it another intent.
		w.key = newKey(t, "alice", "payments.create", "k2")
		outcome, err = w.do("coffee", "second coffee")
		w.wantOutcome(outcome, err, "second coffee", false)
	})
	t.Run("texts that collide under 32-bit hashes are told apart", func(t *testing.T) {
		t.Parallel()
		if idempotency.NewFingerprint([]byte("Aa")) == idempotency.NewFingerprint([]byte("BB")) {
			t.Error("Aa and BB have one fingerprint")
		}
		if newKey(t, "Aa", "op", "k") == newKey(t, "BB", "op", "k") || newKey(t, "s", "op", "Aa") == newKey(t, "s", "op", "BB") {
			t.Error("Aa and BB make one key")
		}
	})
}

func TestHazardAliasing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		data := []byte("paid")
		outcome, err := w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
			return idempotency.Result{Data: data}, nil
		})
		w.wantOutcome(outcome, err, "paid", false)
		copy(data, "XXXX")
		again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		w.wantOutcome(again, err, "paid", true)
	})
}
