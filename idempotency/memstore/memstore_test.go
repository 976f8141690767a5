package memstore_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) idempotency.Store { return memstore.New() })
}

// A key that is released leaves nothing behind, and one that is renewed not one
// thing for each renewal.
func TestNothingIsLeftOfReleasedKeys(t *testing.T) {
	store := memstore.New()
	start := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	stays := idempotency.Record{ID: "stays", Owner: "a", Status: idempotency.InProgress, LeaseUntil: start.Add(time.Minute), Expires: start.Add(time.Hour)}
	if existing, err := store.Claim(t.Context(), idempotency.Claim{Now: start, Record: stays}); existing != nil || err != nil {
		t.Fatal(existing, err)
	}
	use := func(keys int) {
		for i := range keys {
			r := idempotency.Record{
				ID: fmt.Sprint("operation#", i), Owner: "a", Status: idempotency.InProgress,
				LeaseUntil: start.Add(time.Minute), Expires: start.Add(24 * time.Hour),
			}
			if existing, err := store.Claim(t.Context(), idempotency.Claim{Now: start, Record: r}); existing != nil || err != nil {
				t.Fatal(existing, err)
			}
			for range 3 {
				r.LeaseUntil = r.LeaseUntil.Add(time.Minute)
				if held, err := store.Renew(t.Context(), r); !held || err != nil {
					t.Fatal(held, err)
				}
			}
			if err := store.Release(t.Context(), r.ID, "a"); err != nil {
				t.Fatal(err)
			}
		}
	}
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	use(100)
	before := inUse()
	use(20_000)
	if after := inUse(); after > before+1<<20 {
		t.Errorf("%d KiB are left of 20,000 released keys", (after-before)>>10)
	}
	if store.Len() != 1 {
		t.Errorf("%d records are held, want the one that was not released", store.Len())
	}
}

func TestExpiredRecordsAreRemoved(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	start := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	for i := range 1000 {
		now := start.Add(time.Duration(i) * time.Minute)
		existing, err := store.Claim(t.Context(), idempotency.Claim{Now: now, Record: idempotency.Record{
			ID: fmt.Sprint("operation#", i), Owner: "a", Status: idempotency.InProgress,
			LeaseUntil: now.Add(time.Minute), Expires: now.Add(10 * time.Minute),
		}})
		if existing != nil || err != nil {
			t.Fatal(existing, err)
		}
		if held := store.Len(); held > 10 {
			t.Fatalf("after %d claims the store holds %d records, of which 10 are in their window", i+1, held)
		}
	}
}
