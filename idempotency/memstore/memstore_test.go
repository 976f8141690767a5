package memstore_test

import (
	"fmt"
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
