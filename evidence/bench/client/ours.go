package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/evidence/bench/measure"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/canonicaljson"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

// request is a JSON body of 330 bytes, large one of 1 KB, and answer one of the
// given size, about as compressible as JSON is.
var request, large = payment(272), payment(966)

func payment(description int) []byte {
	return fmt.Appendf(nil, `{"amount":1250,"currency":"EUR","description":%q}`, strings.Repeat("coffee ", 200)[:description])
}

func answer(size int) []byte {
	random := mathrand.New(mathrand.NewPCG(1, 2))
	b := []byte(`{"lines":[`)
	for len(b) < size {
		b = fmt.Appendf(b, `{"id":"%016x","quantity":%d,"price":%d},`, random.Uint64(), random.IntN(10), random.IntN(10000))
	}
	return b[:size]
}

// ours is a guard and everything an adapter does around it: key, canonical form
// and fingerprint are computed for each call.
type ours struct {
	guard    *idempotency.Guard
	scope    idempotency.Scope
	body     []byte
	response []byte
	write    func(context.Context) error // the business write, or nil
}

func (o *ours) request(token string) (idempotency.Request, error) {
	key, err := idempotency.NewKey(o.scope, "payments.create", token)
	if err != nil {
		return idempotency.Request{}, err
	}
	canonical, err := canonicaljson.Transform(o.body)
	if err != nil {
		return idempotency.Request{}, err
	}
	return idempotency.Request{Key: key, Fingerprint: idempotency.NewFingerprint(canonical)}, nil
}

func (o *ours) do(ctx context.Context, token string, retry bool) (idempotency.Outcome, error) {
	r, err := o.request(token)
	if err != nil {
		return idempotency.Outcome{}, err
	}
	r.LikelyDuplicate = retry
	return o.guard.Do(ctx, r, func(ctx context.Context) (idempotency.Result, error) {
		if o.write != nil {
			if err := o.write(ctx); err != nil {
				return idempotency.Result{}, err
			}
		}
		return idempotency.Result{Data: o.response}, nil
	})
}

func newOurs(task measure.Task, client dynamostore.AtomicClient) (*ours, error) {
	scope, err := idempotency.NewScope("5b1f8f0c-7f0a-4c7e-9d5e-0c6e6a1d2f3b")
	if err != nil {
		return nil, err
	}
	store, err := dynamostore.NewAtomic(client, task.Table)
	if err != nil {
		return nil, err
	}
	config := idempotency.Config{Store: store, CacheEntries: -1}
	o := &ours{scope: scope, body: request, response: answer(task.Response)}
	switch task.Path {
	case "atomic":
		config.Mode = idempotency.Atomic
		o.write = func(ctx context.Context) error {
			tx, err := dynamostore.TransactionFrom(ctx)
			if err != nil {
				return err
			}
			return tx.Plan("order", types.TransactWriteItem{Put: &types.Put{TableName: &task.Table, Item: order()}})
		}
	case "first+write":
		o.write = func(ctx context.Context) error {
			_, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &task.Table, Item: order()})
			return err
		}
	case "three-steps":
		o.write = inSteps
	case "three-nested":
		o.write = func(ctx context.Context) error { return o.nested(ctx) }
	case "cached-1k":
		o.body = large
		fallthrough
	case "cached":
		config.CacheEntries = 0
	}
	if o.guard, err = idempotency.New(config); err != nil {
		return nil, err
	}
	return o, nil
}

// effects are three, which return a receipt each and do nothing.
var effects = []string{"charge", "parcel", "mail"}

const receipt = "0198f2c5-6f0b-7a37-b5f6-9f1d5f1f5a10"

// inSteps has the effects as steps of the execution.
func inSteps(ctx context.Context) error {
	for _, effect := range effects {
		if _, err := idempotency.Step(ctx, effect, func(context.Context) (string, error) { return receipt, nil }); err != nil {
			return err
		}
	}
	return nil
}

