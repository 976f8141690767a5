package idemlambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
)

// counted is an order that counts how often it is decoded.
type counted struct{ order }

type idKey struct{}

var decodings atomic.Int64

func (c *counted) UnmarshalJSON(text []byte) error {
	decodings.Add(1)
	return json.Unmarshal(text, &c.order)
}

func (o order) scope() (idempotency.Scope, error) { return idempotency.NewScope(o.Customer) }

// ordersOf returns the configuration of a consumer of T, quiet and in order.
func ordersOf[T any](w *world, scope func(T) (idempotency.Scope, error), key func(T) (string, error)) idemlambda.Config[T] {
	return idemlambda.Config[T]{Guard: w.guard, Operation: "orders.place", Scope: scope, Key: key, Logger: quiet, Concurrency: 1}
}

func deliver(t *testing.T, consume func(context.Context, events.SQSEvent) (events.SQSEventResponse, error), messages ...events.SQSMessage) []string {
	t.Helper()
	response, err := consume(t.Context(), events.SQSEvent{Records: messages})
	if err != nil {
		t.Fatal(err)
	}
	return failed(response)
}

func TestSQSJSON(t *testing.T) {
	w, before := newWorld(t), decodings.Load()
	cfg := ordersOf(w,
		func(c counted) (idempotency.Scope, error) { return c.scope() },
		func(c counted) (string, error) { return c.ID, nil })
	cfg.Context = func(ctx context.Context, c counted) context.Context { return context.WithValue(ctx, idKey{}, c.ID) }
	consume, err := idemlambda.SQSJSON(cfg, func(ctx context.Context, c counted) error {
		return w.handle(fmt.Sprint(ctx.Value(idKey{}), " ", c.Article))
	})
	if err != nil {
		t.Fatal(err)
	}
	bobs := strings.Replace(tea, "alice", "bob", 1)
	wantFailed(t, deliver(t, consume, message("m1", tea), message("m2", tea), message("m3", "no JSON"), message("m4", bobs), message("m5", `{"ID":"o1","Customer":"alice","Article":"milk"}`)), "m3", "m5")
	w.wantEffects("o1 tea", "o1 tea")
	if n := decodings.Load() - before; n != 4 { // the one that is no JSON does not get that far
		t.Errorf("decoded %d times, want once for each of four messages", n)
	}
}

// By default the payload is the body, not what has become of it: members that the
// type does not know count as well.
func TestSQSJSONPayloadIsTheBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type id struct{ ID string }
	consume, err := idemlambda.SQSJSON(ordersOf(w,
		func(id) (idempotency.Scope, error) { return idempotency.SharedScope(), nil },
		func(o id) (string, error) { return o.ID, nil }),
		func(_ context.Context, o id) error { return w.handle(o.ID) })
	if err != nil {
		t.Fatal(err)
	}
	wantFailed(t, deliver(t, consume, message("m1", tea), message("m2", strings.Replace(tea, "tea", "milk", 1))), "m2")
}

func TestMessageIsHandedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type received = idemlambda.Message[events.SQSMessage, order]
	consume, err := idemlambda.SQSJSON(ordersOf(w,
		idemlambda.OfEvent[order](idemlambda.QueueScope),
		func(m received) (string, error) { return m.Content.ID, nil }),
		func(_ context.Context, m received) error {
			return w.handle(m.Event.MessageId + " " + m.Content.Article)
		})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := message("m3", tea)
	elsewhere.EventSourceARN += "-2"
	wantFailed(t, deliver(t, consume, message("m1", tea), message("m2", tea), elsewhere, message("m4", "[")), "m4")
	w.wantEffects("m1 tea", "m3 tea")

	_, err = idemlambda.SQSJSON(ordersOf(w,
		func(idemlambda.Message[events.KinesisEventRecord, order]) (idempotency.Scope, error) {
			return idempotency.SharedScope(), nil
		},
		func(m idemlambda.Message[events.KinesisEventRecord, order]) (string, error) { return m.Content.ID, nil }),
		func(context.Context, idemlambda.Message[events.KinesisEventRecord, order]) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "not a message of SQS") {
		t.Errorf("a record of another source: got %v", err)
	}
}

