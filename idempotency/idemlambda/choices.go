package idemlambda

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// MessageID returns the id that SQS has given a message: a Config.Key. It protects
// from a message that is delivered twice, not from one that is sent twice, which
// SQS gives two ids. If senders retry, the key must be a field of the body that
// the sender has chosen.
func MessageID(message events.SQSMessage) (string, error) { return message.MessageId, nil }

// NotificationID returns the id that SNS has given a notification: a Config.Key,
// with the limits of [MessageID].
func NotificationID(notification events.SNSEntity) (string, error) {
	return notification.MessageID, nil
}

// ObjectChange returns an identifier of a change of an object in a bucket, made of
// event name, key, version and sequencer: a Config.Key. It is the same however
// often S3 notifies of the change, and empty if the record has no sequencer.
func ObjectChange(record events.S3EventRecord) (string, error) {
	o := record.S3.Object
	if o.Sequencer == "" {
		return "", nil
	}
	text, err := json.Marshal([]string{record.EventName, o.Key, o.VersionID, o.Sequencer})
	return string(text), err
}

// EventID returns the id that EventBridge has given an event: a Config.Key, with the
// limits of [MessageID].
func EventID(event events.EventBridgeEvent) (string, error) { return event.ID, nil }

// RecordID returns the id of a Kinesis record, which is its shard and sequence
// number: a Config.Key, with the limits of [MessageID].
func RecordID(record events.KinesisEventRecord) (string, error) { return record.EventID, nil }

// ChangeID returns the id of a change in a DynamoDB stream: a Config.Key. A change
// is in the stream once, so it can only be delivered twice, not sent twice.
func ChangeID(record events.DynamoDBEventRecord) (string, error) { return record.EventID, nil }

// QueueScope returns one scope for all messages of a queue, by its ARN. Use it if
// the senders can be trusted not to choose each other's keys.
func QueueScope(message events.SQSMessage) (idempotency.Scope, error) {
	return idempotency.NewScope(message.EventSourceARN)
}

// StreamScope returns one scope for all records of a Kinesis stream, by its ARN.
func StreamScope(record events.KinesisEventRecord) (idempotency.Scope, error) {
	return idempotency.NewScope(record.EventSourceArn)
}

// TableScope returns one scope for all changes of a DynamoDB table, by the ARN of
// its stream.
func TableScope(record events.DynamoDBEventRecord) (idempotency.Scope, error) {
	return idempotency.NewScope(record.EventSourceArn)
}

// TopicScope returns one scope for all notifications of an SNS topic, by its ARN.
func TopicScope(notification events.SNSEntity) (idempotency.Scope, error) {
	return idempotency.NewScope(notification.TopicArn)
}

// BucketScope returns one scope for all objects of an S3 bucket, by its ARN.
func BucketScope(record events.S3EventRecord) (idempotency.Scope, error) {
	return idempotency.NewScope(record.S3.Bucket.Arn)
}

// SourceScope returns one scope for all events of one source in one AWS account.
// A source is what the sender says it is.
func SourceScope(event events.EventBridgeEvent) (idempotency.Scope, error) {
	if event.AccountID == "" || event.Source == "" {
		return idempotency.Scope{}, errors.New("the event has no account or no source")
	}
	return idempotency.NewScope(event.AccountID + "/" + event.Source)
}

// FromBody decodes the body of an SQS message as JSON into a T and passes that to
// choose, which returns the message's key, scope or payload. A body that is no
// such JSON fails the message. [SQSJSON] decodes once for all of them.
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
