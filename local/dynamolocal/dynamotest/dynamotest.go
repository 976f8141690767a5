// Package dynamotest gives tests a DynamoDB of their own: the unmodified SDK in
// front of an embedded engine, in the process of the test. The test turns its
// clock, sees what each call consumed, and lets calls fail as they fail in
// production: applied with the reply lost, delayed, refused, throttled, hanging.
//
//	db := dynamotest.New(t)
//	db.CreateTable(t, "orders", "id")
//	db.Next("PutItem", dynamolocal.DropReply) // is applied, and the client does not learn it
//
// The engine is package [dynamolocal], whose documentation says what it has of
// the service and what not.
package dynamotest

import (
	"net/http/httptest"
	"slices"
	"sync"
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
	// Client is the SDK's client. It repeats failed calls as usual, three attempts in
	// all, but without pauses.
	Client *dynamodb.Client
	// Config is the SDK's configuration of the client, for code that makes a client
	// of its own.
	Config aws.Config
	// URL is where the engine listens, for clients in other languages.
	URL string
	// Clock is the engine's clock.
	Clock *Clock
	// Engine is the engine itself, for faults of other kinds than those of
	// [DynamoDB.Next] and for [dynamolocal.Engine.Sweep].
	Engine *dynamolocal.Engine

	mu         sync.Mutex
	recordings []*Recording
}

// New returns a DynamoDB without tables that lasts as long as the test. It takes
// at most one configuration; the default is an engine in memory.
func New(t testing.TB, config ...dynamolocal.Config) *DynamoDB {
	t.Helper()
	var c dynamolocal.Config
	switch len(config) {
	case 0:
	case 1:
		c = config[0]
	default:
		t.Fatalf("dynamotest: New takes one configuration, not %d", len(config))
	}
	db := &DynamoDB{Clock: &Clock{base: c.Clock}}
	observe := c.Observe
	c.Clock = db.Clock.Now
	c.Observe = func(event dynamolocal.Event) {
		db.record(event)
		if observe != nil {
			observe(event)
		}
	}
	engine, err := dynamolocal.New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(engine)
	t.Cleanup(func() {
		err := engine.Close() // first, so that no call hangs any more
		server.Close()
		if err != nil {
			t.Error(err)
		}
	})
	db.Engine, db.URL = engine, server.URL
	db.Config = aws.Config{
		BaseEndpoint: &server.URL,
		Region:       "eu-central-1",
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
			})
		},
	}
	db.Client = dynamodb.NewFromConfig(db.Config)
	return db
}

// CreateTable creates a table on demand whose key is one or two string
// attributes: the partition key and, if given, the sort key.
func (d *DynamoDB) CreateTable(t testing.TB, name string, key ...string) {
	t.Helper()
	if len(key) == 0 || len(key) > 2 {
		t.Fatalf("dynamotest: the key of a table has one or two attributes, not %d", len(key))
	}
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

// Next lets the next call of the operation, such as PutItem, meet the effect. The
// client repeats a failed call by itself, and the repetition meets nothing.
func (d *DynamoDB) Next(operation string, effect dynamolocal.Effect) {
	d.Engine.Inject(dynamolocal.Once(dynamolocal.On(operation, dynamolocal.Action{Effect: effect})))
}

// Clock is the clock of an engine: that of the machine, or of the engine's
// configuration, plus what a test has added. It is safe for concurrent use.
type Clock struct {
	base  func() time.Time
	mu    sync.Mutex
	ahead time.Duration
}

// Now returns the time.
func (c *Clock) Now() time.Time {
	now := time.Now
	if c.base != nil {
		now = c.base
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return now().Add(c.ahead)
}

// Advance puts the clock forward. Items whose time to live has passed stay until
// [dynamolocal.Engine.Sweep] is called, as they stay for a while in the service.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// Recording holds the calls since it was begun. It is safe for concurrent use.
type Recording struct {
	db    *DynamoDB
	mu    sync.Mutex
	calls []dynamolocal.Event
}

// Record begins to record calls.
func (d *DynamoDB) Record() *Recording {
	r := &Recording{db: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.recordings = append(d.recordings, r)
	return r
}

func (d *DynamoDB) record(event dynamolocal.Event) {
	d.mu.Lock()
	recordings := slices.Clone(d.recordings)
	d.mu.Unlock()
	for _, r := range recordings {
		r.mu.Lock()
		r.calls = append(r.calls, event)
		r.mu.Unlock()
	}
}

// Stop ends the recording; what it has recorded stays.
func (r *Recording) Stop() {
	r.db.mu.Lock()
	defer r.db.mu.Unlock()
	r.db.recordings = slices.DeleteFunc(r.db.recordings, func(other *Recording) bool { return other == r })
}

// Calls returns the calls that were served, in the order in which they ended.
func (r *Recording) Calls() []dynamolocal.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// Consumed returns the capacity that the calls consumed of a table with its
// indexes, failed conditions and repetitions included.
func (r *Recording) Consumed(table string) dynamolocal.Consumed {
	total := dynamolocal.Consumed{Table: table}
	for _, call := range r.Calls() {
		for _, consumed := range call.Consumed {
			if consumed.Table == table {
				total.Read += consumed.Read
				total.Write += consumed.Write
			}
		}
	}
	return total
}
