// Package datatabletest makes data tables for tests: the real SDK in front of an
// embedded DynamoDB.
package datatabletest

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/dynamolocal"
)

// Retention is how long the tables keep their entries.
const Retention = 24 * time.Hour

// Fixture is a data table, empty at first, and the engine behind it, in which
// faults can be injected.
type Fixture struct {
	Table  *datatable.Table
	Engine *dynamolocal.Engine
	Client *dynamodb.Client
	Name   string // of the table
}

// New makes a fixture that lasts as long as the test. The clock is that of the
// table; nil is [time.Now].
func New(t testing.TB, clock func() time.Time) *Fixture {
	t.Helper()
	engine, err := dynamolocal.New(dynamolocal.Config{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(engine)
	t.Cleanup(server.Close)
	client := dynamodb.New(dynamodb.Options{
		BaseEndpoint: &server.URL,
		Region:       "eu-central-1",
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		}),
	})
	const name = "data"
	_, err = client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:   aws.String(name),
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	table, err := datatable.New(datatable.Config{Client: client, Name: name, Retention: Retention, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	return &Fixture{Table: table, Engine: engine, Client: client, Name: name}
}
