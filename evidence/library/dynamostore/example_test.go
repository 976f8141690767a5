package dynamostore_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// Two processes that share a table share what they remember.
func ExampleNew() {
	cfg, stop := loadConfig() // config.LoadDefaultConfig(ctx), in Lambda
	defer stop()
	greet := func() {
		store, err := dynamostore.New(dynamodb.NewFromConfig(cfg), "idempotency")
		if err != nil {
			log.Fatal(err)
		}
		guard, err := idempotency.New(idempotency.Config{Store: store}) // hand it to idemhttp.New, say
		if err != nil {
			log.Fatal(err)
		}
		text, outcome, err := idempotency.Do(context.Background(), guard, idempotency.Intent{
			Scope: idempotency.SharedScope(), Operation: "greetings.send", Key: "k1", Payload: "alice",
		}, func(context.Context) (string, error) { return "hello, alice", nil })
		fmt.Println(text, outcome.Replayed, err)
	}
	greet()
	greet()
	// Output:
	// hello, alice false <nil>
	// hello, alice true <nil>
}

// A table that is not there, or that the function may not use, is noticed by the
// first call: nothing is executed.
func ExampleNew_wrongTable() {
	cfg, stop := loadConfig()
	defer stop()
	store, err := dynamostore.New(dynamodb.NewFromConfig(cfg), "idempotence")
	if err != nil {
		log.Fatal(err)
	}
	guard, err := idempotency.New(idempotency.Config{Store: store})
	if err != nil {
		log.Fatal(err)
	}
	_, _, err = idempotency.Do(context.Background(), guard, idempotency.Intent{
		Scope: idempotency.SharedScope(), Operation: "greetings.send", Key: "k1", Payload: "alice",
	}, func(context.Context) (string, error) {
		fmt.Println("never")
		return "", nil
	})
	fmt.Println(err != nil)
	// Output:
	// true
}

// In atomic mode the execution plans its writes. They happen together with the
// record of the result, or not at all.
func ExampleTransaction() {
	cfg, stop := loadConfig()
	defer stop()
	client := dynamodb.NewFromConfig(cfg)
	stock(client, "espresso", "1")

	placeOrder := func(ctx context.Context) (string, error) {
		tx, err := dynamostore.TransactionFrom(ctx)
		if err != nil {
			return "", err
		}
		if _, refused := tx.Refused("stock"); refused {
			return "out of stock", nil // nothing else is planned
		}
		return "ordered", tx.Plan("stock", types.TransactWriteItem{Update: &types.Update{
			TableName:                 aws.String("articles"),
			Key:                       map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "espresso"}},
			UpdateExpression:          aws.String("SET stock = stock - :one"),
			ConditionExpression:       aws.String("stock >= :one"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}},
		}})
	}

	store, err := dynamostore.NewAtomic(client, "idempotency")
	if err != nil {
		log.Fatal(err)
	}
	guard, err := idempotency.New(idempotency.Config{Store: store, Mode: idempotency.Atomic})
	if err != nil {
		log.Fatal(err)
	}
	for _, key := range []string{"k1", "k1", "k2"} {
		answer, _, err := idempotency.Do(context.Background(), guard, idempotency.Intent{
			Scope: idempotency.SharedScope(), Operation: "orders.place", Key: key, Payload: "espresso",
		}, placeOrder)
		fmt.Println(key, answer, err)
	}
	// Output:
	// k1 ordered <nil>
	// k1 ordered <nil>
	// k2 out of stock <nil>
}

// loadConfig stands for the AWS SDK's own, and leads to a DynamoDB of the
// example's own.
func loadConfig() (cfg aws.Config, stop func()) {
	engine, err := dynamolocal.New(dynamolocal.Config{})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(engine)
	cfg = aws.Config{
		BaseEndpoint: &server.URL, Region: "eu-central-1",
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	for _, table := range []string{"idempotency", "articles"} {
		_, err := dynamodb.NewFromConfig(cfg).CreateTable(context.Background(), &dynamodb.CreateTableInput{
			TableName: &table, BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	return cfg, server.Close
}

func stock(client *dynamodb.Client, article, quantity string) {
	_, err := client.PutItem(context.Background(), &dynamodb.PutItemInput{
		TableName: aws.String("articles"),
		Item: map[string]types.AttributeValue{
			"id": &types.AttributeValueMemberS{Value: article}, "stock": &types.AttributeValueMemberN{Value: quantity},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
}
