package idemlambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
)

func TestKinesisStopsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	consume, err := idemlambda.Kinesis(idemlambda.Config[events.KinesisEventRecord]{
		Guard: w.guard, Operation: "orders.place", Scope: idemlambda.StreamScope, Key: idemlambda.FromData(orderID),
	}, func(_ context.Context, r events.KinesisEventRecord) error { return w.handle(string(r.Kinesis.Data)) })
	if err != nil {
		t.Fatal(err)
	}
	record := func(number, data string) events.KinesisEventRecord {
		return events.KinesisEventRecord{EventSourceArn: "arn:aws:kinesis:eu-central-1:000000000000:stream/orders", EventID: "shard-1:" + number,
			Kinesis: events.KinesisRecord{SequenceNumber: number, Data: []byte(data)}}
	}
	receive := func(records ...events.KinesisEventRecord) string {
		response, err := consume(t.Context(), events.KinesisEvent{Records: records})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(response)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	w.fail = func(body string) error {
		if body == coffee {
			return errInjected
		}
		return nil
	}
	batch := []events.KinesisEventRecord{record("1", tea), record("2", tea), record("3", coffee), record("4", milk), record("5", coffee)}
	if got := receive(batch...); got != `{"batchItemFailures":[{"itemIdentifier":"3"}]}` {
		t.Errorf("got %s, want the first that failed", got)
	}
	w.wantEffects(tea)
	w.fail = nil
	if got := receive(batch[2:]...); got != `{"batchItemFailures":[]}` {
		t.Errorf("got %s", got)
	}
	w.wantEffects(tea, coffee, milk)
	if _, err := consume(t.Context(), events.KinesisEvent{Records: []events.KinesisEventRecord{{}}}); err == nil {
		t.Error("a record without a sequence number was accepted")
	}
}

func TestDynamoDBStopsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	const event = `{"Records":[
		{"eventID":"e1","eventName":"INSERT","eventSourceARN":"arn:aws:dynamodb:eu-central-1:000000000000:table/orders/stream/1",
		 "dynamodb":{"SequenceNumber":"1","Keys":{"id":{"S":"o1"}},"NewImage":{"id":{"S":"o1"},"tags":{"SS":["a","b"]},"n":{"N":"1"}}}},
		{"eventID":"e1","eventName":"INSERT","eventSourceARN":"arn:aws:dynamodb:eu-central-1:000000000000:table/orders/stream/1",
		 "dynamodb":{"SequenceNumber":"1","Keys":{"id":{"S":"o1"}},"NewImage":{"id":{"S":"o1"},"tags":{"SS":["a","b"]},"n":{"N":"1"}}}},
		{"eventID":"e2","eventName":"REMOVE","eventSourceARN":"arn:aws:dynamodb:eu-central-1:000000000000:table/orders/stream/1",
		 "dynamodb":{"SequenceNumber":"2","Keys":{"id":{"S":"o2"}}}},
		{"eventID":"e1","eventName":"MODIFY","eventSourceARN":"arn:aws:dynamodb:eu-central-1:000000000000:table/orders/stream/1",
		 "dynamodb":{"SequenceNumber":"3","Keys":{"id":{"S":"o1"}}}},
		{"eventID":"e4","eventName":"INSERT","eventSourceARN":"arn:aws:dynamodb:eu-central-1:000000000000:table/orders/stream/1",
		 "dynamodb":{"SequenceNumber":"4","Keys":{"id":{"S":"o4"}}}}]}`
	w := newWorld(t)
	consume, err := idemlambda.DynamoDB(idemlambda.Config[events.DynamoDBEventRecord]{
		Guard: w.guard, Operation: "orders.index", Scope: idemlambda.TableScope, Key: idemlambda.ChangeID,
	}, func(_ context.Context, r events.DynamoDBEventRecord) error {
		return w.handle(r.EventName + r.Change.Keys["id"].String())
	})
	if err != nil {
		t.Fatal(err)
	}
	var batch events.DynamoDBEvent
	if err := json.Unmarshal([]byte(event), &batch); err != nil {
		t.Fatal(err)
	}
	// The fourth has a known id and says something else.
	response, err := consume(t.Context(), batch)
	if err != nil || len(response.BatchItemFailures) != 1 || response.BatchItemFailures[0].ItemIdentifier != "3" {
		t.Errorf("got %+v, %v; want sequence number 3", response, err)
	}
	w.wantEffects("INSERTo1", "REMOVEo2")
}

