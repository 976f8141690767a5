package dynamolocal_test

import (
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// accessKey is with which the clients of tests sign.
const accessKey = "AKIDEXAMPLE"

// server is an engine behind HTTP, with a client that does not retry.
type server struct {
	*dynamolocal.Engine
	*dynamodb.Client
	url string
}

// serve returns an engine of the configuration, which is stopped when the test
// ends.
func serve(t *testing.T, config dynamolocal.Config) *server {
	t.Helper()
	engine, err := dynamolocal.New(config)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	listening := httptest.NewServer(engine)
	t.Cleanup(func() {
		listening.Close()
		if err := engine.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	client := dynamodb.New(dynamodb.Options{
		BaseEndpoint: aws.String(listening.URL),
		Region:       "eu-west-1",
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, "secret", ""),
		Retryer:      aws.NopRetryer{},
	})
	return &server{Engine: engine, Client: client, url: listening.URL}
}

// item is an item in the SDK's types.
type item = map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func num(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }

// table makes a table with the key pk and, if wanted, the sort key sk, both
// strings.
func (s *server) table(t *testing.T, name string, sorted bool) {
	t.Helper()
	in := &dynamodb.CreateTableInput{
		TableName:            &name,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		BillingMode:          types.BillingModePayPerRequest,
	}
	if sorted {
		in.AttributeDefinitions = append(in.AttributeDefinitions,
			types.AttributeDefinition{AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeS})
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange})
	}
	if _, err := s.CreateTable(t.Context(), in); err != nil {
		t.Fatalf("CreateTable: %v", err)
	}
}

func (s *server) put(t *testing.T, table string, it item) error {
	t.Helper()
	_, err := s.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: it})
	return err
}

// has reports whether the table has an item with the key.
func (s *server) has(t *testing.T, table string, key item) bool {
	t.Helper()
	out, err := s.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key})
	if err != nil {
		t.Fatalf("GetItem: %v", err)
	}
	return out.Item != nil
}

// enableTTL sets the attribute that has the time of expiry.
func (s *server) enableTTL(t *testing.T, table, attribute string) {
	t.Helper()
	_, err := s.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
		TableName:               &table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &attribute, Enabled: aws.Bool(true)},
	})
	if err != nil {
		t.Fatalf("UpdateTimeToLive: %v", err)
	}
}

// codeOf returns the code of an error of the service, "" for any other.
func codeOf(err error) string {
	var answered smithy.APIError
	if errors.As(err, &answered) {
		return answered.ErrorCode()
	}
	return ""
}

// clock is a clock that tests turn.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
