package memstore_test

import (
	"context"
	"fmt"
	"log"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// A store in memory is for tests, and for a program of one process. It is the
// wrong one for a Lambda function, of which there are several: each would
// remember only what it did itself.
func Example() {
	ring := func(store *memstore.Store) {
		guard, err := idempotency.New(idempotency.Config{Store: store})
		if err != nil {
			log.Fatal(err)
		}
		_, outcome, err := idempotency.Do(context.Background(), guard, idempotency.Intent{
			Scope: idempotency.SharedScope(), Operation: "bells.ring", Key: "k1", Payload: struct{}{},
		}, func(context.Context) (string, error) { return "rung", nil })
		fmt.Println("replayed:", outcome.Replayed, err)
	}
	one, other := memstore.New(), memstore.New()
	ring(one)
	ring(one)
	ring(other)
	// Output:
	// replayed: false <nil>
	// replayed: true <nil>
	// replayed: false <nil>
}
