package jmespath_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
	"github.com/idempotent-requests/idempotent-requests/idempotency/jmespath"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// Key, scope and payload of a queue's messages, by expressions.
func Example() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	key, err := jmespath.Key[events.SQSMessage]("powertools_json(body).[shop, orderId]")
	if err != nil {
		log.Fatal(err)
	}
	scope, err := jmespath.Scope[events.SQSMessage]("powertools_json(body).customer")
	if err != nil {
		log.Fatal(err)
	}
	payload, err := jmespath.Payload[events.SQSMessage]("powertools_json(body).[article, amount]")
	if err != nil {
		log.Fatal(err)
	}
	consume, err := idemlambda.SQS(idemlambda.Config[events.SQSMessage]{
		Guard: guard, Operation: "orders.place", Scope: scope, Key: key, Payload: payload,
		Logger: slog.New(slog.DiscardHandler),
	}, func(ctx context.Context, m events.SQSMessage) error {
		fmt.Println("placing", m.MessageId)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	var batch events.SQSEvent
	for i, body := range []string{
		`{"shop":"s1","orderId":7,"customer":"alice","article":"tea","amount":1,"sent":"12:00"}`,
		`{"shop":"s1","orderId":7,"customer":"alice","article":"tea","amount":1,"sent":"12:01"}`,
		`{"shop":"s1","orderId":7,"customer":"bob","article":"tea","amount":1,"sent":"12:02"}`,
		`{"shop":"s1","customer":"alice","article":"tea","amount":1,"sent":"12:03"}`, // half a key is none
	} {
		batch.Records = append(batch.Records, events.SQSMessage{MessageId: fmt.Sprintf("m%d", i+1), Body: body})
	}
	response, err := consume(context.Background(), batch)
	fmt.Println("failed:", response.BatchItemFailures, err)
	// Unordered output:
	// placing m1
	// placing m3
	// failed: [{m4}] <nil>
}
