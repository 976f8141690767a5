package idemlambda

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-lambda-go/events"
)

// Kinesis returns a Lambda function that calls handle once for each record of a
// batch, in order, up to the first that fails. Lambda retries from that one on,
// so the records after it are left alone. The error names the field of cfg that
// is wrong.
func Kinesis(cfg Config[events.KinesisEventRecord], handle func(context.Context, events.KinesisEventRecord) error) (func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error), error) {
	c, err := newConsumer(cfg, kinesisSource, handle)
	if err != nil {
		return nil, err
	}
	return kinesisFunction(c), nil
}

// KinesisJSON is [Kinesis] for records whose data is the JSON of a T. It is
// decoded once, and handle is given the T, or the record as well if T is a
// [Message] of events.KinesisEventRecord. Data that is no such JSON fails its
// record.
func KinesisJSON[T any](cfg Config[T], handle func(context.Context, T) error) (func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error), error) {
	c, err := newJSONConsumer(cfg, kinesisSource, handle)
	if err != nil {
		return nil, err
	}
	return kinesisFunction(c), nil
}

func kinesisFunction[T any](c *consumer[events.KinesisEventRecord, T]) func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error) {
	return func(ctx context.Context, event events.KinesisEvent) (events.KinesisEventResponse, error) {
		failed, err := shard(ctx, c, event.Records, func(r events.KinesisEventRecord) string { return r.Kinesis.SequenceNumber })
		failures := []events.KinesisBatchItemFailure{}
		if failed != "" {
			failures = append(failures, events.KinesisBatchItemFailure{ItemIdentifier: failed})
		}
		return events.KinesisEventResponse{BatchItemFailures: failures}, err
	}
}

// DynamoDB is [Kinesis] for the stream of a DynamoDB table.
func DynamoDB(cfg Config[events.DynamoDBEventRecord], handle func(context.Context, events.DynamoDBEventRecord) error) (func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error), error) {
	c, err := newConsumer(cfg, dynamoDBSource, handle)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, event events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
		failed, err := shard(ctx, c, event.Records, func(r events.DynamoDBEventRecord) string { return r.Change.SequenceNumber })
		failures := []events.DynamoDBBatchItemFailure{}
		if failed != "" {
			failures = append(failures, events.DynamoDBBatchItemFailure{ItemIdentifier: failed})
		}
		return events.DynamoDBEventResponse{BatchItemFailures: failures}, err
	}, nil
}

// shard handles records in order and returns the sequence number of the one that
// failed, if any. Lambda begins again at the lowest number that is reported, so
// one is enough.
func shard[E, T any](ctx context.Context, c *consumer[E, T], records []E, number func(E) string) (failed string, err error) {
	if records == nil {
		return "", errNoRecords
	}
	entries := make([]entry, 0, len(records))
	for _, record := range records {
		n := number(record)
		if n == "" { // Lambda would not know where to begin again
			return "", errors.New("idemlambda: a record has no sequence number: this is no event of a stream")
		}
		e := c.entry(n, record)
		e.lane, e.inOrder = "shard", true
		entries = append(entries, e)
	}
	c.observe(ctx, entries)
	for i, err := range run(ctx, 1, entries, true) {
		if err != nil {
			c.report(ctx, entries[i].id, err)
			return entries[i].id, c.verdict(1, len(records))
		}
	}
	return "", nil
}

var kinesisSource = source[events.KinesisEventRecord]{
	name:    "Kinesis",
	payload: func(r events.KinesisEventRecord) ([]byte, error) { return r.Kinesis.Data, nil },
	content: func(r events.KinesisEventRecord) []byte { return r.Kinesis.Data },
	replace: func(r events.KinesisEventRecord, content []byte) events.KinesisEventRecord {
		r.Kinesis.Data = content
		return r
	},
}

var dynamoDBSource = source[events.DynamoDBEventRecord]{
	name: "a DynamoDB stream",
	payload: func(r events.DynamoDBEventRecord) ([]byte, error) {
		return json.Marshal([]any{r.EventName, r.Change.Keys, r.Change.OldImage, r.Change.NewImage})
	},
}
