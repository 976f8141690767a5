package idemlambda

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// MessageID is the id that SQS has given a message: a Config.Key. It protects
// from a message that is delivered twice, not from one that is sent twice, which
// SQS gives two ids. Where senders retry, the key is a field of the body that the
// sender has chosen.
func MessageID(message events.SQSMessage) (string, error) { return message.MessageId, nil }

// EventID is the id that EventBridge has given an event: a Config.Key, with the
// limits of [MessageID].
func EventID(event events.EventBridgeEvent) (string, error) { return event.ID, nil }

// RecordID is the id of a Kinesis record, which is its shard and sequence number:
// a Config.Key, with the limits of [MessageID].
func RecordID(record events.KinesisEventRecord) (string, error) { return record.EventID, nil }

// ChangeID is the id of a change in a DynamoDB stream: a Config.Key. A change is
// in the stream once, so nothing but repeated delivery has to be thought of.
func ChangeID(record events.DynamoDBEventRecord) (string, error) { return record.EventID, nil }

// QueueScope is one scope for all that comes from one queue, by its ARN: for
// whoever trusts the senders not to choose each other's keys.
func QueueScope(message events.SQSMessage) (idempotency.Scope, error) {
	return idempotency.NewScope(message.EventSourceARN)
}

// StreamScope is one scope for all that comes from one Kinesis stream, by its
// ARN.
func StreamScope(record events.KinesisEventRecord) (idempotency.Scope, error) {
	return idempotency.NewScope(record.EventSourceArn)
}

// TableScope is one scope for all changes of one DynamoDB table, by the ARN of
// its stream.
func TableScope(record events.DynamoDBEventRecord) (idempotency.Scope, error) {
	return idempotency.NewScope(record.EventSourceArn)
}

// SourceScope is one scope for all events of one source in one AWS account. A
// source is what the sender says it is.
func SourceScope(event events.EventBridgeEvent) (idempotency.Scope, error) {
	if event.AccountID == "" || event.Source == "" {
		return idempotency.Scope{}, errors.New("the event has no account or no source")
	}
	return idempotency.NewScope(event.AccountID + "/" + event.Source)
}

// FromBody chooses something of an SQS message whose body is the JSON of a T: its
// Key, its Scope or its Payload. A body that is no such JSON fails the message.
//
//	Key:   idemlambda.FromBody(func(o Order) (string, error) { return o.ID, nil }),
//	Scope: idemlambda.FromBody(func(o Order) (idempotency.Scope, error) { return idempotency.NewScope(o.Customer) }),
func FromBody[T, R any](choose func(T) (R, error)) func(events.SQSMessage) (R, error) {
	return func(message events.SQSMessage) (R, error) { return fromJSON([]byte(message.Body), choose) }
}

// FromData is [FromBody] for the data of a Kinesis record.
func FromData[T, R any](choose func(T) (R, error)) func(events.KinesisEventRecord) (R, error) {
	return func(record events.KinesisEventRecord) (R, error) { return fromJSON(record.Kinesis.Data, choose) }
}

// FromDetail is [FromBody] for the detail of an EventBridge event.
func FromDetail[T, R any](choose func(T) (R, error)) func(events.EventBridgeEvent) (R, error) {
	return func(event events.EventBridgeEvent) (R, error) { return fromJSON(event.Detail, choose) }
}

func fromJSON[T, R any](text []byte, choose func(T) (R, error)) (R, error) {
	var value T
	if err := json.Unmarshal(text, &value); err != nil {
		var none R
		return none, fmt.Errorf("not the JSON that was expected: %w", err)
	}
	return choose(value)
}