// notification is what a queue receives from a topic.
func notification(id, text string) string {
	envelope, _ := json.Marshal(map[string]any{
		"Type": "Notification", "MessageId": id, "TopicArn": "arn:aws:sns:eu-central-1:000000000000:orders",
		"Message": text, "Timestamp": "2026-01-01T00:00:00." + id + "Z", "Signature": "EXAMPLE" + id,
	})
	return string(envelope)
}

// The second publication of an event has another envelope and is a duplicate all
// the same, for the inner message is both key and payload.
func TestSNSInSQS(t *testing.T) {
	t.Parallel()
	publications := []events.SQSMessage{message("m1", notification("1", tea)), message("m2", notification("2", tea)), message("m3", tea),
		message("m4", notification("4", strings.Replace(tea, "tea", "milk", 1)))}
	t.Run("untyped", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		receive := w.queue(func(c *idemlambda.Config[events.SQSMessage]) { c.Unwrap = idemlambda.UnwrapSNS })
		wantFailed(t, receive(publications...), "m3", "m4")
		w.wantEffects(tea)
		w.wantLogged("not a notification of SNS", "another payload")
	})
	t.Run("typed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		cfg := ordersOf(w, order.scope, orderID)
		cfg.Unwrap = idemlambda.UnwrapSNS
		consume, err := idemlambda.SQSJSON(cfg, func(_ context.Context, o order) error { return w.handle(o.Article) })
		if err != nil {
			t.Fatal(err)
		}
		wantFailed(t, deliver(t, consume, publications...), "m3", "m4")
		w.wantEffects("tea")
	})
}

func TestEventBridgeInSQS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	receive := w.queue(func(c *idemlambda.Config[events.SQSMessage]) { c.Unwrap = idemlambda.UnwrapEventBridge })
	event := func(id string) string {
		return `{"version":"0","id":"` + id + `","detail-type":"Order","source":"shop","account":"000000000000","time":"2026-01-01T00:00:0` + id + `Z","detail":` + tea + `}`
	}
	wantFailed(t, receive(message("m1", event("1")), message("m2", event("2")), message("m3", tea)), "m3")
	w.wantEffects(tea)
}

func TestSNS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	handle, err := idemlambda.SNSJSON(ordersOf(w, order.scope, orderID), func(_ context.Context, o order) error { return w.handle(o.Article) })
	if err != nil {
		t.Fatal(err)
	}
	event := func(id, text string) (event events.SNSEvent) {
		if err := json.Unmarshal([]byte(`{"Records":[{"EventSource":"aws:sns","Sns":`+notification(id, text)+`}]}`), &event); err != nil {
			t.Fatal(err)
		}
		return event
	}
	for _, e := range []events.SNSEvent{event("1", tea), event("2", tea)} {
		if err := handle(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	if err := handle(t.Context(), event("3", strings.Replace(tea, "tea", "milk", 1))); !errors.Is(err, idempotency.ErrPayloadMismatch) {
		t.Errorf("got %v, want a mismatch", err)
	}
	w.wantEffects("tea")

	plain, err := idemlambda.SNS(ordersOf(w, idemlambda.TopicScope, idemlambda.NotificationID), func(_ context.Context, n events.SNSEntity) error { return w.handle(n.MessageID) })
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := plain(t.Context(), event("7", tea)); err != nil {
			t.Error(err)
		}
	}
	w.wantEffects("tea", "7")
}

