package idempotency_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// lock is a Sealer with one key, which can be taken away.
type lock struct {
	aead cipher.AEAD
	mu   sync.Mutex
	// sealing and opening are what a key server answers, nil for success.
	sealing, opening func(context.Context) error
	seal             idempotency.SealFunc // nil for that of the key
	opened           int
}

func newLock(t *testing.T) *lock {
	t.Helper()
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return &lock{aead: aead}
}

func (l *lock) Seal(ctx context.Context) (idempotency.SealFunc, error) {
	if l.sealing != nil {
		if err := l.sealing(ctx); err != nil {
			return nil, err
		}
	}
	if l.seal != nil {
		return l.seal, nil
	}
	return func(data, associated []byte) ([]byte, error) {
		return l.aead.Seal(nil, nil, data, associated), nil
	}, nil
}

func (l *lock) Open(ctx context.Context, sealed, associated []byte) ([]byte, error) {
	l.mu.Lock()
	l.opened++
	l.mu.Unlock()
	if l.opening != nil {
		if err := l.opening(ctx); err != nil {
			return nil, err
		}
	}
	return l.aead.Open(nil, nil, sealed, associated)
}

func answers(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

var (
	errKeyGone    = errors.New("the key is scheduled for deletion")
	errKeyUnknown = fmt.Errorf("no reply: %w", idempotency.ErrSealUnavailable)
)

func (l *lock) configure(c *idempotency.Config) { c.Seal = l }

// stored returns what the store holds for the world's key.
func (w *world) stored() *idempotency.Record {
	w.t.Helper()
	r, err := w.store.Store.Load(w.t.Context(), w.key.ID())
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func TestSealedResultIsReplayed(t *testing.T) {
	t.Parallel()
	const text = "paid by card 4242"
	for _, data := range []string{text, ""} {
		for name, cached := range map[string]int{"from the store": -1, "from the cache": 0} {
			t.Run(fmt.Sprintf("%d bytes %s", len(data), name), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, newLock(t).configure, func(c *idempotency.Config) { c.CacheEntries = cached })
				outcome, err := w.do("pay", data)
				w.wantOutcome(outcome, err, data, false)
				if r := w.stored(); bytes.Contains(r.Data, []byte("4242")) || len(r.Data) == len(data) {
					t.Errorf("the store holds %q", r.Data)
				}
				for range 2 {
					outcome, err = w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
					w.wantOutcome(outcome, err, data, true)
					if outcome.Data == nil {
						t.Error("a result that was kept is nil")
					}
				}
				hinted := w.request("pay")
				hinted.LikelyDuplicate = true
				outcome, err = w.guard.Do(t.Context(), hinted, w.mustNotRun)
				w.wantOutcome(outcome, err, data, true)
			})
		}
	}
}

func TestSealedAtomicResultIsReplayed(t *testing.T) {
	t.Parallel()
	store, l := newOpenStore(), newLock(t)
	guard, err := idempotency.New(idempotency.Config{Store: store, Mode: idempotency.Atomic, CacheEntries: -1, Seal: l})
	if err != nil {
		t.Fatal(err)
	}
	for _, replayed := range []bool{false, true} {
		outcome, err := guard.Do(t.Context(), atomicRequest(t), answering("one tea"))
		if err != nil || string(outcome.Data) != "one tea" || outcome.Replayed != replayed {
			t.Errorf("outcome %q, replayed %v, error %v", outcome.Data, outcome.Replayed, err)
		}
	}
	r, err := store.Load(t.Context(), atomicRequest(t).Key.ID())
	if err != nil || bytes.Contains(r.Data, []byte("tea")) {
		t.Errorf("the store holds %q, %v", r.Data, err)
	}
}

