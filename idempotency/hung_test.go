package idempotency_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// hangingStore is a store with a time limit of a second for each request, of
// which some are never answered.
type hangingStore struct {
	idempotency.Store
	mu    sync.Mutex
	hangs map[string]int // how many requests of a method hang
	late  bool           // they are carried out nevertheless
	asked map[string]int
}

func newHangingStore() *hangingStore {
	return &hangingStore{Store: memstore.New(), hangs: map[string]int{}, asked: map[string]int{}}
}

const requestLimit = time.Second

func (s *hangingStore) request(ctx context.Context, method string, apply func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	s.mu.Lock()
	s.asked[method]++
	hangs := s.hangs[method] > 0
	s.hangs[method]--
	s.mu.Unlock()
	if !hangs {
		return apply(ctx)
	}
	if s.late {
		_ = apply(ctx)
	}
	<-ctx.Done()
	return ctx.Err()
}

func (s *hangingStore) Claim(ctx context.Context, c idempotency.Claim) (r *idempotency.Record, err error) {
	err = s.request(ctx, "claim", func(ctx context.Context) (err error) { r, err = s.Store.Claim(ctx, c); return err })
	return r, err
}

func (s *hangingStore) Renew(ctx context.Context, r idempotency.Record) (held bool, err error) {
	err = s.request(ctx, "renew", func(ctx context.Context) (err error) { held, err = s.Store.Renew(ctx, r); return err })
	return held, err
}

func (s *hangingStore) Complete(ctx context.Context, c idempotency.Record) (r *idempotency.Record, err error) {
	err = s.request(ctx, "complete", func(ctx context.Context) (err error) { r, err = s.Store.Complete(ctx, c); return err })
	return r, err
}

func (s *hangingStore) Release(ctx context.Context, id, owner string) error {
	return s.request(ctx, "release", func(ctx context.Context) error { return s.Store.Release(ctx, id, owner) })
}

func (s *hangingStore) Load(ctx context.Context, id string) (r *idempotency.Record, err error) {
	err = s.request(ctx, "load", func(ctx context.Context) (err error) { r, err = s.Store.Load(ctx, id); return err })
	return r, err
}

// newHangingWorld is a world whose store hangs, once for each of the methods.
func newHangingWorld(t *testing.T, methods ...string) (*world, *hangingStore) {
	t.Helper()
	w, s := newWorld(t), newHangingStore()
	w.store.Store = s
	for _, method := range methods {
		s.hangs[method]++
	}
	return w, s
}