// objects is a notification of S3, by the id of the request that caused it.
func objects(request string, keys ...string) string {
	var records []string
	for _, key := range keys {
		records = append(records, `{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","eventTime":"2026-01-01T00:00:00.`+request+`Z",
			"responseElements":{"x-amz-request-id":"`+request+`"},
			"s3":{"configurationId":"c","bucket":{"name":"b","arn":"arn:aws:s3:::b"},"object":{"key":"`+key+`","size":1,"eTag":"e","sequencer":"s-`+key+`"}}}`)
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

// A change of an object is handled once, however often S3 notifies of it.
func TestS3InSQS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail = func(key string) error {
		if key == "broken" {
			return errInjected
		}
		return nil
	}
	cfg := ordersOf(w, idemlambda.BucketScope, idemlambda.ObjectChange)
	handle := func(_ context.Context, r events.S3EventRecord) error { return w.handle(r.S3.Object.URLDecodedKey) }
	consume, err := idemlambda.S3InSQS(cfg, handle)
	if err != nil {
		t.Fatal(err)
	}
	test := `{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-01T00:00:00Z","Bucket":"b","RequestId":"r","HostId":"h"}`
	wantFailed(t, deliver(t, consume,
		message("m1", objects("1", "a+b")), message("m2", objects("2", "a+b")), message("m3", test), message("m4", tea),
		message("m5", objects("5", "c", "broken", "d")), message("m6", "no JSON"),
	), "m4", "m5", "m6")
	w.wantEffects("a b", "c", "d")

	w.fail = nil
	wantFailed(t, deliver(t, consume, message("m5", objects("5", "c", "broken", "d"))))
	w.wantEffects("a b", "c", "d", "broken")

	cfg.Unwrap = idemlambda.UnwrapSNS
	throughTopic, err := idemlambda.S3InSQS(cfg, handle)
	if err != nil {
		t.Fatal(err)
	}
	wantFailed(t, deliver(t, throughTopic, message("m7", notification("7", objects("7", "c"))), message("m8", notification("8", objects("8", "e"))), message("m9", objects("9", "f"))), "m9")
	w.wantEffects("a b", "c", "d", "broken", "e")
}

func TestS3(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	handle, err := idemlambda.S3(ordersOf(w, idemlambda.BucketScope, idemlambda.ObjectChange),
		func(_ context.Context, r events.S3EventRecord) error { return w.handle(r.S3.Object.Key) })
	if err != nil {
		t.Fatal(err)
	}
	w.fail = func(key string) error {
		if key == "b" {
			w.fail = nil
			return errInjected
		}
		return nil
	}
	for i, want := range []error{errInjected, nil, nil} {
		var event events.S3Event
		if err := json.Unmarshal([]byte(objects(fmt.Sprint(i), "a", "b")), &event); err != nil {
			t.Fatal(err)
		}
		if err := handle(t.Context(), event); !errors.Is(err, want) {
			t.Errorf("delivery %d: got %v, want %v", i, err, want)
		}
	}
	w.wantEffects("a", "b")
}

func TestPipes(t *testing.T) {
	t.Parallel()
	t.Run("SQS", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		piped := idemlambda.SQSPipe(w.consumer())
		var messages []events.SQSMessage
		read(t, `[{"messageId":"m1","body":"{\"ID\":\"o1\"}","eventSourceARN":"arn"},{"messageId":"m2","body":"{}","eventSourceARN":"arn"}]`, &messages)
		response, err := piped(t.Context(), messages)
		if err != nil {
			t.Fatal(err)
		}
		wantFailed(t, failed(response), "m2")
		w.wantEffects(body(1))
	})
	t.Run("Kinesis", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		consume, err := idemlambda.KinesisJSON(ordersOf(w,
			func(order) (idempotency.Scope, error) { return idempotency.SharedScope(), nil }, orderID),
			func(_ context.Context, o order) error { return w.handle(o.ID) })
		if err != nil {
			t.Fatal(err)
		}
		var records []idemlambda.KinesisPipeRecord
		read(t, `[{"eventID":"shard:1","sequenceNumber":"1","data":"eyJJRCI6Im8xIn0=","partitionKey":"p","approximateArrivalTimestamp":1545084650.987},
			{"eventID":"shard:2","sequenceNumber":"2","data":"eyJJRCI6IiJ9"},
			{"eventID":"shard:3","sequenceNumber":"3","data":"eyJJRCI6Im8zIn0="}]`, &records)
		response, err := idemlambda.KinesisPipe(consume)(t.Context(), records)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(response); string(got) != `{"batchItemFailures":[{"itemIdentifier":"shard:2"},{"itemIdentifier":"shard:3"}]}` {
			t.Errorf("got %s", got)
		}
		w.wantEffects("o1")
	})
	t.Run("DynamoDB", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		consume, err := idemlambda.DynamoDB(ordersOf(w, idemlambda.TableScope, idemlambda.ChangeID),
			func(_ context.Context, r events.DynamoDBEventRecord) error { return w.handle(r.EventID) })
		if err != nil {
			t.Fatal(err)
		}
		w.fail = func(id string) error {
			if id == "e2" {
				return errInjected
			}
			return nil
		}
		var records []events.DynamoDBEventRecord
		read(t, `[{"eventID":"e1","eventSourceARN":"arn","dynamodb":{"SequenceNumber":"1"}},{"eventID":"e2","eventSourceARN":"arn","dynamodb":{"SequenceNumber":"2"}}]`, &records)
		response, err := idemlambda.DynamoDBPipe(consume)(t.Context(), records)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(response); string(got) != `{"batchItemFailures":[{"itemIdentifier":"e2"}]}` {
			t.Errorf("got %s", got)
		}
	})
}

