package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// database is where everything that is measured keeps its records: an engine in
// this process, apart from those whose CPU time counts, or one that was given.
type database struct {
	endpoint string
	engine   *dynamolocal.Engine // nil for one that was given
	client   *dynamodb.Client
	close    func()

	mu    sync.Mutex
	asked usage
}

// usage is what the engine has served.
type usage struct {
	requests    int
	read, write float64
}

func (u usage) since(before usage) usage {
	return usage{u.requests - before.requests, u.read - before.read, u.write - before.write}
}

func openDatabase(ctx context.Context, endpoint string) (*database, error) {
	db := &database{endpoint: endpoint, close: func() {}}
	if endpoint == "" {
		// Nothing verifies these, but the SDKs do not send without.
		for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1"} {
			if err := os.Setenv(name, value); err != nil {
				return nil, err
			}
		}
		if err := db.serve(); err != nil {
			return nil, err
		}
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	db.client = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.BaseEndpoint = aws.String(db.endpoint) })
	return db, nil
}

func (db *database) serve() error {
	engine, err := dynamolocal.New(dynamolocal.Config{Observe: db.observe})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: engine, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // until it is closed
	db.engine, db.endpoint = engine, "http://"+listener.Addr().String()
	db.close = func() { _ = errors.Join(server.Close(), engine.Close()) }
	return nil
}

func (db *database) observe(e dynamolocal.Event) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.asked.requests++
	for _, c := range e.Consumed {
		db.asked.read += c.Read
		db.asked.write += c.Write
	}
}

func (db *database) usage() usage {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.asked
}

// withTable calls f with the name of an empty table, which is gone afterwards.
func (db *database) withTable(ctx context.Context, f func(table string) error, keys ...string) error {
	if len(keys) == 0 {
		keys = []string{"id"}
	}
	name := fmt.Sprintf("bench-%d", time.Now().UnixNano())
	input := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest}
	for i, key := range keys {
		input.AttributeDefinitions = append(input.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: aws.String(key), AttributeType: types.ScalarAttributeTypeS})
		input.KeySchema = append(input.KeySchema, types.KeySchemaElement{
			AttributeName: aws.String(key), KeyType: []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}[i]})
	}
	if _, err := db.client.CreateTable(ctx, input); err != nil {
		return err
	}
	defer func() {
		_, _ = db.client.DeleteTable(context.WithoutCancel(ctx), &dynamodb.DeleteTableInput{TableName: &name})
	}()
	err := dynamodb.NewTableExistsWaiter(db.client).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, 5*time.Minute)
	if err != nil {
		return err
	}
	return f(name)
}

// fill writes records, without the network, until the table has n of them.
func (db *database) fill(ctx context.Context, table string, from, n int) error {
	const item = `{"Put":{"TableName":%q,"Item":{"id":{"S":"payments.create#filler-%035d"},"status":{"S":"COMPLETED"},"expiration":{"N":"4102444800"},` +
		`"in_progress_expiration":{"N":"1767225600000"},"owner":{"S":"5DVX6ZK2Q7M3N4P8R9S1T2U3V4"},"validation":{"S":"%064x"},"data":{"B":"%s"}}}}`
	data := strings.Repeat("eyJh", 50)
	for from < n {
		if err := ctx.Err(); err != nil {
			return err
		}
		var body strings.Builder
		body.WriteString(`{"TransactItems":[`)
		for i := range min(100, n-from) {
			if i > 0 {
				body.WriteByte(',')
			}
			fmt.Fprintf(&body, item, table, from, from, data)
			from++
		}
		body.WriteString(`]}`)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/", strings.NewReader(body.String()))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810.TransactWriteItems")
		w := reply{header: make(http.Header)}
		db.engine.ServeHTTP(&w, r)
		if w.status != 0 && w.status != http.StatusOK {
			return fmt.Errorf("filling the table: status %d: %s", w.status, w.body.String())
		}
	}
	return nil
}

type reply struct {
	header http.Header
	status int
	body   strings.Builder
}

func (w *reply) Header() http.Header         { return w.header }
func (w *reply) WriteHeader(status int)      { w.status = status }
func (w *reply) Write(p []byte) (int, error) { return w.body.Write(p) }
