package idemlambda

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// SQS returns a Lambda function that has handle process each message of a batch
// once, and reports the ones that failed; see the package's documentation for
// what the event source mapping must do. Messages are handled one after the
// other, in the order of the batch. In a FIFO queue, whose ARN ends with ".fifo",
// the messages of a group that come after a failed one fail unhandled.
//
// The error names the field of cfg that is wrong.
func SQS(cfg Config[events.SQSMessage], handle func(context.Context, events.SQSMessage) error) (func(context.Context, events.SQSEvent) (events.SQSEventResponse, error), error) {
	b, err := newBatch(cfg, messageBody, receivedBefore, handle)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		failures := []events.SQSBatchItemFailure{}
		held := make(map[string]bool) // groups in which a message has failed
		for _, message := range event.Records {
			if message.MessageId == "" { // Lambda would not know which one failed
				return events.SQSEventResponse{}, errors.New("idemlambda: a message has no messageId: this is no event of SQS")
			}
			group, ordered := fifoGroup(message)
			if ordered && held[group] {
				b.log(ctx, message.MessageId, errHeld)
			} else if b.process(ctx, message.MessageId, message) == nil {
				continue
			}
			held[group] = true
			failures = append(failures, events.SQSBatchItemFailure{ItemIdentifier: message.MessageId})
		}
		return events.SQSEventResponse{BatchItemFailures: failures}, b.verdict(len(failures), len(event.Records))
	}, nil
}

var errHeld = errors.New("idemlambda: not handled, because an earlier message of its group failed")

// fifoGroup returns the group in which a message has its order. A message of a
// standard queue may have a group as well, but no order in it.
func fifoGroup(message events.SQSMessage) (group string, ordered bool) {
	return message.Attributes["MessageGroupId"], strings.HasSuffix(message.EventSourceARN, ".fifo")
}

func receivedBefore(message events.SQSMessage) bool {
	count := message.Attributes["ApproximateReceiveCount"]
	return count != "" && count != "1"
}

func messageBody(message events.SQSMessage) ([]byte, error) { return []byte(message.Body), nil }