func read(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

func TestEventBridgeJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	handle, err := idemlambda.EventBridgeJSON(ordersOf(w, order.scope, orderID), func(_ context.Context, o order) error { return w.handle(o.Article) })
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"e1", "e2"} {
		if err := handle(t.Context(), events.EventBridgeEvent{ID: id, Source: "shop", Detail: json.RawMessage(tea)}); err != nil {
			t.Error(err)
		}
	}
	w.wantEffects("tea")
}

// What Powertools calls a response hook: a replay can be seen and changed, and
// what is recorded stays as it is.
func TestHandlerReplayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var expires time.Time
	buy, err := idemlambda.Handler(ordersOf(w,
		func(input) (idempotency.Scope, error) { return idempotency.SharedScope(), nil },
		func(in input) (string, error) { return in.Token, nil }),
		func(context.Context, input) (output, error) { return output{1}, nil },
		func(_ context.Context, in input, out output, outcome idempotency.Outcome) (output, error) {
			expires = outcome.Expires
			out.Number += 10
			return out, nil
		},
		func(_ context.Context, in input, out output, _ idempotency.Outcome) (output, error) {
			if in.Token == "k2" {
				return output{}, errInjected
			}
			out.Number += 100
			return out, nil
		})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 111, 111} {
		if got, err := buy(t.Context(), input{Token: "k1"}); err != nil || got.Number != want {
			t.Errorf("call %d: got %+v, %v; want %d", i, got, err, want)
		}
	}
	if left := time.Until(expires); left < 23*time.Hour || left > 25*time.Hour {
		t.Errorf("the key expires in %v", left)
	}
	_, _ = buy(t.Context(), input{Token: "k2"})
	if _, err := buy(t.Context(), input{Token: "k2"}); !errors.Is(err, errInjected) {
		t.Errorf("got %v, want the hook's error", err)
	}
}

func TestHandlerIsNotBegunWithoutTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idempotency.Config) { c.Recovery = idempotency.Refuse })
	buy, err := idemlambda.Handler(ordersOf(w,
		func(input) (idempotency.Scope, error) { return idempotency.SharedScope(), nil },
		func(in input) (string, error) { return in.Token, nil }),
		func(context.Context, input) (output, error) { return output{1}, nil })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := buy(ctx, input{Token: "k1"}); !errors.Is(err, idempotency.ErrNoTime) {
		t.Errorf("got %v, want that there is no time", err)
	}
	if got, err := buy(t.Context(), input{Token: "k1"}); err != nil || got.Number != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestUnwrapNeedsContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := ordersOf(w, idemlambda.TableScope, idemlambda.ChangeID)
	cfg.Unwrap = idemlambda.UnwrapSNS
	if _, err := idemlambda.DynamoDB(cfg, func(context.Context, events.DynamoDBEventRecord) error { return nil }); err == nil || !strings.Contains(err.Error(), "Config.Unwrap") {
		t.Errorf("got %v", err)
	}
}
