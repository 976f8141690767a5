package idemlambda_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// Order is what the body of a message says.
type Order struct {
	ID, Article string
}

// The consumer of a queue handles each order once, whichever message brings it.
func ExampleSQS() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()}) // dynamostore, in Lambda
	if err != nil {
		log.Fatal(err)
	}
	consume, err := idemlambda.SQS(idemlambda.Config[events.SQSMessage]{
		Guard: guard, Operation: "orders.place",
		Scope:  idemlambda.QueueScope,
		Key:    idemlambda.FromBody(func(o Order) (string, error) { return o.ID, nil }),
		Logger: quiet,
	}, func(ctx context.Context, m events.SQSMessage) error {
		fmt.Println("placing", m.Body)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}

	// In a function: lambda.Start(consume)
	show(consume(context.Background(), batch(
		`{"ID":"o1","Article":"tea"}`,
		`{"ID":"o1","Article":"tea"}`,
		`{"ID":"o1","Article":"milk"}`, // another order under the same id
		`{"ID":"o2","Article":"milk"}`,
		`{"Article":"cake"}`, // an order without an id
	)))
	// Unordered output:
	// placing {"ID":"o1","Article":"tea"}
	// placing {"ID":"o2","Article":"milk"}
	// {"batchItemFailures":[{"itemIdentifier":"m3"},{"itemIdentifier":"m5"}]}
}

// SQS gives each message an id of its own. As the key it protects from a message
// that is delivered twice, but not from a sender who, having got no answer, sends
// the same order twice.
func ExampleMessageID() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	consume, err := idemlambda.SQS(idemlambda.Config[events.SQSMessage]{
		Guard: guard, Operation: "orders.place",
		Scope: idemlambda.QueueScope,
		Key:   idemlambda.MessageID,
	}, func(ctx context.Context, m events.SQSMessage) error {
		fmt.Println("placing", m.Body)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	sentTwice := batch(`{"ID":"o1","Article":"tea"}`, `{"ID":"o1","Article":"tea"}`)
	show(consume(context.Background(), sentTwice))
	show(consume(context.Background(), sentTwice)) // delivered twice as well
	// Output:
	// placing {"ID":"o1","Article":"tea"}
	// placing {"ID":"o1","Article":"tea"}
	// {"batchItemFailures":[]}
	// {"batchItemFailures":[]}
}

// Any handler is made idempotent. Only what its caller means is the payload: with
// the timestamp in it, a retry would look like another request.
func ExampleHandler() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	type Input struct{ Customer, Token, Article, SentAt string }
	type Output struct{ Number int }

	numbers := 0
	buy, err := idemlambda.Handler(idemlambda.Config[Input]{
		Guard: guard, Operation: "articles.buy",
		Scope:   func(in Input) (idempotency.Scope, error) { return idempotency.NewScope(in.Customer) },
		Key:     func(in Input) (string, error) { return in.Token, nil },
		Payload: func(in Input) ([]byte, error) { return json.Marshal(in.Article) },
	}, func(ctx context.Context, in Input) (Output, error) {
		numbers++
		return Output{numbers}, nil
	})
	if err != nil {
		log.Fatal(err)
	}

	// In a function: lambda.Start(buy)
	fmt.Println(buy(context.Background(), Input{"alice", "k1", "tea", "12:00:00"}))
	fmt.Println(buy(context.Background(), Input{"alice", "k1", "tea", "12:00:03"}))
	fmt.Println(buy(context.Background(), Input{"bob", "k1", "tea", "12:00:05"}))
	// Output:
	// {1} <nil>
	// {1} <nil>
	// {2} <nil>
}

// A record that fails holds up the rest of its shard: Lambda begins again there.
func ExampleKinesis() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	consume, err := idemlambda.Kinesis(idemlambda.Config[events.KinesisEventRecord]{
		Guard: guard, Operation: "orders.place",
		Scope:  idemlambda.StreamScope,
		Key:    idemlambda.FromData(func(o Order) (string, error) { return o.ID, nil }),
		Logger: quiet,
	}, func(ctx context.Context, r events.KinesisEventRecord) error {
		fmt.Printf("placing %s\n", r.Kinesis.Data)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	var batch events.KinesisEvent
	for i, data := range []string{`{"ID":"o1"}`, `{"ID":"o1"}`, `not an order`, `{"ID":"o2"}`} {
		batch.Records = append(batch.Records, events.KinesisEventRecord{
			EventSourceArn: "arn:aws:kinesis:eu-central-1:000000000000:stream/orders",
			Kinesis:        events.KinesisRecord{Data: []byte(data), SequenceNumber: fmt.Sprint(i + 1)},
		})
	}
	show(consume(context.Background(), batch))
	// Output:
	// placing {"ID":"o1"}
	// {"batchItemFailures":[{"itemIdentifier":"3"}]}
}

// A default payload of the whole input is the wrong one where a retry is not
// quite the same: this one has a timestamp.
func ExampleHandler_wholeInput() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	type Input struct{ Token, Article, SentAt string }
	buy, err := idemlambda.Handler(idemlambda.Config[Input]{
		Guard: guard, Operation: "articles.buy",
		Scope: func(Input) (idempotency.Scope, error) { return idempotency.SharedScope(), nil }, // one caller only
		Key:   func(in Input) (string, error) { return in.Token, nil },
	}, func(ctx context.Context, in Input) (string, error) { return "bought " + in.Article, nil })
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(buy(context.Background(), Input{"k1", "tea", "12:00:00"}))
	fmt.Println(buy(context.Background(), Input{"k1", "tea", "12:00:03"}))
	// Output:
	// bought tea <nil>
	//  idempotency: the key was used with another payload
}

