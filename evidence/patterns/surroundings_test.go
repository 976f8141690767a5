package patterns_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// Order is what a customer wants.
type Order struct {
	ID, Customer, Article string
}

// lambda stands where an example's reader has the package of that name: what is
// started here is invoked by the example.
var lambda starter

type starter struct{ started any }

func (s *starter) Start(handler any) { s.started = handler }

// deliver invokes what was started with a batch of messages.
func deliver(bodies ...string) {
	batch := events.SQSEvent{}
	for i, body := range bodies {
		batch.Records = append(batch.Records, events.SQSMessage{
			MessageId: fmt.Sprint("m", i+1), Body: body, EventSourceARN: "arn:aws:sqs:eu-central-1:000000000000:orders",
		})
	}
	consume := lambda.started.(func(context.Context, events.SQSEvent) (events.SQSEventResponse, error))
	response, err := consume(context.Background(), batch)
	if err != nil {
		log.Fatal(err)
	}
	for _, failure := range response.BatchItemFailures {
		fmt.Println("failed:", failure.ItemIdentifier)
	}
}

// post sends a request to a handler and prints the answer.
func post(handler http.Handler, account, key, body string) {
	r := httptest.NewRequest(http.MethodPost, "/payments", strings.NewReader(body))
	r.Header.Set("X-Account", account)
	r.Header.Set("Idempotency-Key", key)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	text, _ := io.ReadAll(w.Body)
	if strings.Contains(w.Header().Get("Content-Type"), "json") {
		text = nil
	}
	fmt.Println(strings.TrimSpace(fmt.Sprint(w.Code, " ", string(text), " ", w.Header().Get("Idempotent-Replayed"))))
}

// startAWS starts a DynamoDB with the tables of the examples.
func startAWS() (cfg aws.Config, stop func()) {
	engine, err := dynamolocal.New(dynamolocal.Config{})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(engine)
	cfg = aws.Config{
		BaseEndpoint: &server.URL, Region: "eu-central-1",
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	client := dynamodb.NewFromConfig(cfg)
	for _, table := range []string{"idempotency", "articles"} {
		_, err := client.CreateTable(context.Background(), &dynamodb.CreateTableInput{
			TableName: &table, BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := os.Setenv("IDEMPOTENCY_TABLE", "idempotency"); err != nil {
		log.Fatal(err)
	}
	return cfg, server.Close
}

func newMemoryGuard(cfg idempotency.Config) *idempotency.Guard {
	cfg.Store = memstore.New()
	guard, err := idempotency.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return guard
}