// TestWhatDoesNotOpenIsRefused: nothing is executed, and nothing made up is replayed.
func TestWhatDoesNotOpenIsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		spoil    func(w *world, l *lock, r *idempotency.Record)
		want     error
		observed idempotency.Observation
	}{
		{"changed", func(_ *world, _ *lock, r *idempotency.Record) { r.Data[len(r.Data)-1] ^= 1 }, idempotency.ErrSeal, idempotency.ObservedSealFailed},
		{"cut off", func(_ *world, _ *lock, r *idempotency.Record) { r.Data = r.Data[:3] }, idempotency.ErrSeal, idempotency.ObservedSealFailed},
		{"planted", func(_ *world, _ *lock, r *idempotency.Record) { r.Data = []byte("paid by somebody else") }, idempotency.ErrSeal, idempotency.ObservedSealFailed},
		{"of another key", func(w *world, l *lock, r *idempotency.Record) {
			seal, _ := l.Seal(w.t.Context())
			r.Data, _ = seal([]byte("paid"), []byte(newKey(w.t, "bob", "payments.create", "k1").ID()))
		}, idempotency.ErrSeal, idempotency.ObservedSealFailed},
		{"of a step", func(w *world, l *lock, r *idempotency.Record) {
			seal, _ := l.Seal(w.t.Context())
			r.Data, _ = seal([]byte("paid"), []byte(r.ID+"\ncharge"))
		}, idempotency.ErrSeal, idempotency.ObservedSealFailed},
		{"key gone", func(_ *world, l *lock, _ *idempotency.Record) { l.opening = answers(errKeyGone) }, idempotency.ErrSeal, idempotency.ObservedSealFailed},
		{"key out of reach", func(_ *world, l *lock, _ *idempotency.Record) { l.opening = answers(errKeyUnknown) }, idempotency.ErrSealUnavailable, idempotency.ObservedSealUnavailable},
		{"key hangs", func(_ *world, l *lock, _ *idempotency.Record) { l.opening = answers(context.DeadlineExceeded) }, idempotency.ErrSealUnavailable, idempotency.ObservedSealUnavailable},
		{"panic", func(_ *world, l *lock, _ *idempotency.Record) {
			l.opening = func(context.Context) error { panic("nil map") }
		}, idempotency.ErrSeal, idempotency.ObservedSealFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLock(t)
			w := newWorld(t, l.configure)
			outcome, err := w.do("pay", "paid")
			w.wantOutcome(outcome, err, "paid", false)
			w.events.want(t, idempotency.ObservedExecuted)
			r := w.stored()
			test.spoil(w, l, r)
			w.store.claim = func(context.Context, idempotency.Claim) (*idempotency.Record, error) { return r, nil }
			outcome, err = w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantError(err, test.want)
			for _, other := range []error{idempotency.ErrSeal, idempotency.ErrSealUnavailable, idempotency.ErrStore} {
				if other != test.want && errors.Is(err, other) {
					t.Errorf("%v is %v as well", err, other)
				}
			}
			if outcome.Data != nil || outcome.Replayed || outcome.Expires.IsZero() {
				t.Errorf("outcome %+v", outcome)
			}
			w.events.want(t, test.observed)
		})
	}
}

func TestAnotherPayloadIsRefusedUnopened(t *testing.T) {
	t.Parallel()
	l := newLock(t)
	w := newWorld(t, l.configure)
	if _, err := w.do("pay", "paid"); err != nil {
		t.Fatal(err)
	}
	_, err := w.do("pay more", "paid")
	w.wantError(err, idempotency.ErrPayloadMismatch)
	if l.opened != 0 {
		t.Errorf("opened %d times", l.opened)
	}
}

// TestNothingRunsThatCannotBeSealed: a key server that fails costs no effect, and no
// key.
func TestNothingRunsThatCannotBeSealed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		sealing  func(context.Context) error
		want     error
		observed idempotency.Observation
	}{
		{"key gone", answers(errKeyGone), idempotency.ErrSeal, idempotency.ObservedSealFailed},
		{"key out of reach", answers(errKeyUnknown), idempotency.ErrSealUnavailable, idempotency.ObservedSealUnavailable},
		{"panic", func(context.Context) error { panic("nil map") }, idempotency.ErrSeal, idempotency.ObservedSealFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLock(t)
			l.sealing = test.sealing
			w := newWorld(t, l.configure)
			_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantError(err, test.want)
			w.events.want(t, test.observed)
			l.sealing = nil
			outcome, err := w.do("pay", "paid")
			w.wantOutcome(outcome, err, "paid", false) // at once: the key was free

			store := newOpenStore()
			l.sealing = test.sealing
			guard, err := idempotency.New(idempotency.Config{Store: store, Mode: idempotency.Atomic, Seal: l, Observer: w.events})
			if err != nil {
				t.Fatal(err)
			}
			w.events.seen = nil
			_, err = guard.Do(t.Context(), atomicRequest(t), w.mustNotRun)
			w.wantError(err, test.want)
			w.events.want(t, test.observed)
			if store.begun != 1 || store.ended != 1 {
				t.Errorf("%d attempts begun, %d ended", store.begun, store.ended)
			}
		})
	}
}

// TestInterruptedStaysInterruptedWithoutAKey: a takeover that cannot seal leaves the
// key as it found it.
func TestInterruptedStaysInterruptedWithoutAKey(t *testing.T) {
	t.Parallel()
	l := newLock(t)
	w := newWorld(t, l.configure, func(c *idempotency.Config) { c.Recovery = idempotency.Reconcile })
	asked := 0
	request := w.request("pay")
	request.Reconcile = func(context.Context) (idempotency.Reconciliation, error) {
		asked++
		return idempotency.CompletedWith("paid before")
	}
	_, err := w.guard.Do(t.Context(), request, func(context.Context) (idempotency.Result, error) {
		return idempotency.Result{}, errInjected
	})
	w.wantError(err, errInjected)
	l.sealing = answers(errKeyUnknown)
	_, err = w.guard.Do(t.Context(), request, w.mustNotRun)
	w.wantError(err, idempotency.ErrSealUnavailable)
	if asked != 0 {
		t.Error("asked for an outcome that cannot be recorded")
	}
	l.sealing = nil
	outcome, err := w.guard.Do(t.Context(), request, w.mustNotRun)
	w.wantOutcome(outcome, err, `"paid before"`, false)
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// TestAKeyThatComesTooLateExecutesNothing: another execution may have begun while
// the key server was asked.
func TestAKeyThatComesTooLateExecutesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLock(t)
		l.sealing = func(context.Context) error {
			time.Sleep(idempotency.DefaultLease + idempotency.DefaultSkew)
			return nil
		}
		w := newWorld(t, l.configure)
		_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
		w.wantError(err, idempotency.ErrLeaseOver)
	})
}

