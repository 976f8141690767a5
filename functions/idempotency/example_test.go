package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/idempotent-requests/idempotent-requests/functions/idempotency"
	"github.com/idempotent-requests/idempotent-requests/functions/idempotency/memstore"
)

// Any function can be executed once per key.
func ExampleGuard_Do() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	scope, err := idempotency.NewScope("alice")
	if err != nil {
		log.Fatal(err)
	}
	key, err := idempotency.NewKey(scope, "mails.send", "welcome")
	if err != nil {
		log.Fatal(err)
	}

	send := func(text string) {
		request := idempotency.Request{Key: key, Fingerprint: idempotency.NewFingerprint([]byte(text))}
		outcome, err := guard.Do(context.Background(), request, func(ctx context.Context) (idempotency.Result, error) {
			fmt.Println("sending", text)
			return idempotency.Result{Data: []byte("sent")}, nil
		})
		switch {
		case errors.Is(err, idempotency.ErrPayloadMismatch):
			fmt.Println("the key belongs to another mail")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Printf("%s, replayed: %v\n", outcome.Data, outcome.Replayed)
		}
	}
	send("hello")
	send("hello")
	send("good bye")
	// Output:
	// sending hello
	// sent, replayed: false
	// sent, replayed: true
	// the key belongs to another mail
}

// A downstream system that takes idempotency keys gets one that is the same for
// every execution of this key. Then even an execution that is repeated after a
// crash has its effect there once.
func ExampleExecution_DerivedKey() {
	charge := func(ctx context.Context) error {
		execution, _ := idempotency.FromContext(ctx)
		return chargeCard(ctx, execution.DerivedKey("charge"))
	}
	_ = charge
}

func chargeCard(context.Context, string) error { return nil }
