package dynamostore_test

import (
	"context"
	"log"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/functions/idempotency"
	"github.com/idempotent-requests/idempotent-requests/functions/idempotency/dynamostore"
)

func ExampleNew() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	store, err := dynamostore.New(dynamodb.NewFromConfig(cfg), "idempotency")
	if err != nil {
		log.Fatal(err)
	}
	guard, err := idempotency.New(idempotency.Config{Store: store})
	if err != nil {
		log.Fatal(err)
	}
	_ = guard // hand it to idemhttp.New
}

// In atomic mode the execution plans its writes. They happen together with the
// record of the result, or not at all.
func ExampleTransaction() {
	placeOrder := func(ctx context.Context) (idempotency.Result, error) {
		tx := dynamostore.TransactionFrom(ctx)
		if _, refused := tx.Refused("stock"); refused {
			return idempotency.Result{Data: []byte("out of stock")}, nil // nothing else is planned
		}
		tx.Plan("stock", types.TransactWriteItem{Update: &types.Update{
			TableName:                 aws.String("articles"),
			Key:                       map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "espresso"}},
			UpdateExpression:          aws.String("SET stock = stock - :one"),
			ConditionExpression:       aws.String("stock >= :one"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}},
		}})
		return idempotency.Result{Data: []byte("ordered")}, nil
	}
	_ = placeOrder // hand it to Guard.Do, of a guard with Mode: idempotency.Atomic
}
