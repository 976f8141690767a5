// Command orders is the Lambda function that places the orders of a queue.
package main

import (
	"context"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/emf"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
)

type Order struct{ ID, Customer string }

func main() {
	cfg := idempotency.Must(config.LoadDefaultConfig(context.Background()))
	guard := idempotency.Must(idempotency.New(idempotency.Config{
		Store:    idempotency.Must(dynamostore.New(dynamodb.NewFromConfig(cfg, dynamostore.Tuned), "idempotency")),
		Observer: idempotency.Must(emf.NewObserver(os.Stdout, emf.Config{Namespace: "Orders"})),
	}))
	lambda.Start(idempotency.Must(idemlambda.SQSJSON(idemlambda.Config[Order]{
		Guard:     guard,
		Operation: "orders.place",
		Scope:     func(o Order) (idempotency.Scope, error) { return idempotency.NewScope(o.Customer) },
		Key:       func(o Order) (string, error) { return o.ID, nil },
	}, placeOrder)))
}

func placeOrder(_ context.Context, o Order) error {
	log.Println("placing", o.ID) // the effect that must happen once
	return nil
}