// EventBridge delivers an event at least once. Its id stays the same then.
func ExampleEventBridge() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	welcome, err := idemlambda.EventBridge(idemlambda.Config[events.EventBridgeEvent]{
		Guard: guard, Operation: "customers.welcome",
		Scope: idemlambda.SourceScope,
		Key:   idemlambda.EventID,
	}, func(ctx context.Context, e events.EventBridgeEvent) error {
		fmt.Printf("welcome, %s\n", e.Detail)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// In a function: lambda.Start(welcome)
	event := events.EventBridgeEvent{ID: "e1", AccountID: "000000000000", Source: "shop", DetailType: "CustomerCreated", Detail: []byte(`"Alice"`)}
	fmt.Println(welcome(context.Background(), event))
	fmt.Println(welcome(context.Background(), event))
	// Output:
	// welcome, "Alice"
	// <nil>
	// <nil>
}

// Each change of a table is acted on once.
func ExampleDynamoDB() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	index, err := idemlambda.DynamoDB(idemlambda.Config[events.DynamoDBEventRecord]{
		Guard: guard, Operation: "orders.index",
		Scope: idemlambda.TableScope,
		Key:   idemlambda.ChangeID,
	}, func(ctx context.Context, r events.DynamoDBEventRecord) error {
		fmt.Println(r.EventName, r.Change.Keys["id"].String())
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// In a function: lambda.Start(index)
	change := events.DynamoDBEventRecord{
		EventID: "e1", EventName: "INSERT",
		EventSourceArn: "arn:aws:dynamodb:eu-central-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000",
		Change: events.DynamoDBStreamRecord{
			SequenceNumber: "1",
			Keys:           map[string]events.DynamoDBAttributeValue{"id": events.NewStringAttribute("o1")},
		},
	}
	show(index(context.Background(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{change, change}}))
	// Output:
	// INSERT o1
	// {"batchItemFailures":[]}
}

// batch is what a queue delivers.
func batch(bodies ...string) (event events.SQSEvent) {
	for i, body := range bodies {
		event.Records = append(event.Records, events.SQSMessage{
			MessageId:      fmt.Sprintf("m%d", i+1),
			Body:           body,
			EventSourceARN: "arn:aws:sqs:eu-central-1:000000000000:orders",
		})
	}
	return event
}

// show prints what Lambda would be told.
func show(response any, err error) {
	if err != nil {
		log.Fatal(err)
	}
	text, err := json.Marshal(response)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", text)
}

// A publisher that publishes an order again gives the event a new id. The order
// is both key and payload, so the second event is a duplicate; an order that was
// changed under the same id is still noticed.
func ExampleSQSJSON_publishedAgain() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	type OrderPlaced struct {
		EventID, PublishedAt string
		Order                Order
	}
	consume, err := idemlambda.SQSJSON(idemlambda.Config[OrderPlaced]{
		Guard: guard, Operation: "orders.place",
		Scope:   func(OrderPlaced) (idempotency.Scope, error) { return idempotency.SharedScope(), nil }, // one publisher
		Key:     func(e OrderPlaced) (string, error) { return e.Order.ID, nil },
		Payload: func(e OrderPlaced) ([]byte, error) { return json.Marshal(e.Order) },
		Logger:  quiet,
	}, func(ctx context.Context, e OrderPlaced) error {
		fmt.Println("placing", e.Order.Article)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	show(consume(context.Background(), batch(
		`{"EventID":"e1","PublishedAt":"12:00","Order":{"ID":"o1","Article":"tea"}}`,
		`{"EventID":"e2","PublishedAt":"12:05","Order":{"ID":"o1","Article":"tea"}}`,
		`{"EventID":"e3","PublishedAt":"12:09","Order":{"ID":"o1","Article":"milk"}}`,
	)))
	// Output:
	// placing tea
	// {"batchItemFailures":[{"itemIdentifier":"m3"}]}
}

// The queue is subscribed to a topic. Each publication has an envelope of its
// own; what is inside is key and payload.
func ExampleUnwrapSNS() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	consume, err := idemlambda.SQSJSON(idemlambda.Config[idemlambda.Message[events.SQSMessage, Order]]{
		Guard: guard, Operation: "orders.place",
		Unwrap: idemlambda.UnwrapSNS,
		Scope:  idemlambda.OfEvent[Order](idemlambda.QueueScope),
		Key:    func(m idemlambda.Message[events.SQSMessage, Order]) (string, error) { return m.Content.ID, nil },
	}, func(ctx context.Context, m idemlambda.Message[events.SQSMessage, Order]) error {
		fmt.Println("placing", m.Content.Article, "of", m.Event.MessageId)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	envelope := func(id string) string {
		return `{"Type":"Notification","TopicArn":"arn:aws:sns:eu-central-1:000000000000:orders","MessageId":"` + id + `","Message":"{\"ID\":\"o1\",\"Article\":\"tea\"}"}`
	}
	show(consume(context.Background(), batch(envelope("n1"), envelope("n2"))))
	// Output:
	// placing tea of m1
	// {"batchItemFailures":[]}
}
