package main

import (
	"context"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/kmsseal"
)

type Statement struct{ Account, Balance string }

func main() {
	ctx := context.Background()
	cfg := idempotency.Must(config.LoadDefaultConfig(ctx))
	store := idempotency.Must(dynamostore.New(dynamodb.NewFromConfig(cfg, dynamostore.Tuned), "idempotency"))
	sealer := idempotency.Must(kmsseal.New(kmsseal.Config{
		Client: kms.NewFromConfig(cfg),
		KeyID:  "alias/idempotency",
	}))
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: store, Seal: sealer}))

	for range 2 {
		statement, outcome, err := idempotency.Do(ctx, guard, idempotency.Intent{
			Scope:     idempotency.Must(idempotency.NewScope("alice")),
			Operation: "statements.create",
			Key:       "november",
			Payload:   "DE02 1203 0000 0000 2020 51",
		}, func(context.Context) (Statement, error) {
			return Statement{Account: "DE02 1203 0000 0000 2020 51", Balance: "12.50"}, nil
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(statement.Balance, outcome.Replayed)
	}
}