// nested has the effects as executions of their own inside the execution.
func (o *ours) nested(ctx context.Context) error {
	outer, _ := idempotency.FromContext(ctx)
	for _, effect := range effects {
		_, _, err := idempotency.Do(ctx, o.guard, idempotency.Intent{
			Scope: o.scope, Operation: "payments." + effect, Key: outer.DerivedKey(effect), Payload: effect,
		}, func(context.Context) (string, error) { return receipt, nil })
		if err != nil {
			return err
		}
	}
	return nil
}

// order is the item of one business write.
func order() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"id":     &types.AttributeValueMemberS{Value: "order#" + rand.Text()},
		"amount": &types.AttributeValueMemberN{Value: "1250"},
		"note":   &types.AttributeValueMemberS{Value: strings.Repeat("x", 150)},
	}
}

func prepareOurs(ctx context.Context, task measure.Task, client dynamostore.AtomicClient) (operation, error) {
	o, err := newOurs(task, client)
	if err != nil {
		return nil, err
	}
	run := rand.Text()
	switch task.Path {
	case "first", "atomic", "first+write", "three-steps", "three-nested":
		return func(ctx context.Context, i int) error {
			outcome, err := o.do(ctx, fmt.Sprint(run, i), false)
			return expect(!outcome.Replayed, err)
		}, nil
	case "replay", "read-first", "cached", "cached-1k":
		if _, err := o.do(ctx, run, false); err != nil {
			return nil, err
		}
		return func(ctx context.Context, _ int) error {
			outcome, err := o.do(ctx, run, task.Path == "read-first")
			return expect(outcome.Replayed && len(outcome.Data) == len(o.response), err)
		}, nil
	case "conflict":
		if err := claim(ctx, o, task, client, run); err != nil {
			return nil, err
		}
		return func(ctx context.Context, _ int) error {
			_, err := o.do(ctx, run, false)
			_, inProgress := errors.AsType[*idempotency.InProgressError](err)
			return expect(inProgress, nil)
		}, nil
	}
	return nil, fmt.Errorf("the path %q is unknown", task.Path)
}

// claim leaves an execution behind that does not end.
func claim(ctx context.Context, o *ours, task measure.Task, client dynamostore.Client, token string) error {
	r, err := o.request(token)
	if err != nil {
		return err
	}
	store, err := dynamostore.New(client, task.Table)
	if err != nil {
		return err
	}
	now := time.Now()
	_, err = store.Claim(ctx, idempotency.Claim{Now: now, Record: idempotency.Record{
		ID: r.Key.ID(), Status: idempotency.InProgress, Owner: rand.Text(), Fingerprint: r.Fingerprint,
		LeaseUntil: now.Add(time.Hour), Expires: now.Add(2 * time.Hour),
	}})
	return err
}

var errUnexpected = errors.New("the outcome is not the one that is measured")

func expect(right bool, err error) error {
	if err == nil && !right {
		return errUnexpected
	}
	return err
}

// newClient returns the SDK's client as it comes or, tuned, with what its own
// options allow.
func newClient(task measure.Task, tuned bool) *dynamodb.Client {
	options := dynamodb.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(task.Endpoint),
		Credentials:  credentialsOf(),
	}
	if tuned {
		return dynamodb.New(options, dynamostore.Tuned)
	}
	return dynamodb.New(options)
}

// fillCache makes more calls than a cache of the default size keeps, and tells
// by how much the heap has grown.
func fillCache(ctx context.Context, task measure.Task) (measure.Result, error) {
	task.Path = "cached"
	o, err := newOurs(task, newClient(task, false))
	if err != nil {
		return measure.Result{}, err
	}
	run := rand.Text()
	if _, err := o.do(ctx, run, false); err != nil { // a connection and the like are not the cache's
		return measure.Result{}, err
	}
	before := heap()
	const calls = 2 * idempotency.DefaultCacheEntries
	for i := range calls {
		if _, err := o.do(ctx, fmt.Sprint(run, i), false); err != nil {
			return measure.Result{}, err
		}
	}
	grown := heap() - before
	runtime.KeepAlive(o)
	return measure.Result{Operations: calls, Calls: calls, Bytes: grown}, nil
}

func heap() float64 {
	runtime.GC()
	runtime.GC() // what has a finalizer, and pools, take two
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
