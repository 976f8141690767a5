package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/evidence/intercept"
	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/evidence/model"
	"github.com/idempotent-requests/idempotent-requests/evidence/plaindynamo"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

const (
	recordTable = "records"
	effectTable = "effects"
	stockItem   = "stock"
)

// connect chooses what keeps the records.
func (w *world) connect(d *Dynamo) (err error) {
	if !w.Dynamo {
		var records idempotency.Store = memstore.New()
		if w.Store != nil {
			records = w.Store
		}
		if w.Watch != nil {
			records = model.Watch(records, w.Watch)
		}
		w.backing = memory{records}
		return nil
	}
	if d == nil {
		engine, err := dynamolocal.New(dynamolocal.Config{})
		if err != nil {
			return err
		}
		d = NewDynamo(engine, "http://dynamodb.invalid", func(r *http.Request) (*http.Response, error) {
			recorder := httptest.NewRecorder()
			engine.ServeHTTP(recorder, r)
			return recorder.Result(), nil
		})
	}
	w.backing = d
	return d.prepare(w)
}

// Dynamo is an embedded DynamoDB for a run.
type Dynamo struct {
	url   string
	plain plaindynamo.Client // on whose connection nothing goes wrong
	serve func(*http.Request) (*http.Response, error)

	// A request that the engine is to fail is alone with it.
	mu     sync.RWMutex
	effect dynamolocal.Effect
}

// NewDynamo returns the DynamoDB that the engine is and serve reaches.
func NewDynamo(engine *dynamolocal.Engine, url string, serve func(*http.Request) (*http.Response, error)) *Dynamo {
	d := &Dynamo{url: url, serve: serve}
	engine.Inject(func(dynamolocal.Call) dynamolocal.Action { return dynamolocal.Action{Effect: d.effect} })
	return d
}

// do serves a request, or fails it.
func (d *Dynamo) do(r *http.Request, effect dynamolocal.Effect) (*http.Response, error) {
	if effect == dynamolocal.NoEffect {
		d.mu.RLock()
		defer d.mu.RUnlock()
		return d.serve(r)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.effect = effect
	defer func() { d.effect = dynamolocal.NoEffect }()
	return d.serve(r)
}

func (d *Dynamo) client(transport aws.HTTPClient, unit time.Duration) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &d.url,
		Region:       "eu-central-1",
		Credentials:  aws.AnonymousCredentials{}, // signatures take time, and the engine does not verify them
		HTTPClient:   transport,
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
				return unit / 20 << attempt, nil
			})
		}),
	})
}

// prepare makes the tables.
func (d *Dynamo) prepare(w *world) error {
	ctx := context.Background()
	address, err := url.Parse(d.url)
	if err != nil {
		return err
	}
	d.plain = func(r *http.Request) (*http.Response, error) {
		r.URL, r.Host = address, address.Host
		return d.do(r, dynamolocal.NoEffect)
	}
	for _, table := range []string{recordTable, effectTable} {
		if err := d.plain.CreateTable(ctx, table); err != nil {
			return err
		}
	}
	_, err = d.plain.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(effectTable), Item: map[string]types.AttributeValue{
		"id": text(stockItem), "left": number(w.set.stock),
	}})
	return err
}

func (d *Dynamo) store(w *world, p *process) idempotency.Store {
	client := d.client(behindNetwork{d}, w.set.unit)
	limit := w.set.limit
	if limit == 0 || w.healed.Load() { // then it is the auditor's, and slow is only the machine
		limit = -1
	}
	store, err := dynamostore.NewAtomic(client, recordTable, dynamostore.InlineLimit(1<<10), dynamostore.RequestTimeout(limit))
	if err != nil {
		panic(err) // the arguments are always valid
	}
	if w.Mode == idempotency.Leased {
		return intercept.Store(store, p.front)
	}
	return intercept.AtomicStore(store, p.front)
}

// plan adds the effect to the execution's transaction: one of what is in stock.
func (c *call) plan(ctx context.Context) (effect string) {
	transaction, err := dynamostore.TransactionFrom(ctx)
	if err != nil {
		panic(err) // the mode is atomic
	}
	if _, soldOut := transaction.Refused(stockItem); soldOut {
		return ledger.NoEffect
	}
	effect = fmt.Sprint(c.ID)
	_ = transaction.Plan("effect", types.TransactWriteItem{Put: &types.Put{
		TableName: aws.String(effectTable),
		Item:      map[string]types.AttributeValue{"id": text(effect), "call": number(c.ID), "token": text(tokenOf(ctx))},
	}})
	_ = transaction.Plan(stockItem, types.TransactWriteItem{Update: &types.Update{
		TableName: aws.String(effectTable), Key: map[string]types.AttributeValue{"id": text(stockItem)},
		UpdateExpression: aws.String("SET #left = #left - :one"), ConditionExpression: aws.String("#left > :zero"),
		ExpressionAttributeNames:  map[string]string{"#left": "left"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":one": number(1), ":zero": number(0)},
	}})
	return effect
}

