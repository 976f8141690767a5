package main

import (
	"context"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

type Receipt struct{ Number int }

func main() {
	ctx := context.Background()
	cfg := idempotency.Must(config.LoadDefaultConfig(ctx))
	client := dynamodb.NewFromConfig(cfg, dynamostore.Tuned)
	store := idempotency.Must(dynamostore.New(client, "idempotency"))
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: store}))

	charges := 0
	for range 2 {
		receipt, outcome, err := idempotency.Do(ctx, guard, idempotency.Intent{
			Scope:     idempotency.Must(idempotency.NewScope("alice")),
			Operation: "payments.create",
			Key:       "invoice-4711",
			Payload:   1250,
		}, func(context.Context) (Receipt, error) {
			charges++ // the effect that must happen once
			return Receipt{Number: charges}, nil
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(receipt.Number, outcome.Replayed)
	}
}
