package idempotency_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

func TestDuplicateIsReplayed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first, err := w.do("pay 10", "paid")
		w.wantOutcome(first, err, "paid", false)
		w.events.want(t, idempotency.ObservedExecuted)

		again, err := w.guard.Do(t.Context(), w.request("pay 10"), w.mustNotRun)
		w.wantOutcome(again, err, "paid", true)
		w.events.want(t, idempotency.ObservedReplayed)

		if !again.Expires.Equal(first.Expires) {
			t.Errorf("the window ends at %v for the first call and at %v for its duplicate", first.Expires, again.Expires)
		}
		if left := time.Until(first.Expires); left < idempotency.DefaultWindow || left > idempotency.DefaultWindow+time.Second {
			t.Errorf("the window is %v, want %v", left, idempotency.DefaultWindow)
		}
	})
}

func TestEmptyResultIsReplayed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, nothing := range [][]byte{nil, {}} {
			w := newWorld(t)
			_, err := w.guard.Do(t.Context(), w.request("delete"), func(context.Context) (idempotency.Result, error) {
				return idempotency.Result{Data: nothing}, nil
			})
			w.wantError(err, nil)
			again, err := w.guard.Do(t.Context(), w.request("delete"), w.mustNotRun)
			w.wantOutcome(again, err, "", true)
		}
	})
}

func TestOtherPayloadIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, err := w.guard.Do(t.Context(), w.request("pay 10"), func(context.Context) (idempotency.Result, error) {
			_, err := w.guard.Do(t.Context(), w.request("pay 20"), w.mustNotRun)
			w.wantError(err, idempotency.ErrPayloadMismatch) // in progress
			return idempotency.Result{Data: []byte("paid")}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		outcome, err := w.guard.Do(t.Context(), w.request("pay 20"), w.mustNotRun)
		w.wantError(err, idempotency.ErrPayloadMismatch) // completed
		if outcome.Data != nil {
			t.Errorf("a mismatch was told the result: %q", outcome.Data)
		}
		if outcome.Expires.IsZero() {
			t.Error("a mismatch was not told when the window ends")
		}
		w.events.want(t, idempotency.ObservedMismatch, idempotency.ObservedExecuted, idempotency.ObservedMismatch)
	})
}

func TestOtherPayloadDoesNotTakeOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.crash(w.guard, "pay 10")
		time.Sleep(time.Hour)
		_, err := w.guard.Do(t.Context(), w.request("pay 20"), w.mustNotRun)
		w.wantError(err, idempotency.ErrPayloadMismatch)
	})
}

func TestRunningDuplicateIsToldWhenToRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *idempotency.Config) { c.Lease = 30 * time.Second })
		_, err := w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
			time.Sleep(9 * time.Second)
			outcome, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantInProgress(err, 21*time.Second+idempotency.DefaultSkew)
			if outcome.Expires.IsZero() {
				t.Error("not told when the window ends")
			}
			return idempotency.Result{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.events.want(t, idempotency.ObservedInProgress, idempotency.ObservedExecuted)
	})
}

func TestOnlyOneOfManyExecutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var (
		executions atomic.Int32
		wg         sync.WaitGroup
	)
	for range 64 {
		wg.Go(func() {
			_, err := w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
				executions.Add(1)
				return idempotency.Result{Data: []byte("paid")}, nil
			})
			if _, busy := errors.AsType[*idempotency.InProgressError](err); err != nil && !busy {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := executions.Load(); n != 1 {
		t.Errorf("%d executions, want 1", n)
	}
}

func TestWindowPassed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *idempotency.Config) { c.Window = time.Hour })
		first, err := w.do("pay", "first")
		w.wantOutcome(first, err, "first", false)
		time.Sleep(time.Until(first.Expires) - time.Nanosecond)
		last, err := w.do("pay", "last")
		w.wantOutcome(last, err, "first", true)
		time.Sleep(time.Nanosecond)
		second, err := w.do("another payload is fine now", "second")
		w.wantOutcome(second, err, "second", false)
	})
}

// crash executes without an end: the process dies in mid-execution, so that
// neither completion nor release follows.
func (w *world) crash(guard *idempotency.Guard, payload string) {
	w.t.Helper()
	complete, release := w.store.complete, w.store.release
	w.store.complete = func(context.Context, idempotency.Record) (*idempotency.Record, error) { return nil, nil }
	_, err := guard.Do(w.t.Context(), w.request(payload), answering("never seen"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.store.complete, w.store.release = complete, release
	w.events.want(w.t, idempotency.ObservedExecuted)
}

func TestInterruptedExecutionIsTakenOverOnceItsLeaseIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *idempotency.Config) { c.Lease = 30 * time.Second })
		w.crash(w.guard, "pay")

		time.Sleep(30*time.Second + idempotency.DefaultSkew - time.Millisecond)
		_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		w.wantInProgress(err, time.Millisecond)

		time.Sleep(2 * time.Millisecond)
		outcome, err := w.do("pay", "paid")
		w.wantOutcome(outcome, err, "paid", false)
		w.events.want(t, idempotency.ObservedInProgress, idempotency.ObservedTakenOver, idempotency.ObservedExecuted)
	})
}

func TestRefuseNeverExecutesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *idempotency.Config) { c.Recovery = idempotency.Refuse })
		w.crash(w.guard, "pay")
		_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		w.wantInProgress(err, idempotency.DefaultLease+idempotency.DefaultSkew)
		time.Sleep(time.Hour)
		_, err = w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		w.wantError(err, idempotency.ErrOutcomeUnknown)
		w.events.want(t, idempotency.ObservedInProgress, idempotency.ObservedOutcomeUnknown)
	})
}

func TestLeaseEndsWithTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		_, err := w.guard.Do(ctx, w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantInProgress(err, 8*time.Second+idempotency.DefaultSkew)
			<-ctx.Done()
			if cause := context.Cause(ctx); !errors.Is(cause, idempotency.ErrLeaseOver) {
				t.Errorf("the execution's context ended by %v, want ErrLeaseOver", cause)
			}
			return idempotency.Result{}, ctx.Err()
		})
		w.wantError(err, context.DeadlineExceeded)
		outcome, err := w.do("pay", "paid")
		w.wantOutcome(outcome, err, "paid", false)
	})
}

func TestLeaseIsRenewedWithoutDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *idempotency.Config) { c.Window = 2 * time.Minute })
		outcome, err := w.guard.Do(t.Context(), w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			for range 100 { // far beyond lease and window
				time.Sleep(10 * time.Second)
				_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
				if _, busy := errors.AsType[*idempotency.InProgressError](err); !busy {
					t.Fatalf("error %v, want *InProgressError", err)
				}
			}
			if ctx.Err() != nil {
				t.Errorf("the execution's context ended: %v", context.Cause(ctx))
			}
			return idempotency.Result{Data: []byte("paid")}, nil
		})
		w.wantOutcome(outcome, err, "paid", false)
		again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		w.wantOutcome(again, err, "paid", true)
	})
}

func TestExecutionEndsWhenItsLeaseCannotBeRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *idempotency.Config) { c.Lease = 30 * time.Second })
		renewals := 0
		w.store.renew = func(ctx context.Context, r idempotency.Record) (bool, error) {
			if renewals++; renewals > 1 {
				return partitioned(ctx, r)
			}
			return w.store.Store.Renew(ctx, r)
		}
		start := time.Now()
		_, err := w.guard.Do(t.Context(), w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			<-ctx.Done()
			return idempotency.Result{}, context.Cause(ctx)
		})
		w.wantError(err, idempotency.ErrLeaseOver)
		if d := time.Since(start); d != 40*time.Second { // renewed once, after a third
			t.Errorf("the execution's context ended after %v, want 40s", d)
		}
	})
}

func TestExecutionEndsWhenItsLeaseIsTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *idempotency.Config) { c.Lease = 30 * time.Second })
		w.store.renew = func(context.Context, idempotency.Record) (bool, error) { return false, nil }
		start := time.Now()
		_, err := w.guard.Do(t.Context(), w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			<-ctx.Done()
			return idempotency.Result{}, context.Cause(ctx)
		})
		w.wantError(err, idempotency.ErrLeaseOver)
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("the execution's context ended after %v, want 10s", d)
		}
	})
}

func TestErrorReleases(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, err := w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
			return idempotency.Result{}, errInjected
		})
		w.wantError(err, errInjected)
		outcome, err := w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
			return idempotency.Result{Data: []byte("busy"), Discard: true}, nil
		})
		w.wantOutcome(outcome, err, "busy", false)
		outcome, err = w.do("pay", "paid")
		w.wantOutcome(outcome, err, "paid", false)
		w.events.want(t, idempotency.ObservedReleased, idempotency.ObservedReleased, idempotency.ObservedExecuted)
	})
}

func TestPanicReleases(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		func() {
			defer func() {
				if r := recover(); r != "boom" {
					t.Errorf("recovered %v, want the execution's own panic", r)
				}
			}()
			_, _ = w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) { panic("boom") })
		}()
		outcome, err := w.do("pay", "paid")
		w.wantOutcome(outcome, err, "paid", false)
		w.events.want(t, idempotency.ObservedReleased, idempotency.ObservedExecuted)
	})
}

func TestReleaseThatFailsKeepsTheKeyUntilTheLeaseIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.store.release = func(context.Context, string, string) error { return errInjected }
		_, err := w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
			return idempotency.Result{Discard: true}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.events.want(t, idempotency.ObservedReleaseFailed, idempotency.ObservedReleased)
		_, err = w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		if _, busy := errors.AsType[*idempotency.InProgressError](err); !busy {
			t.Errorf("error %v, want *InProgressError", err)
		}
	})
}

func TestStoreUnavailableExecutesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
			return nil, errInjected
		}
		_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		w.wantError(err, idempotency.ErrStore)
		w.wantError(err, errInjected)
		w.events.want(t, idempotency.ObservedStoreUnavailable)
	})
}

func TestClaimWhoseFateIsUnknownDoesNotLockTheKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		w.store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
			if _, err := w.store.Store.Claim(ctx, c); err != nil {
				t.Error(err)
			}
			cancel()                // the client gives up waiting for
			return nil, errInjected // a reply that is lost
		}
		_, err := w.guard.Do(ctx, w.request("pay"), w.mustNotRun)
		w.wantError(err, idempotency.ErrStore)
		w.store.claim = nil
		outcome, err := w.do("pay", "paid")
		w.wantOutcome(outcome, err, "paid", false)
	})
}

func TestCompletionIsRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		failures := 4
		w.store.complete = func(ctx context.Context, r idempotency.Record) (*idempotency.Record, error) {
			if failures--; failures >= 0 {
				return nil, errInjected
			}
			return w.store.Store.Complete(ctx, r)
		}
		outcome, err := w.do("pay", "paid")
		w.wantOutcome(outcome, err, "paid", false)
		again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		w.wantOutcome(again, err, "paid", true)
		w.events.want(t, idempotency.ObservedExecuted, idempotency.ObservedReplayed)
	})
}

func TestCompletionLeavesTimeToAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.store.complete = func(ctx context.Context, r idempotency.Record) (*idempotency.Record, error) {
			<-ctx.Done() // the store hangs
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		outcome, err := w.guard.Do(ctx, w.request("pay"), answering("paid"))
		w.wantOutcome(outcome, err, "paid", false)
		if ctx.Err() != nil {
			t.Error("the deadline passed before the answer was given")
		}
		w.events.want(t, idempotency.ObservedCompletionFailed)
	})
}

func TestExecutionContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		seen := func(guard *idempotency.Guard) (e idempotency.Execution) {
			_, err := guard.Do(t.Context(), w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
				var ok bool
				if e, ok = idempotency.FromContext(ctx); !ok {
					t.Error("the context carries no execution")
				}
				return idempotency.Result{Discard: true}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		first, second := seen(w.guard), seen(w.guard)
		if first.FencingToken() == second.FencingToken() || first.FencingToken() == "" {
			t.Errorf("fencing tokens %q and %q, want two", first.FencingToken(), second.FencingToken())
		}
		if first.DerivedKey("charge") != second.DerivedKey("charge") {
			t.Error("the derived key changed between executions of one key")
		}
		if first.DerivedKey("charge") == first.DerivedKey("receipt") {
			t.Error("two purposes share a derived key")
		}
		if first.ID() != w.key.ID() {
			t.Errorf("ID %q, want %q", first.ID(), w.key.ID())
		}
		w.key = newKey(t, "alice", "payments.create", "k2")
		if other := seen(w.guard); other.DerivedKey("charge") == first.DerivedKey("charge") {
			t.Error("two keys share a derived key")
		}
		if _, ok := idempotency.FromContext(t.Context()); ok {
			t.Error("a context outside carries an execution")
		}
	})
}

func TestResultAtTheLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *idempotency.Config) { c.MaxResult = 100 })
		data := strings.Repeat("x", 100)
		outcome, err := w.do("pay", data)
		w.wantOutcome(outcome, err, data, false)
		again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		w.wantOutcome(again, err, data, true)
		w.events.want(t, idempotency.ObservedExecuted, idempotency.ObservedReplayed)
	})
}

func TestReplaysAreIndependent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first, err := w.do("pay", "paid")
		w.wantOutcome(first, err, "paid", false)
		for i := range 3 {
			again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantOutcome(again, err, "paid", true)
			copy(again.Data, bytes.Repeat([]byte{byte(i)}, 4))
		}
	})
}

func TestInvalidRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, req := range []idempotency.Request{
		{},
		{Key: w.key},
		{Fingerprint: idempotency.NewFingerprint()},
	} {
		if _, err := w.guard.Do(t.Context(), req, w.mustNotRun); err == nil {
			t.Errorf("%+v was accepted", req)
		}
	}
}

func TestConfigIsValidated(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*idempotency.Config){
		"Store":             func(c *idempotency.Config) { c.Store = nil },
		"Window":            func(c *idempotency.Config) { c.Window = time.Minute },
		"Lease":             func(c *idempotency.Config) { c.Lease = -time.Second },
		"Recovery":          func(c *idempotency.Config) { c.Recovery = 99 },
		"MaxResult":         func(c *idempotency.Config) { c.MaxResult = -1 },
		"Wait":              func(c *idempotency.Config) { c.Wait = -1 },
		"CompletionTimeout": func(c *idempotency.Config) { c.CompletionTimeout = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := idempotency.Config{Store: &faultyStore{}}
			spoil(&cfg)
			if _, err := idempotency.New(cfg); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("Config.%s", name)) {
				t.Errorf("error %v, want one that names Config.%s", err, name)
			}
		})
	}
}