// look returns the record as its item has it.
func (d *Dynamo) look(id string) ledger.State {
	item, err := d.plain.Get(context.Background(), recordTable, id)
	if err != nil {
		panic(err) // nothing goes wrong on this connection
	}
	return ledger.StateOfItem(item)
}

// collect enters the effects that transactions have had, and holds the stock
// against them.
func (d *Dynamo) collect(w *world) {
	if w.Mode != idempotency.Atomic {
		return
	}
	items, err := d.plain.Scan(context.Background(), effectTable)
	if err != nil {
		panic(err) // nothing goes wrong any more
	}
	left, effects, calls := 0, 0, w.book.Calls()
	for _, item := range items {
		id := textOf(item["id"])
		if id == stockItem {
			left = numberOf(item["left"])
			continue
		}
		effects++
		w.book.Discover(ledger.Effect{ID: id, Name: charge, Call: calls[numberOf(item["call"])], Token: textOf(item["token"])})
	}
	if left+effects != w.set.stock {
		panic(fmt.Sprintf("simulation: of %d in stock %d are left after %d effects", w.set.stock, left, effects))
	}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func textOf(value types.AttributeValue) string { return value.(*types.AttributeValueMemberS).Value }

func numberOf(value types.AttributeValue) int {
	n, err := strconv.Atoi(value.(*types.AttributeValueMemberN).Value)
	if err != nil {
		panic(err) // the engine has checked it
	}
	return n
}

func number(n int) types.AttributeValue { return &types.AttributeValueMemberN{Value: strconv.Itoa(n)} }

// behindNetwork is a connection through the simulated network.
type behindNetwork struct{ *Dynamo }

// response is a reply of DynamoDB that was read to its end.
type response struct {
	*http.Response
	body []byte
	err  error
}

func (r response) describe() string {
	if r.err != nil {
		return "no reply"
	}
	var failure struct {
		Type string `json:"__type"`
	}
	_ = json.Unmarshal(r.body, &failure)
	_, name, _ := strings.Cut(failure.Type, "#")
	return fmt.Sprint(r.StatusCode, " ", name)
}

func (n behindNetwork) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	reply, err := send(r.Context(), detail(r, body), func(effect dynamolocal.Effect) response {
		sent := r.Clone(context.Background()) // it arrives, whether or not its sender still waits
		sent.Body = io.NopCloser(bytes.NewReader(body))
		received, err := n.do(sent, effect)
		if err != nil {
			return response{err: err}
		}
		defer received.Body.Close()
		content, err := io.ReadAll(received.Body)
		if operationFrom(r.Context()).call.world.set.bare && received.StatusCode == http.StatusBadRequest {
			content = withoutItems(content)
			received.Header.Del("X-Amz-Crc32") // it is that of the whole
			received.ContentLength = int64(len(content))
		}
		return response{received, content, err}
	})
	if err != nil {
		return nil, err
	}
	if reply.err != nil {
		return nil, reply.err
	}
	reply.Body = io.NopCloser(bytes.NewReader(reply.body))
	return reply.Response, nil
}

// withoutItems returns the body of a failure as endpoints write it that bring no
// old items, such as DAX.
func withoutItems(body []byte) []byte {
	var failure map[string]any
	if json.Unmarshal(body, &failure) != nil {
		return body
	}
	delete(failure, "Item")
	if reasons, ok := failure["CancellationReasons"].([]any); ok {
		for _, reason := range reasons {
			delete(reason.(map[string]any), "Item")
		}
	}
	stripped, err := json.Marshal(failure)
	if err != nil {
		return body
	}
	return stripped
}

// detail says what a request is for, apart from its call: its operation and,
// for one of a response's parts, which.
func detail(r *http.Request, body []byte) string {
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var request struct {
		Item, Key struct{ ID struct{ S string } }
	}
	_ = json.Unmarshal(body, &request)
	parts := strings.Split(request.Item.ID.S+request.Key.ID.S, "#")
	if len(parts) == 4 { // operation, hash, owner, number
		name += "#" + parts[3]
	}
	return "/" + name
}
