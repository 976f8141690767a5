package main

import (
	"context"
	"log"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

type Order struct{ ID string }

func main() {
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: memstore.New()})) // in production: dynamostore
	lambda.Start(idempotency.Must(idemlambda.SQS(idemlambda.Config[events.SQSMessage]{
		Guard:     guard,
		Operation: "orders.place",
		Scope:     idemlambda.QueueScope,
		Key:       idemlambda.FromBody(func(o Order) (string, error) { return o.ID, nil }),
	}, placeOrder)))
}

func placeOrder(_ context.Context, m events.SQSMessage) error {
	log.Println("placing", m.Body) // the effect that must happen once
	return nil
}
