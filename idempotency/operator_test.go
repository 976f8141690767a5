package idempotency_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// operated makes a guard of a store that operators can use, and that refuses what
// was interrupted.
func operated(c *idempotency.Config) {
	if store, ok := c.Store.(*faultyStore); ok {
		c.Store = store.Store
	}
	c.Recovery = idempotency.Refuse
}

// interrupt leaves a key whose execution has failed.
func (w *world) interrupt() {
	w.t.Helper()
	_, err := w.guard.Do(w.t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
		return idempotency.Result{}, errInjected
	})
	w.wantError(err, errInjected)
	_, err = w.guard.Do(w.t.Context(), w.request("pay"), w.mustNotRun)
	w.wantError(err, idempotency.ErrOutcomeUnknown)
}

func (w *world) look() *idempotency.Record {
	w.t.Helper()
	r, err := w.guard.Look(w.t.Context(), w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func TestLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, operated)
		if r := w.look(); r != nil {
			t.Errorf("%+v for a key that nobody has used", r)
		}
		start := time.Now()
		w.slow(10*time.Second, idempotency.Result{Data: []byte("paid")}, nil)
		time.Sleep(time.Second)
		r := w.look()
		if r == nil || r.Status != idempotency.InProgress || !r.Claimed.Equal(start) || r.Interrupted(time.Now()) || !r.Interrupted(start.Add(time.Hour)) {
			t.Errorf("%+v while the execution runs that began at %v", r, start)
		}
		time.Sleep(10 * time.Second)
		r = w.look()
		if r == nil || r.Status != idempotency.Completed || string(r.Data) != "paid" || !r.Claimed.Equal(start) || r.Interrupted(start.Add(time.Hour)) {
			t.Errorf("%+v after the execution that began at %v", r, start)
		}
		time.Sleep(time.Until(r.Expires))
		if r := w.look(); r != nil {
			t.Errorf("%+v after the window", r)
		}
	})
}

func TestSettle(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		result idempotency.Result
		data   string
		err    error
	}{
		"by a result":            {idempotency.Result{Data: []byte("paid")}, "paid", nil},
		"by an empty result":     {idempotency.Result{}, "", nil},
		"by one that is unknown": {idempotency.Result{NotKept: errInjected}, "", idempotency.ErrResultNotKept},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, operated)
				w.interrupt()
				seen := w.look()
				w.wantError(w.guard.Settle(t.Context(), w.key, test.result, idempotency.IfSeen(*seen)), nil)
				outcome, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
				if !errors.Is(err, test.err) || string(outcome.Data) != test.data || outcome.Replayed != (test.err == nil) {
					t.Errorf("outcome %+v, error %v, want %q and %v", outcome, err, test.data, test.err)
				}
				r := w.look()
				if r == nil || r.Owner == seen.Owner || !r.Expires.Equal(seen.Expires) || !r.Claimed.Equal(seen.Claimed) || r.Fingerprint != seen.Fingerprint {
					t.Errorf("%+v was settled to %+v", seen, r)
				}
				w.wantError(w.guard.Settle(t.Context(), w.key, test.result), idempotency.ErrCompleted)
			})
		})
	}
}

// An execution that was frozen longer than its lease cannot record its own result
// over that of an operator, and its caller gets the operator's.
func TestSettleFencesTheExecutionOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *idempotency.Config) { c.Recovery = idempotency.Refuse })
		operator := w.newGuard(operated)
		w.store.renew = partitioned
		outcome, err := w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
			time.Sleep(idempotency.DefaultLease + idempotency.DefaultSkew + time.Second)
			w.wantError(operator.Settle(t.Context(), w.key, idempotency.Result{Data: []byte("refunded")}), nil)
			return idempotency.Result{Data: []byte("paid")}, nil
		})
		w.wantOutcome(outcome, err, "refunded", true)
	})
}

func TestSettleRefuses(t *testing.T) {
	t.Parallel()
	paid := idempotency.Result{Data: []byte("paid")}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, operated, func(c *idempotency.Config) { c.MaxResult = 4 })
		w.wantError(w.guard.Settle(t.Context(), w.key, paid), idempotency.ErrNoRecord)

		w.slow(time.Second, idempotency.Result{}, errInjected)
		w.wantInProgress(w.guard.Settle(t.Context(), w.key, paid), idempotency.DefaultLease+idempotency.DefaultSkew)
		running := w.look()
		time.Sleep(2 * time.Second)
		w.interrupt() // another execution
		w.wantError(w.guard.Settle(t.Context(), w.key, paid, idempotency.IfSeen(*running)), idempotency.ErrChanged)
		w.wantError(w.guard.Settle(t.Context(), w.key, idempotency.Result{Data: []byte("paid!")}), idempotency.ErrTooLarge)
		if err := w.guard.Settle(t.Context(), w.key, idempotency.Result{Discard: true}); err == nil {
			t.Error("a discarded result has settled the key")
		}
		if err := w.guard.Settle(t.Context(), idempotency.Key{}, paid); err == nil {
			t.Error("no key was settled")
		}
		w.wantError(w.newGuard().Settle(t.Context(), w.key, paid), errors.ErrUnsupported) // the store hides what it can
		if r := w.look(); r == nil || r.Status != idempotency.InProgress {
			t.Errorf("one of them has changed the record: %+v", r)
		}
		time.Sleep(idempotency.DefaultWindow)
		w.wantError(w.guard.Settle(t.Context(), w.key, paid), idempotency.ErrNoRecord)
	})
}

