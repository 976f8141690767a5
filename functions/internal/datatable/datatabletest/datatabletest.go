// Package datatabletest makes data tables for tests: the real SDK in front of an
// embedded DynamoDB.
package datatabletest

import (
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

// Retention is how long the tables keep their entries.
const Retention = 24 * time.Hour

const records = "records"

// Fixture is a data table, empty at first, and the DynamoDB that it is in, where
// faults can be injected.
type Fixture struct {
	*dynamotest.DynamoDB
	Table *datatable.Table
	Name  string // of the table

	clock func() time.Time
}

// New makes a fixture that lasts as long as the test. The clock is that of the
// table; nil is [time.Now].
func New(t testing.TB, clock func() time.Time) *Fixture {
	t.Helper()
	f := &Fixture{DynamoDB: dynamotest.New(t, dynamolocal.Config{Clock: clock}), Name: "data", clock: clock}
	f.CreateTable(t, f.Name, "pk", "sk")
	f.CreateTable(t, records, "id")
	var err error
	f.Table, err = datatable.New(datatable.Config{Client: f.Client, Name: f.Name, Retention: Retention, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// AtomicGuard returns a guard in atomic mode, without a cache, whose records are
// in the same DynamoDB. Executions under it can plan entries of the table. The
// window is how long it remembers keys; zero is the default.
func (f *Fixture) AtomicGuard(t testing.TB, window time.Duration) *idempotency.Guard {
	t.Helper()
	store, err := dynamostore.NewAtomic(f.Client, records, dynamostore.RequestTimeout(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	guard, err := idempotency.New(idempotency.Config{
		Store: store, Mode: idempotency.Atomic, CacheEntries: -1, Clock: f.clock, CompletionTimeout: time.Hour,
		Window: window, Lease: time.Second, Skew: -1, // of no use in this mode, but no window is shorter
	})
	if err != nil {
		t.Fatal(err)
	}
	return guard
}