// TestWhatFailsToSealIsRecordedWithoutItsResult: the effect has happened, so it never
// happens again.
func TestWhatFailsToSealIsRecordedWithoutItsResult(t *testing.T) {
	t.Parallel()
	for name, seal := range map[string]idempotency.SealFunc{
		"error":   func(_, _ []byte) ([]byte, error) { return []byte("half"), errInjected },
		"panic":   func(_, _ []byte) ([]byte, error) { panic("nil map") },
		"nothing": func(_, _ []byte) ([]byte, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLock(t)
			l.seal = seal
			w := newWorld(t, l.configure)
			outcome, err := w.do("pay", "paid")
			w.wantOutcome(outcome, err, "paid", false)
			w.events.want(t, idempotency.ObservedUnencodable, idempotency.ObservedExecuted)
			_, err = w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantError(err, idempotency.ErrResultNotKept)
		})
	}
}

// TestAResultIsSealedOnce: a store may keep parts of one attempt beside parts of the
// next.
func TestAResultIsSealedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newLock(t).configure)
		var attempts []string
		w.store.complete = func(ctx context.Context, r idempotency.Record) (*idempotency.Record, error) {
			if attempts = append(attempts, string(r.Data)); len(attempts) < 3 {
				return nil, errInjected
			}
			return w.store.Store.Complete(ctx, r)
		}
		outcome, err := w.do("pay", "paid")
		w.wantOutcome(outcome, err, "paid", false)
		if len(attempts) != 3 || attempts[0] != attempts[1] || attempts[1] != attempts[2] {
			t.Errorf("attempts to record: %q", attempts)
		}
	})
}

// TestAWinnersSealedResultIsReturned: the owner that lost its lease answers as the
// one who took over.
func TestAWinnersSealedResultIsReturned(t *testing.T) {
	t.Parallel()
	l := newLock(t)
	w := newWorld(t, l.configure)
	w.store.complete = func(ctx context.Context, r idempotency.Record) (*idempotency.Record, error) {
		seal, err := l.Seal(ctx)
		if err != nil {
			return nil, err
		}
		r.Owner = "the winner"
		r.Data, err = seal([]byte("paid by the winner"), []byte(r.ID))
		return &r, err
	}
	outcome, err := w.do("pay", "paid")
	w.wantOutcome(outcome, err, "paid by the winner", true)
	// One that does not open is no reason to tell a caller that nothing was executed.
	for _, closed := range []error{errKeyGone, errKeyUnknown} {
		l.opening = answers(closed)
		w.key = newKey(t, "alice", "payments.create", closed.Error())
		outcome, err = w.do("pay", "paid")
		w.wantOutcome(outcome, err, "paid", false)
	}
}

func TestAClientThatLeavesIsNoFailureOfTheKey(t *testing.T) {
	t.Parallel()
	l := newLock(t)
	w := newWorld(t, l.configure)
	ctx, cancel := context.WithCancel(t.Context())
	l.sealing = func(ctx context.Context) error {
		cancel()
		return ctx.Err()
	}
	_, err := w.guard.Do(ctx, w.request("pay"), w.mustNotRun)
	w.wantError(err, idempotency.ErrSealUnavailable)
	w.events.want(t, idempotency.ObservedCancelled)
}

func TestASealerWithoutAFunctionIsAMistake(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idempotency.Config) { c.Seal = noFunction{} })
	_, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
	w.wantError(err, idempotency.ErrSeal)
	if !strings.Contains(err.Error(), "no function") {
		t.Error(err)
	}
}

type noFunction struct{ idempotency.Sealer }

func (noFunction) Seal(context.Context) (idempotency.SealFunc, error) { return nil, nil }

func TestTheLimitOfResultsIsThatOfThePlainOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newLock(t).configure, func(c *idempotency.Config) { c.Store, c.MaxResult = memstore.New(), 4 })
	for data, want := range map[string]error{"four": nil, "fives": idempotency.ErrResultNotKept} {
		w.key = newKey(t, "alice", "payments.create", data)
		if outcome, err := w.do("pay", data); err != nil || string(outcome.Data) != data {
			t.Errorf("%q, %v", outcome.Data, err)
		}
		if _, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", data, err, want)
		}
	}
}
