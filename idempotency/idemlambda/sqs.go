package idemlambda

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// SQS returns a Lambda function that calls handle once for each message of a
// batch, and reports the messages that failed; the package's documentation says
// what the event source mapping must do. In a FIFO queue, whose ARN ends with
// ".fifo", the messages of a group are handled in order, and those after a failed
// one fail unhandled.
//
// The error names the field of cfg that is wrong.
func SQS(cfg Config[events.SQSMessage], handle func(context.Context, events.SQSMessage) error) (func(context.Context, events.SQSEvent) (events.SQSEventResponse, error), error) {
	c, err := newConsumer(cfg, sqsSource, handle)
	if err != nil {
		return nil, err
	}
	return sqsFunction(c.entry, c.runAll, c.verdict), nil
}

// SQSJSON is [SQS] for messages whose body is the JSON of a T. It is decoded once,
// and handle is given the T, or the message as well if T is a [Message] of
// events.SQSMessage. A body that is no such JSON fails its message.
func SQSJSON[T any](cfg Config[T], handle func(context.Context, T) error) (func(context.Context, events.SQSEvent) (events.SQSEventResponse, error), error) {
	c, err := newJSONConsumer(cfg, sqsSource, handle)
	if err != nil {
		return nil, err
	}
	return sqsFunction(c.entry, c.runAll, c.verdict), nil
}

func sqsFunction(
	read func(id string, m events.SQSMessage) entry,
	run func(context.Context, []entry) []error,
	verdict func(failed, all int) error,
) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	return func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		if event.Records == nil {
			return events.SQSEventResponse{}, errNoRecords
		}
		entries := make([]entry, 0, len(event.Records))
		for _, message := range event.Records {
			if message.MessageId == "" { // Lambda would not know which one failed
				return events.SQSEventResponse{}, errors.New("idemlambda: a message has no messageId: this is no event of SQS")
			}
			e := read(message.MessageId, message)
			// A message of a standard queue may have a group as well, but no order in it.
			if strings.HasSuffix(message.EventSourceARN, ".fifo") {
				e.lane, e.inOrder = "group "+message.Attributes["MessageGroupId"], true
			}
			entries = append(entries, e)
		}
		failures := []events.SQSBatchItemFailure{}
		for i, err := range run(ctx, entries) {
			if err != nil {
				failures = append(failures, events.SQSBatchItemFailure{ItemIdentifier: entries[i].id})
			}
		}
		return events.SQSEventResponse{BatchItemFailures: failures}, verdict(len(failures), len(entries))
	}
}

var sqsSource = source[events.SQSMessage]{
	name:    "SQS",
	payload: func(m events.SQSMessage) ([]byte, error) { return []byte(m.Body), nil },
	content: func(m events.SQSMessage) []byte { return []byte(m.Body) },
	replace: func(m events.SQSMessage, content []byte) events.SQSMessage {
		m.Body = string(content)
		return m
	},
	retried: func(m events.SQSMessage) bool {
		count := m.Attributes["ApproximateReceiveCount"]
		return count != "" && count != "1"
	},
}
