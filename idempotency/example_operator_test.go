package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// An operator has found out what became of a payment that was interrupted, and
// records it. The next retry gets that result.
func ExampleGuard_Settle() {
	ctx := context.Background()
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: memstore.New(), Recovery: idempotency.Refuse}))
	alice := idempotency.Must(idempotency.NewScope("alice"))
	pay := func() (string, error) {
		receipt, _, err := idempotency.Do(ctx, guard, idempotency.Intent{
			Scope: alice, Operation: "payments.create", Key: "5f0c9a52", Payload: 1250,
		}, func(context.Context) (string, error) {
			return "", errors.New("the bank hung up") // who knows?
		})
		return receipt, err
	}
	_, err := pay()
	fmt.Println(err)
	_, err = pay()
	fmt.Println(err)

	key := idempotency.Must(idempotency.NewKey(alice, "payments.create", "5f0c9a52"))
	record, err := guard.Look(ctx, key)
	if err != nil {
		log.Fatal(err)
	}
	if record != nil && record.Interrupted(time.Now()) {
		paid := idempotency.Result{Data: []byte(`"charge 7"`)} // as Do records it
		if err := guard.Settle(ctx, key, paid, idempotency.IfSeen(*record)); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(pay())
	// Output:
	// the bank hung up
	// idempotency: an earlier execution was interrupted; its outcome is unknown
	// charge 7 <nil>
}
