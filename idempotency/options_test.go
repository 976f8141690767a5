package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// slow starts an execution that takes a while, and returns once it runs.
func (w *world) slow(d time.Duration, result idempotency.Result, err error) {
	go func() {
		_, _ = w.newGuard().Do(w.t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
			time.Sleep(d)
			return result, err
		})
	}()
	synctest.Wait()
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	waits := func(c *idempotency.Config) { c.Wait = 5 * time.Second }
	answer := idempotency.Result{Data: []byte("paid")}

	t.Run("replays when the execution completes", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, waits)
			w.slow(3*time.Second, answer, nil)
			start := time.Now()
			outcome, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantOutcome(outcome, err, "paid", true)
			if d := time.Since(start); d < 3*time.Second || d > 4*time.Second {
				t.Errorf("waited %v for an execution of 3s", d)
			}
		})
	})
	t.Run("gives up in time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, waits)
			w.slow(time.Minute, answer, nil)
			start := time.Now()
			_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantInProgress(err, idempotency.DefaultLease+idempotency.DefaultSkew-5*time.Second)
			if d := time.Since(start); d != 5*time.Second {
				t.Errorf("waited %v, want 5s", d)
			}
			time.Sleep(time.Minute)
		})
	})
	t.Run("executes when the execution fails", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, waits)
			w.slow(time.Second, idempotency.Result{}, errInjected)
			outcome, err := w.do("pay", "paid by the second")
			w.wantOutcome(outcome, err, "paid by the second", false)
		})
	})
	t.Run("takes over when the lease ends", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, waits)
			w.crash(w.newGuard(), "pay")
			time.Sleep(idempotency.DefaultLease + idempotency.DefaultSkew - 2*time.Second)
			outcome, err := w.do("pay", "paid by the second")
			w.wantOutcome(outcome, err, "paid by the second", false)
		})
	})
	t.Run("not for another payload", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, waits)
			w.slow(3*time.Second, answer, nil)
			start := time.Now()
			_, err := w.guard.Do(t.Context(), w.request("pay more"), w.mustNotRun)
			w.wantError(err, idempotency.ErrPayloadMismatch)
			if d := time.Since(start); d != 0 {
				t.Errorf("waited %v", d)
			}
			time.Sleep(time.Minute)
		})
	})
	t.Run("not for a client that is gone", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, waits)
			w.slow(time.Minute, answer, nil)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			start := time.Now()
			_, err := w.guard.Do(ctx, w.request("pay"), w.mustNotRun)
			if _, busy := errors.AsType[*idempotency.InProgressError](err); !busy || time.Since(start) != time.Second {
				t.Errorf("error %v after %v", err, time.Since(start))
			}
			time.Sleep(time.Minute)
		})
	})
	t.Run("through faults of the store", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, waits)
			w.slow(time.Second, answer, nil)
			failures := 8
			w.store.load = func(ctx context.Context, id string) (*idempotency.Record, error) {
				if failures--; failures >= 0 {
					return nil, errInjected
				}
				return w.store.Store.Load(ctx, id)
			}
			outcome, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantOutcome(outcome, err, "paid", true)
		})
	})
}