func TestForget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, operated, cached)
		w.wantError(w.guard.Forget(t.Context(), w.key), idempotency.ErrNoRecord)

		w.interrupt()
		interrupted := w.look()
		w.wantError(w.guard.Forget(t.Context(), w.key, idempotency.IfSeen(*interrupted)), nil)
		outcome, err := w.do("pay", "paid")
		w.wantOutcome(outcome, err, "paid", false)

		w.wantError(w.guard.Forget(t.Context(), w.key, idempotency.IfSeen(*interrupted)), idempotency.ErrChanged)
		outcome, err = w.do("pay", "paid again")
		w.wantOutcome(outcome, err, "paid", true)
		w.wantError(w.guard.Forget(t.Context(), w.key), nil) // this process's cache as well
		outcome, err = w.do("pay", "paid again")
		w.wantOutcome(outcome, err, "paid again", false)
	})
}

func TestForgetOfARunningExecution(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, operated)
		w.slow(10*time.Second, idempotency.Result{Data: []byte("slow")}, nil)
		w.wantInProgress(w.guard.Forget(t.Context(), w.key), idempotency.DefaultLease+idempotency.DefaultSkew)
		w.wantError(w.guard.Forget(t.Context(), w.key, idempotency.Forced()), nil)
		outcome, err := w.do("pay", "beside it")
		w.wantOutcome(outcome, err, "beside it", false)
		time.Sleep(time.Minute)
		outcome, err = w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		w.wantOutcome(outcome, err, "beside it", true)
	})
}

// What an operator removes is replayed from memory for CacheAge, and no longer.
func TestCachedRecordsAge(t *testing.T) {
	t.Parallel()
	for name, learn := range map[string]func(w *world, other *idempotency.Guard){
		"by its own execution": func(w *world, _ *idempotency.Guard) {
			outcome, err := w.do("pay", "paid")
			w.wantOutcome(outcome, err, "paid", false)
		},
		"by a replay": func(w *world, other *idempotency.Guard) {
			_, err := other.Do(w.t.Context(), w.request("pay"), answering("paid"))
			w.wantError(err, nil)
			outcome, err := w.do("pay", "paid again")
			w.wantOutcome(outcome, err, "paid", true)
		},
		"by a look": func(w *world, other *idempotency.Guard) {
			_, err := other.Do(w.t.Context(), w.request("pay"), answering("paid"))
			w.wantError(err, nil)
			request := w.request("pay")
			request.LikelyDuplicate = true
			outcome, err := w.guard.Do(w.t.Context(), request, w.mustNotRun)
			w.wantOutcome(outcome, err, "paid", true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, operated, cached, func(c *idempotency.Config) { c.CacheAge = 10 * time.Second })
				other := w.newGuard(operated)
				learn(w, other)
				w.wantError(other.Forget(t.Context(), w.key), nil)
				time.Sleep(10*time.Second - time.Nanosecond)
				outcome, err := w.do("pay", "paid again")
				w.wantOutcome(outcome, err, "paid", true)
				time.Sleep(time.Nanosecond)
				outcome, err = w.do("pay", "paid again")
				w.wantOutcome(outcome, err, "paid again", false)
			})
		})
	}
}

// A copy whose age is not known, because the clock was set back, is not used.
func TestCachedRecordsOfTheFuture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var back time.Duration
		w := newWorld(t, operated, cached, func(c *idempotency.Config) {
			c.Clock = func() time.Time { return time.Now().Add(-back) }
		})
		_, err := w.do("pay", "paid")
		w.wantError(err, nil)
		w.wantError(w.newGuard(operated).Forget(t.Context(), w.key), nil)
		back = time.Hour
		outcome, err := w.do("pay", "paid again")
		w.wantOutcome(outcome, err, "paid again", false)
	})
}

// hanging is a store whose first request of each kind never ends.
type hanging struct {
	*memstore.Store
	hung map[string]bool
}

func (s *hanging) hangs(kind string) error {
	if s.hung[kind] {
		return nil
	}
	s.hung[kind] = true
	return context.DeadlineExceeded
}

func (s *hanging) Look(ctx context.Context, id string) (*idempotency.Record, error) {
	if err := s.hangs("look"); err != nil {
		return nil, err
	}
	return s.Store.Look(ctx, id)
}

func (s *hanging) Settle(ctx context.Context, observed, settled idempotency.Record) (bool, error) {
	done, err := s.Store.Settle(ctx, observed, settled) // and its reply is lost
	return done, errors.Join(err, s.hangs("settle"))
}