func TestEventBridge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	handle, err := idemlambda.EventBridge(idemlambda.Config[events.EventBridgeEvent]{
		Guard: w.guard, Operation: "orders.place", Scope: idemlambda.SourceScope, Key: idemlambda.FromDetail(orderID),
	}, func(_ context.Context, e events.EventBridgeEvent) error { return w.handle(string(e.Detail)) })
	if err != nil {
		t.Fatal(err)
	}
	event := func(id, source, detail string) events.EventBridgeEvent {
		return events.EventBridgeEvent{ID: id, Source: source, AccountID: "000000000000", DetailType: "Order", Detail: json.RawMessage(detail)}
	}
	w.fail = func(string) error { return errInjected }
	if err := handle(t.Context(), event("e1", "shop", tea)); !errors.Is(err, errInjected) {
		t.Errorf("got %v, want the handler's error", err)
	}
	w.fail = nil
	for _, e := range []events.EventBridgeEvent{event("e1", "shop", tea), event("e2", "shop", tea), event("e3", "other shop", tea)} {
		if err := handle(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	w.wantEffects(tea, tea)
	if err := handle(t.Context(), event("e4", "shop", strings.Replace(tea, "tea", "milk", 1))); !errors.Is(err, idempotency.ErrPayloadMismatch) {
		t.Errorf("got %v, want a mismatch", err)
	}
	if err := handle(t.Context(), event("e5", "", tea)); err == nil {
		t.Error("an event of no source was handled")
	}
}

type input struct {
	Token, Article, Trace string
}

type output struct{ Number int }

func TestHandler(t *testing.T) {
	t.Parallel()
	w, runs := newWorld(t), 0
	buy, err := idemlambda.Handler(idemlambda.Config[input]{
		Guard: w.guard, Operation: "articles.buy",
		Scope:   func(input) (idempotency.Scope, error) { return idempotency.SharedScope(), nil },
		Key:     func(in input) (string, error) { return in.Token, nil },
		Payload: func(in input) ([]byte, error) { return []byte(in.Article), nil },
	}, func(context.Context, input) (output, error) {
		runs++
		return output{runs}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		in   input
		want output
		err  error
	}{
		{input{"k1", "tea", "first"}, output{1}, nil},
		{input{"k1", "tea", "second"}, output{1}, nil},
		{input{"k1", "milk", "third"}, output{}, idempotency.ErrPayloadMismatch},
		{input{"k2", "tea", "fourth"}, output{2}, nil},
	} {
		if got, err := buy(t.Context(), test.in); got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%+v: got %+v, %v; want %+v, %v", test.in, got, err, test.want, test.err)
		}
	}
	if _, err := buy(t.Context(), input{Article: "tea"}); err == nil {
		t.Error("no key was taken for one")
	}
}

func TestHandlerDefaultPayloadIsTheInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	echo, err := idemlambda.Handler(idemlambda.Config[input]{
		Guard: w.guard, Operation: "echo",
		Scope: func(input) (idempotency.Scope, error) { return idempotency.SharedScope(), nil },
		Key:   func(in input) (string, error) { return in.Token, nil },
	}, func(_ context.Context, in input) (input, error) { return in, nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := echo(t.Context(), input{"k1", "tea", "first"}); err != nil {
		t.Fatal(err)
	}
	if _, err := echo(t.Context(), input{"k1", "tea", "second"}); !errors.Is(err, idempotency.ErrPayloadMismatch) {
		t.Errorf("got %v, want a mismatch", err)
	}
}

func TestHandlerReconciles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idempotency.Config) { c.Recovery = idempotency.Reconcile })
	fails := errInjected
	buy, err := idemlambda.Handler(idemlambda.Config[input]{
		Guard: w.guard, Operation: "articles.buy",
		Scope: func(input) (idempotency.Scope, error) { return idempotency.SharedScope(), nil },
		Key:   func(in input) (string, error) { return in.Token, nil },
		Reconcile: func(_ context.Context, in input) (idempotency.Reconciliation, error) {
			return idempotency.CompletedWith(output{42})
		},
	}, func(context.Context, input) (output, error) { return output{1}, fails })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := buy(t.Context(), input{Token: "k1"}); !errors.Is(err, errInjected) {
		t.Errorf("got %v", err)
	}
	fails = nil
	for range 2 {
		if got, err := buy(t.Context(), input{Token: "k1"}); err != nil || got.Number != 42 {
			t.Errorf("got %+v, %v; want what was found", got, err)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, change := range map[string]func(*idemlambda.Config[events.SQSMessage]){
		"Guard":     func(c *idemlambda.Config[events.SQSMessage]) { c.Guard = nil },
		"Store":     func(c *idemlambda.Config[events.SQSMessage]) { c.Store = w.store }, // and the guard
		"Scope":     func(c *idemlambda.Config[events.SQSMessage]) { c.Scope = nil },
		"Key":       func(c *idemlambda.Config[events.SQSMessage]) { c.Key = nil },
		"Operation": func(c *idemlambda.Config[events.SQSMessage]) { c.Operation = "orders place" },
		"Reconcile": func(c *idemlambda.Config[events.SQSMessage]) {
			c.Reconcile = func(context.Context, events.SQSMessage) (idempotency.Reconciliation, error) {
				return idempotency.Reconciliation{}, nil
			}
		},
	} {
		cfg := idemlambda.Config[events.SQSMessage]{Guard: w.guard, Operation: "orders.place", Scope: idemlambda.QueueScope, Key: idemlambda.MessageID}
		change(&cfg)
		_, err := idemlambda.SQS(cfg, func(context.Context, events.SQSMessage) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "Config."+name) {
			t.Errorf("%s: got %v, want an error that names it", name, err)
		}
	}
	cfg := idemlambda.Config[events.EventBridgeEvent]{Guard: w.guard, Operation: "orders.place", Scope: idemlambda.SourceScope, Key: idemlambda.EventID}
	if _, err := idemlambda.EventBridge(cfg, nil); err == nil {
		t.Error("no handler was accepted")
	}
}
