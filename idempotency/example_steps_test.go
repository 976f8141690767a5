package idempotency_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// An order has two effects. The execution that fails between them has charged; the
// retry is given that charge, and sends the parcel.
func ExampleStep() {
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: memstore.New()}))
	open := false // the warehouse
	place := func(ctx context.Context) (string, error) {
		charge, err := idempotency.Step(ctx, "charge", func(context.Context) (string, error) {
			fmt.Println("charging")
			return "charge 1", nil
		})
		if err != nil {
			return "", err
		}
		parcel, err := idempotency.Step(ctx, "parcel", func(context.Context) (string, error) {
			if !open {
				return "", errors.New("the warehouse is closed")
			}
			fmt.Println("sending a parcel")
			return "parcel 1", nil
		})
		return charge + ", " + parcel, err
	}
	for range 3 {
		order, outcome, err := idempotency.Do(context.Background(), guard, idempotency.Intent{
			Scope: idempotency.SharedScope(), Operation: "orders.create", Key: "k1", Payload: "teapot",
		}, place)
		if err != nil {
			fmt.Println(err)
		} else {
			fmt.Println(order, outcome.Replayed)
		}
		open = true
	}
	// Output:
	// charging
	// the warehouse is closed
	// sending a parcel
	// charge 1, parcel 1 false
	// charge 1, parcel 1 true
}