func (s *hanging) Forget(ctx context.Context, observed idempotency.Record) (bool, error) {
	done, err := s.Store.Forget(ctx, observed)
	return done, errors.Join(err, s.hangs("forget"))
}

func TestOperatorsMeetOneHungRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &hanging{memstore.New(), make(map[string]bool)}
		w := newWorld(t, func(c *idempotency.Config) { c.Store = store }, operated)
		w.interrupt()
		w.wantError(w.guard.Settle(t.Context(), w.key, idempotency.Result{Data: []byte("paid")}), nil)
		outcome, err := w.do("pay", "paid again")
		w.wantOutcome(outcome, err, "paid", true)
		w.wantError(w.guard.Forget(t.Context(), w.key), nil)
		if len(store.hung) != 3 || store.Len() != 0 {
			t.Errorf("%v hung, %d records are left", store.hung, store.Len())
		}
	})
}

func TestKeyFromID(t *testing.T) {
	t.Parallel()
	key := newKey(t, "alice", "payments.create", "k1")
	again, err := idempotency.KeyFromID(key.ID())
	if err != nil || again != key {
		t.Errorf("%v, %v, want %v", again, err, key)
	}
	for _, id := range []string{
		"", "payments.create", "#", "payments.create#", key.ID() + "A", key.ID()[:len(key.ID())-1], key.ID() + "#owner#0",
		"pay ments#" + key.ID()[len("payments.create#"):], key.ID()[len("payments.create"):],
		key.ID()[:len(key.ID())-1] + "\n", "payments.create#_____________________________________________",
	} {
		if key, err := idempotency.KeyFromID(id); err == nil {
			t.Errorf("%q was read as %v", id, key)
		}
	}
}

// What an operator records is sealed, and shown to one who has the key.
func TestOperatorsOfSealedResults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lock := newLock(t)
		w := newWorld(t, operated, lock.configure)
		paid := idempotency.Result{Data: []byte("paid")}
		w.interrupt()
		lock.sealing = answers(errKeyUnknown)
		w.wantError(w.guard.Settle(t.Context(), w.key, paid), idempotency.ErrSealUnavailable)
		lock.sealing = nil
		w.wantError(w.guard.Settle(t.Context(), w.key, paid), nil)
		if stored := w.stored(); bytes.Contains(stored.Data, paid.Data) {
			t.Errorf("the store holds %q", stored.Data)
		}
		outcome, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		w.wantOutcome(outcome, err, "paid", true)
		if r := w.look(); string(r.Data) != "paid" {
			t.Errorf("the operator sees %q", r.Data)
		}
		lock.opening = answers(errKeyGone)
		r, err := w.guard.Look(t.Context(), w.key)
		w.wantError(err, idempotency.ErrSeal)
		if r == nil || r.Status != idempotency.Completed || r.Data != nil {
			t.Errorf("without the key the operator sees %+v", r)
		}
	})
}

// racing is a store whose records change just after an operator has looked.
type racing struct {
	*memstore.Store
	after func(idempotency.Record)
}

func (s *racing) Look(ctx context.Context, id string) (*idempotency.Record, error) {
	r, err := s.Store.Look(ctx, id)
	if r != nil && s.after != nil {
		s.after(*r)
	}
	return r, err
}

func TestWhatChangesMeanwhileIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &racing{Store: memstore.New()}
		w := newWorld(t, func(c *idempotency.Config) { c.Store = store }, operated)
		w.interrupt()
		store.after = func(r idempotency.Record) {
			heir := r
			heir.Owner, heir.LeaseUntil = "heir", time.Now().Add(time.Minute)
			if existing, err := store.Claim(t.Context(), idempotency.Claim{Record: heir, Now: time.Now(), TakeOver: &r}); existing != nil || err != nil {
				t.Errorf("the takeover met %+v, error %v", existing, err)
			}
			store.after = nil
		}
		after := store.after
		w.wantError(w.guard.Settle(t.Context(), w.key, idempotency.Result{Data: []byte("paid")}), idempotency.ErrChanged)
		time.Sleep(2 * time.Minute)
		store.after = after
		w.wantError(w.guard.Forget(t.Context(), w.key), idempotency.ErrChanged)
		if r := w.look(); r == nil || r.Owner != "heir" {
			t.Errorf("the record became %+v", r)
		}
	})
}

// A copy is as old as the request that brought it, and not as its reply.
func TestCachedRecordsAgeWhileTheyTravel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cached, func(c *idempotency.Config) { c.CacheAge = 10 * time.Second })
		other := w.newGuard(operated)
		_, err := other.Do(t.Context(), w.request("pay"), answering("paid"))
		w.wantError(err, nil)
		w.store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
			defer time.Sleep(6 * time.Second)
			return w.store.Store.Claim(ctx, c)
		}
		outcome, err := w.do("pay", "paid again")
		w.wantOutcome(outcome, err, "paid", true)
		w.store.claim = nil
		w.wantError(other.Forget(t.Context(), w.key), nil)
		time.Sleep(4 * time.Second)
		outcome, err = w.do("pay", "paid again")
		w.wantOutcome(outcome, err, "paid again", false)
	})
}