// However many wait for an execution, one of them looks at the store at a time.
func TestOneLookServesAllWhoWait(t *testing.T) {
	t.Parallel()
	const calls, executionTakes = 100, 8 * time.Second
	start := func(t *testing.T, w *world, patience func(i int) time.Duration) (results []error) {
		t.Helper()
		var all sync.WaitGroup
		results = make([]error, calls)
		for i := range calls {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				ctx, cancel := context.WithTimeout(t.Context(), patience(i))
				defer cancel()
				var outcome idempotency.Outcome
				outcome, results[i] = w.guard.Do(ctx, w.request("pay"), w.mustNotRun)
				if results[i] == nil && (string(outcome.Data) != "paid" || !outcome.Replayed) {
					t.Errorf("call %d: %+v", i, outcome)
				}
				copy(outcome.Data, "XXXX") // nobody else may see this
			})
		}
		all.Wait()
		return results
	}
	world := func(t *testing.T) (*world, *int) {
		t.Helper()
		w := newWorld(t, func(c *idempotency.Config) { c.Wait = time.Minute })
		w.slow(executionTakes, idempotency.Result{Data: []byte("paid")}, nil)
		looks := 0
		w.store.load = func(ctx context.Context, id string) (*idempotency.Record, error) {
			looks++
			return w.store.Store.Load(ctx, id)
		}
		return w, &looks
	}
	t.Run("all stay", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w, looks := world(t)
			began := time.Now()
			for i, err := range start(t, w, func(int) time.Duration { return time.Hour }) {
				if err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			}
			if *looks > 40 { // one call alone makes as many
				t.Errorf("%d looks", *looks)
			}
			if took := time.Since(began); took > executionTakes+time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("the one that looks goes away", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w, looks := world(t)
			results := start(t, w, func(i int) time.Duration {
				if i < 10 {
					return time.Duration(i+1) * 500 * time.Millisecond
				}
				return time.Hour
			})
			for i, err := range results {
				if _, busy := errors.AsType[*idempotency.InProgressError](err); busy != (i < 10) {
					t.Errorf("call %d: %v", i, err)
				}
			}
			if *looks > 100 {
				t.Errorf("%d looks", *looks)
			}
		})
	})
	t.Run("the first fails, and one of all executes", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(c *idempotency.Config) { c.Wait = time.Minute })
			w.slow(time.Second, idempotency.Result{}, errInjected)
			executions := 0
			var all sync.WaitGroup
			for range calls {
				all.Go(func() {
					outcome, err := w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
						executions++
						time.Sleep(time.Second)
						return idempotency.Result{Data: []byte("paid")}, nil
					})
					if err != nil || string(outcome.Data) != "paid" {
						t.Errorf("%+v, %v", outcome, err)
					}
				})
			}
			all.Wait()
			if executions != 1 {
				t.Errorf("%d executions, want 1", executions)
			}
		})
	})
}

// countClaims counts the claims that reach the store.
func (w *world) countClaims() *int {
	claims := 0
	w.store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
		claims++
		return w.store.Store.Claim(ctx, c)
	}
	return &claims
}

func cached(c *idempotency.Config) { c.CacheEntries = 0 } // the default

func TestCacheAnswersDuplicates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cached, func(c *idempotency.Config) { c.Window, c.CacheAge = time.Hour, 2*time.Hour })
		claims := w.countClaims()
		first, err := w.do("pay", "paid")
		w.wantOutcome(first, err, "paid", false)
		copy(first.Data, "XXXX") // nobody else may see this
		for range 3 {
			again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantOutcome(again, err, "paid", true)
			if !again.Expires.Equal(first.Expires) {
				t.Errorf("the window ends at %v, cached at %v", first.Expires, again.Expires)
			}
			copy(again.Data, "XXXX") // nor this
		}
		_, err = w.guard.Do(t.Context(), w.request("pay more"), w.mustNotRun)
		w.wantError(err, idempotency.ErrPayloadMismatch)
		if *claims != 1 {
			t.Errorf("%d claims, want 1", *claims)
		}

		time.Sleep(time.Until(first.Expires))
		later, err := w.do("pay", "paid again")
		w.wantOutcome(later, err, "paid again", false)
	})
}

func TestCacheLearnsFromReplays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cached)
		_, err := w.newGuard().Do(t.Context(), w.request("pay"), answering("paid")) // by another process
		w.wantError(err, nil)
		claims := w.countClaims()
		for range 3 {
			again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantOutcome(again, err, "paid", true)
		}
		if *claims != 1 {
			t.Errorf("%d claims, want 1", *claims)
		}
	})
}

