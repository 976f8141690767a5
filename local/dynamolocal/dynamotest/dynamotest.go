// Package dynamotest gives tests a DynamoDB of their own: the unmodified SDK in
// front of an embedded engine, in which faults can be injected.
package dynamotest

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// DynamoDB is an engine and a client of it.
type DynamoDB struct {
	Engine *dynamolocal.Engine
	// Client is the SDK's, which repeats failed calls as usual but without pauses.
	Client *dynamodb.Client
}

// New makes a DynamoDB without tables that lasts as long as the test.
func New(t testing.TB, config dynamolocal.Config) *DynamoDB {
	t.Helper()
	engine, err := dynamolocal.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(engine)
	t.Cleanup(func() {
		server.Close()
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return &DynamoDB{Engine: engine, Client: dynamodb.New(dynamodb.Options{
		BaseEndpoint: &server.URL,
		Region:       "eu-central-1",
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		}),
	})}
}

// CreateTable makes a table whose key is one or two string attributes: the
// partition key and, if given, the sort key.
func (d *DynamoDB) CreateTable(t testing.TB, name string, key ...string) {
	t.Helper()
	input := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest}
	for i, attribute := range key {
		input.AttributeDefinitions = append(input.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: aws.String(attribute), AttributeType: types.ScalarAttributeTypeS,
		})
		input.KeySchema = append(input.KeySchema, types.KeySchemaElement{
			AttributeName: aws.String(attribute), KeyType: []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}[i],
		})
	}
	if _, err := d.Client.CreateTable(t.Context(), input); err != nil {
		t.Fatal(err)
	}
}