// One request that is never answered, in any step, costs neither an effect nor a
// lease nor more waiting than was configured.
func TestHazardOneHungRequest(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"lost": false, "carried out": true} {
		t.Run("claim, "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, s := newHangingWorld(t, "claim")
				s.late = late
				outcome, err := w.do("pay", "paid")
				w.wantOutcome(outcome, err, "paid", false)
			})
		})
		t.Run("takeover, "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, s := newHangingWorld(t)
				s.late = late
				w.crash(w.newGuard(), "pay")
				time.Sleep(time.Hour)
				claims := 0
				w.store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
					if claims++; claims == 2 {
						s.hangs["claim"] = 1
					}
					return s.Claim(ctx, c)
				}
				outcome, err := w.do("pay", "paid")
				w.wantOutcome(outcome, err, "paid", false)
			})
		})
		t.Run("completion, "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, s := newHangingWorld(t, "complete")
				s.late = late
				outcome, err := w.do("pay", "paid")
				w.wantOutcome(outcome, err, "paid", false)
				w.events.want(t, idempotency.ObservedExecuted)
				time.Sleep(time.Hour)
				again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
				w.wantOutcome(again, err, "paid", true)
			})
		})
		t.Run("completion when time is short, "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, s := newHangingWorld(t, "complete")
				s.late = late
				ctx, cancel := context.WithTimeout(t.Context(), 1200*time.Millisecond)
				defer cancel()
				outcome, err := w.guard.Do(ctx, w.request("pay"), answering("paid"))
				w.wantOutcome(outcome, err, "paid", false)
				if ctx.Err() != nil {
					t.Error("the deadline passed before the answer was given")
				}
				w.events.want(t, idempotency.ObservedExecuted)
			})
		})
	}
	t.Run("renewal", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			for _, lease := range []time.Duration{time.Minute, 5 * time.Second, 2 * time.Second} {
				w, _ := newHangingWorld(t, "renew")
				w.guard = w.newGuard(func(c *idempotency.Config) { c.Lease = lease })
				outcome, err := w.guard.Do(t.Context(), w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
					time.Sleep(5 * lease)
					if ctx.Err() != nil {
						t.Errorf("lease of %v: the execution's context ended: %v", lease, context.Cause(ctx))
					}
					return idempotency.Result{Data: []byte("paid")}, nil
				})
				w.wantOutcome(outcome, err, "paid", false)
			}
		})
	})
	t.Run("release", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w, _ := newHangingWorld(t, "release")
			_, err := w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
				return idempotency.Result{}, errInjected
			})
			w.wantError(err, errInjected)
			outcome, err := w.do("pay", "paid")
			w.wantOutcome(outcome, err, "paid", false)
		})
	})
	t.Run("read of a likely duplicate", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w, _ := newHangingWorld(t, "load")
			request := w.request("pay")
			request.LikelyDuplicate = true
			outcome, err := w.guard.Do(t.Context(), request, answering("paid"))
			w.wantOutcome(outcome, err, "paid", false)
		})
	})
	t.Run("look while waiting", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w, s := newHangingWorld(t)
			w.guard = w.newGuard(func(c *idempotency.Config) { c.Wait = 2 * time.Second })
			w.slow(1500*time.Millisecond, idempotency.Result{Data: []byte("paid")}, nil)
			s.hangs["load"] = 1
			outcome, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantOutcome(outcome, err, "paid", true)
		})
	})
	t.Run("every look, in a store without a limit", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(c *idempotency.Config) { c.Wait = 2 * time.Second })
			w.slow(time.Minute, idempotency.Result{Data: []byte("paid")}, nil)
			w.store.load = func(ctx context.Context, _ string) (*idempotency.Record, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			began := time.Now()
			_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			if _, busy := errors.AsType[*idempotency.InProgressError](err); !busy || time.Since(began) != 2*time.Second {
				t.Errorf("error %v after %v, want that it is in progress after 2s", err, time.Since(began))
			}
			time.Sleep(time.Minute)
		})
	})
	t.Run("a store that answers nothing is unavailable", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w, s := newHangingWorld(t)
			s.hangs["claim"], s.hangs["release"] = 100, 100
			began := time.Now()
			_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantError(err, idempotency.ErrStore)
			if took := time.Since(began); took > 4*requestLimit {
				t.Errorf("it took %v", took)
			}
			w.events.want(t, idempotency.ObservedStoreUnavailable)
		})
	})
}

// hangingAtomicStore never answers the first commit.
type hangingAtomicStore struct {
	*openStore
	late    bool
	commits int
}

func (s *hangingAtomicStore) Commit(ctx context.Context, completed idempotency.Record, now time.Time) (*idempotency.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	if s.commits++; s.commits > 1 {
		return s.openStore.Commit(ctx, completed, now)
	}
	if s.late {
		_, _ = s.openStore.Commit(ctx, completed, now)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestHazardOneHungCommit(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"lost": false, "carried out": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &hangingAtomicStore{openStore: newOpenStore(), late: late}
				guard := newAtomicGuard(t, store, 0)
				outcome, err := guard.Do(t.Context(), atomicRequest(t), answering("paid"))
				if err != nil || string(outcome.Data) != "paid" || outcome.Replayed {
					t.Errorf("%+v, %v", outcome, err)
				}
			})
		})
	}
}