func TestCacheIsScoped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cached)
		_, err := w.do("pay", "alice's")
		w.wantError(err, nil)
		w.key = newKey(t, "bob", "payments.create", "k1")
		outcome, err := w.do("pay", "bob's")
		w.wantOutcome(outcome, err, "bob's", false)
	})
}

func TestCacheForgetsWhatWasNotCompleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cached)
		_, err := w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
			_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			if _, busy := errors.AsType[*idempotency.InProgressError](err); !busy {
				t.Errorf("error %v, want *InProgressError", err)
			}
			return idempotency.Result{Discard: true}, nil
		})
		w.wantError(err, nil)
		outcome, err := w.do("pay", "paid")
		w.wantOutcome(outcome, err, "paid", false)
	})
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		configure func(*idempotency.Config)
		size      int
		held      int
	}{
		"by entries":                {func(c *idempotency.Config) { c.CacheEntries = 3 }, 1, 3},
		"by bytes":                  {func(c *idempotency.Config) { c.CacheEntries, c.CacheBytes = 0, 10_000 }, 2000, 3},
		"larger than all the cache": {func(c *idempotency.Config) { c.CacheEntries, c.CacheBytes = 0, 10_000 }, 10_000, 0},
		"off by entries":            {func(c *idempotency.Config) { c.CacheEntries = -1 }, 1, 0},
		"off by bytes":              {func(c *idempotency.Config) { c.CacheEntries, c.CacheBytes = 0, -1 }, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, test.configure)
				const keys = 10
				each := func(do func(i int)) {
					for i := range keys {
						w.key = newKey(t, "alice", "payments.create", fmt.Sprint("k", i))
						do(i)
					}
				}
				each(func(int) {
					_, err := w.do("pay", strings.Repeat("x", test.size))
					w.wantError(err, nil)
				})
				held := 0
				w.store.claim = func(context.Context, idempotency.Claim) (*idempotency.Record, error) { return nil, errInjected }
				each(func(i int) {
					if _, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun); err == nil {
						held++
						if i < keys-test.held {
							t.Errorf("key %d is held, though later ones were used more recently", i)
						}
					}
				})
				if held != test.held {
					t.Errorf("%d records are held, want %d", held, test.held)
				}
			})
		})
	}
}

func TestRetryHint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		claims := w.countClaims()
		retry := w.request("pay")
		retry.LikelyDuplicate = true

		outcome, err := w.guard.Do(t.Context(), retry, answering("paid")) // a wrong hint does no harm
		w.wantOutcome(outcome, err, "paid", false)
		again, err := w.guard.Do(t.Context(), retry, w.mustNotRun)
		w.wantOutcome(again, err, "paid", true)
		other := w.request("pay more")
		other.LikelyDuplicate = true
		_, err = w.guard.Do(t.Context(), other, w.mustNotRun)
		w.wantError(err, idempotency.ErrPayloadMismatch)
		if *claims != 1 {
			t.Errorf("%d claims, want 1", *claims)
		}

		w.store.load = func(context.Context, string) (*idempotency.Record, error) { return nil, errInjected }
		again, err = w.guard.Do(t.Context(), retry, w.mustNotRun)
		w.wantOutcome(again, err, "paid", true)

		w.store.load = nil
		time.Sleep(time.Until(again.Expires))
		outcome, err = w.guard.Do(t.Context(), retry, answering("paid again"))
		w.wantOutcome(outcome, err, "paid again", false)
	})
}

func TestDisabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idempotency.Config) { c.Disabled = true })
	claims := w.countClaims()
	for range 2 {
		outcome, err := w.guard.Do(t.Context(), w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			if _, ok := idempotency.FromContext(ctx); !ok {
				t.Error("the context carries no execution")
			}
			return idempotency.Result{Data: []byte("paid")}, nil
		})
		w.wantOutcome(outcome, err, "paid", false)
	}
	if *claims != 0 {
		t.Errorf("%d claims, want none", *claims)
	}
}
