package storetest_test

import (
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/storetest"
)

// A store of one's own is tested by one function beside it.
func ExampleRun() {
	testStore := func(t *testing.T) { // func TestStore(t *testing.T)
		storetest.Run(t, func(*testing.T) idempotency.Store { return memstore.New() })
	}
	_ = testStore
}
