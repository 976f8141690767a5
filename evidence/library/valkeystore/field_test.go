package valkeystore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/records"
	"github.com/idempotent-requests/idempotent-requests/evidence/valkeyserver"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/storetest"
	"github.com/idempotent-requests/idempotent-requests/idempotency/valkeystore"
)

func TestARequestThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	const limit = 5 * time.Second // for other requests, too, on a busy machine
	socket := valkeyserver.Start(t)
	_, eval := withGoRedis(t, socket)
	var stores atomic.Int32
	storetest.RunHanging(t, limit, func(t *testing.T) (idempotency.Store, func(bool)) {
		var hangs, lost atomic.Bool
		hanging := func(ctx context.Context, script, key string, args []string) (any, error) {
			if !hangs.Swap(false) {
				return eval(ctx, script, key, args)
			}
			if !lost.Load() {
				if _, err := eval(context.WithoutCancel(ctx), script, key, args); err != nil {
					t.Error(err)
				}
			}
			<-ctx.Done()
			return nil, errors.New("the client's own words for it")
		}
		store := newStore(t, hanging, valkeystore.RequestTimeout(limit), valkeystore.Prefix(fmt.Sprintf("hanging-%d:", stores.Add(1))))
		return store, func(isLost bool) { lost.Store(isLost); hangs.Store(true) }
	})
	t.Run("and the guard is told so", func(t *testing.T) {
		t.Parallel()
		store := newStore(t, func(ctx context.Context, _, _ string, _ []string) (any, error) {
			<-ctx.Done()
			return nil, errors.New("the client's own words for it")
		}, valkeystore.RequestTimeout(10*time.Millisecond))
		if _, err := store.Load(t.Context(), "operation#k"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want one that wraps %v", err, context.DeadlineExceeded)
		}
	})
}

// However long a window is, the server keeps its record for at least as long, and
// never deletes it at once.
func TestLongWindows(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i, window := range []time.Duration{time.Hour, 100 * 365 * 24 * time.Hour, math.MaxInt64} {
		guard, err := idempotency.New(idempotency.Config{Store: f, Window: window, CacheEntries: -1})
		if err != nil {
			t.Fatal(err)
		}
		k, err := idempotency.NewKey(idempotency.SharedScope(), "payments.create", fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		executions := 0
		for range 3 {
			if _, err := guard.Do(t.Context(), idempotency.Request{Key: k, Fingerprint: idempotency.NewFingerprint(nil)},
				func(context.Context) (idempotency.Result, error) {
					executions++
					return idempotency.Result{Data: []byte("answer")}, nil
				}); err != nil {
				t.Fatalf("window of %v: %v", window, err)
			}
		}
		if executions != 1 {
			t.Errorf("window of %v: %d executions, want 1", window, executions)
		}
	}
	// A record of any date at all, such as one that another program has made.
	far := records.InProgress("far")
	far.ID, far.Expires = "payments.create#far", time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	if existing, err := f.Claim(t.Context(), idempotency.Claim{Record: far, Now: now}); existing != nil || err != nil {
		t.Fatal(existing, err)
	}
	if r, err := f.Load(t.Context(), far.ID); r == nil || err != nil {
		t.Errorf("loaded %+v, %v, want what was claimed", r, err)
	}
}

// The time of a large request is a multiple of the limit, which has one itself.
func TestTheLongestTimeLimit(t *testing.T) {
	t.Parallel()
	_, eval := withGoRedis(t, valkeyserver.Start(t))
	store, err := valkeystore.New(eval, valkeystore.RequestTimeout(math.MaxInt64), valkeystore.CompressAbove(-1))
	if err != nil {
		t.Fatal(err)
	}
	r := records.InProgress("owner-1")
	records.MustClaim(t, store, r)
	records.MustComplete(t, store, records.Completed(r, make([]byte, 600<<10)))
}
