package idemlambda

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-lambda-go/events"
)

// Kinesis returns a Lambda function that has handle process each record of a
// batch once, in order, up to the first that fails. Lambda retries from that one
// on, so the records after it are left alone. The error names the field of cfg
// that is wrong.
func Kinesis(cfg Config[events.KinesisEventRecord], handle func(context.Context, events.KinesisEventRecord) error) (func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error), error) {
	process, err := stream(cfg, recordData, func(r events.KinesisEventRecord) string { return r.Kinesis.SequenceNumber }, handle)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, event events.KinesisEvent) (events.KinesisEventResponse, error) {
		failed, err := process(ctx, event.Records)
		failures := []events.KinesisBatchItemFailure{}
		if failed != "" {
			failures = append(failures, events.KinesisBatchItemFailure{ItemIdentifier: failed})
		}
		return events.KinesisEventResponse{BatchItemFailures: failures}, err
	}, nil
}

// DynamoDB is [Kinesis] for the stream of a DynamoDB table.
func DynamoDB(cfg Config[events.DynamoDBEventRecord], handle func(context.Context, events.DynamoDBEventRecord) error) (func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error), error) {
	process, err := stream(cfg, change, func(r events.DynamoDBEventRecord) string { return r.Change.SequenceNumber }, handle)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, event events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
		failed, err := process(ctx, event.Records)
		failures := []events.DynamoDBBatchItemFailure{}
		if failed != "" {
			failures = append(failures, events.DynamoDBBatchItemFailure{ItemIdentifier: failed})
		}
		return events.DynamoDBEventResponse{BatchItemFailures: failures}, err
	}, nil
}

// stream returns a function that handles records in order and tells the sequence
// number of the one that failed, if any. Lambda takes the lowest one reported for
// the place to begin again, so one is enough.
func stream[E any](cfg Config[E], payload func(E) ([]byte, error), sequenceNumber func(E) string, handle func(context.Context, E) error) (func(context.Context, []E) (string, error), error) {
	b, err := newBatch(cfg, payload, func(E) bool { return false }, handle)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, records []E) (string, error) {
		for _, record := range records {
			number := sequenceNumber(record)
			if number == "" { // Lambda would not know where to begin again
				return "", errors.New("idemlambda: a record has no sequence number: this is no event of a stream")
			}
			if b.process(ctx, number, record) != nil {
				return number, b.verdict(1, len(records))
			}
		}
		return "", nil
	}, nil
}

func recordData(record events.KinesisEventRecord) ([]byte, error) { return record.Kinesis.Data, nil }

func change(record events.DynamoDBEventRecord) ([]byte, error) {
	return json.Marshal([]any{record.EventName, record.Change.Keys, record.Change.OldImage, record.Change.NewImage})
}
