package main

import (
	"context"
	"log"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

type Order struct{ ID, Customer string }

func main() {
	lambda.Start(idempotency.Must(idemlambda.SQSJSON(idemlambda.Config[Order]{
		Store:     memstore.New(), // in production: dynamostore
		Operation: "orders.place",
		Scope:     func(o Order) (idempotency.Scope, error) { return idempotency.NewScope(o.Customer) },
		Key:       func(o Order) (string, error) { return o.ID, nil },
	}, placeOrder)))
}

func placeOrder(_ context.Context, o Order) error {
	log.Println("placing", o.ID) // the effect that must happen once
	return nil
}
