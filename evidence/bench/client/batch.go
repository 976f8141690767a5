package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/idempotent-requests/idempotent-requests/evidence/bench/measure"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
)

// batchWork is what each message of a batch is, by path.
var batchWork = map[string]func(){
	"batch":       func() {},
	"batch-100ms": func() { time.Sleep(100 * time.Millisecond) },
}

// prepareBatch returns the handling of a batch of SQS, from the JSON that Lambda
// delivers to the JSON that it is told, by an adapter with its defaults.
func prepareBatch(task measure.Task, client dynamostore.AtomicClient) (operation, error) {
	store, err := dynamostore.New(client, task.Table)
	if err != nil {
		return nil, err
	}
	guard, err := idempotency.New(idempotency.Config{Store: store, CacheEntries: -1})
	if err != nil {
		return nil, err
	}
	var handled atomic.Int64
	work := batchWork[task.Path]
	consume, err := idemlambda.SQS(idemlambda.Config[events.SQSMessage]{
		Guard: guard, Operation: "payments.create", Scope: idemlambda.QueueScope, Key: idemlambda.MessageID,
	}, func(context.Context, events.SQSMessage) error {
		work()
		handled.Add(1)
		return nil
	})
	if err != nil {
		return nil, err
	}
	function := lambda.NewHandler(consume)
	run := rand.Text()
	return func(ctx context.Context, i int) error {
		batch, err := batchOf(fmt.Sprint(run, i))
		if err != nil {
			return err
		}
		// As Lambda calls a function, which has a time to end by.
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		before := handled.Load()
		answer, err := function.Invoke(ctx, batch)
		return expect(string(answer) == `{"batchItemFailures":[]}` && handled.Load() == before+measure.BatchSize, err)
	}, nil
}

// batchOf returns an event of messages that nobody has seen before.
func batchOf(id string) ([]byte, error) {
	event := events.SQSEvent{Records: make([]events.SQSMessage, measure.BatchSize)}
	for i := range event.Records {
		event.Records[i] = events.SQSMessage{
			MessageId: id + "-" + strconv.Itoa(i), ReceiptHandle: "receipt", Body: string(request),
			Attributes:  map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": "1767225600000"},
			EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:us-east-1:123456789012:payments", AWSRegion: "us-east-1",
		}
	}
	return json.Marshal(event)
}
