package idemlambda

import (
	"context"

	"github.com/aws/aws-lambda-go/events"
)

// SQSPipe lets a function made by [SQS], [SQSJSON] or [S3InSQS] be the target of
// an EventBridge pipe from a queue. A pipe delivers a bare array of messages.
func SQSPipe(consume func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)) func(context.Context, []events.SQSMessage) (events.SQSEventResponse, error) {
	return func(ctx context.Context, messages []events.SQSMessage) (events.SQSEventResponse, error) {
		return consume(ctx, events.SQSEvent{Records: messages})
	}
}

// KinesisPipeRecord is a Kinesis record as an EventBridge pipe delivers it:
// without nesting.
type KinesisPipeRecord struct {
	events.KinesisEventRecord
	events.KinesisRecord
}

// KinesisPipe lets a function made by [Kinesis] or [KinesisJSON] be the target of
// an EventBridge pipe from a Kinesis stream. A pipe delivers a bare array of
// records, and is told the EventID of each that has to be delivered again.
func KinesisPipe(consume func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error)) func(context.Context, []KinesisPipeRecord) (events.KinesisEventResponse, error) {
	return func(ctx context.Context, piped []KinesisPipeRecord) (events.KinesisEventResponse, error) {
		var event events.KinesisEvent
		for _, p := range piped {
			record := p.KinesisEventRecord
			record.Kinesis = p.KinesisRecord
			event.Records = append(event.Records, record)
		}
		response, err := consume(ctx, event)
		failures := []events.KinesisBatchItemFailure{}
		for _, record := range event.Records {
			if len(failures) > 0 || len(response.BatchItemFailures) > 0 && response.BatchItemFailures[0].ItemIdentifier == record.Kinesis.SequenceNumber {
				failures = append(failures, events.KinesisBatchItemFailure{ItemIdentifier: record.EventID})
			}
		}
		return events.KinesisEventResponse{BatchItemFailures: failures}, err
	}
}

// DynamoDBPipe is [KinesisPipe] for a function made by [DynamoDB] and a pipe from
// the stream of a DynamoDB table.
func DynamoDBPipe(consume func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error)) func(context.Context, []events.DynamoDBEventRecord) (events.DynamoDBEventResponse, error) {
	return func(ctx context.Context, records []events.DynamoDBEventRecord) (events.DynamoDBEventResponse, error) {
		response, err := consume(ctx, events.DynamoDBEvent{Records: records})
		failures := []events.DynamoDBBatchItemFailure{}
		for _, record := range records {
			if len(failures) > 0 || len(response.BatchItemFailures) > 0 && response.BatchItemFailures[0].ItemIdentifier == record.Change.SequenceNumber {
				failures = append(failures, events.DynamoDBBatchItemFailure{ItemIdentifier: record.EventID})
			}
		}
		return events.DynamoDBEventResponse{BatchItemFailures: failures}, err
	}
}
