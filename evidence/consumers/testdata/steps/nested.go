package main

import (
	"context"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// placeNested is place without steps: an execution of its own for each effect, with
// a key and a record of its own.
func placeNested(ctx context.Context, guard *idempotency.Guard, scope idempotency.Scope, key string) (o Order, err error) {
	if o.Charge, _, err = idempotency.Do(ctx, guard, idempotency.Intent{
		Scope: scope, Operation: "orders.charge", Key: key, Payload: "12.50",
	}, func(ctx context.Context) (string, error) {
		return ask(ctx, "charge", "12.50")
	}); err != nil {
		return o, err
	}
	if o.Parcel, _, err = idempotency.Do(ctx, guard, idempotency.Intent{
		Scope: scope, Operation: "orders.parcel", Key: key, Payload: o.Charge,
	}, func(ctx context.Context) (string, error) {
		return ask(ctx, "parcel", o.Charge)
	}); err != nil {
		return o, err
	}
	o.Mail, _, err = idempotency.Do(ctx, guard, idempotency.Intent{
		Scope: scope, Operation: "orders.mail", Key: key, Payload: o.Parcel,
	}, func(ctx context.Context) (string, error) {
		return ask(ctx, "mail", o.Parcel)
	})
	return o, err
}

var _ = placeNested
