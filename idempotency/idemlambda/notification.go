package idemlambda

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/events"
)

// EventBridge returns a Lambda function that calls handle once for each event.
// An event that fails is delivered again: EventBridge invokes a function
// asynchronously, and Lambda tries it twice more by default. The error names the
// field of cfg that is wrong.
func EventBridge(cfg Config[events.EventBridgeEvent], handle func(context.Context, events.EventBridgeEvent) error) (func(context.Context, events.EventBridgeEvent) error, error) {
	c, err := newConsumer(cfg, eventBridgeSource, handle)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, event events.EventBridgeEvent) error { return c.one(ctx, event) }, nil
}

// EventBridgeJSON is [EventBridge] for events whose detail is the JSON of a T. It
// is decoded once, and handle is given the T, or the event as well if T is a
// [Message] of events.EventBridgeEvent.
func EventBridgeJSON[T any](cfg Config[T], handle func(context.Context, T) error) (func(context.Context, events.EventBridgeEvent) error, error) {
	c, err := newJSONConsumer(cfg, eventBridgeSource, handle)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, event events.EventBridgeEvent) error { return c.one(ctx, event) }, nil
}

// SNS returns a Lambda function that calls handle once for each notification of a
// topic that invokes it directly. A notification that fails is delivered again.
// For a topic whose notifications come through a queue use [SQS] with
// [UnwrapSNS]. The error names the field of cfg that is wrong.
func SNS(cfg Config[events.SNSEntity], handle func(context.Context, events.SNSEntity) error) (func(context.Context, events.SNSEvent) error, error) {
	c, err := newConsumer(cfg, snsSource, handle)
	if err != nil {
		return nil, err
	}
	return snsFunction(c), nil
}

// SNSJSON is [SNS] for notifications whose message is the JSON of a T. It is
// decoded once, and handle is given the T, or the notification as well if T is a
// [Message] of events.SNSEntity.
func SNSJSON[T any](cfg Config[T], handle func(context.Context, T) error) (func(context.Context, events.SNSEvent) error, error) {
	c, err := newJSONConsumer(cfg, snsSource, handle)
	if err != nil {
		return nil, err
	}
	return snsFunction(c), nil
}

func snsFunction[T any](c *consumer[events.SNSEntity, T]) func(context.Context, events.SNSEvent) error {
	return func(ctx context.Context, event events.SNSEvent) error {
		notifications := make([]events.SNSEntity, 0, len(event.Records))
		for _, record := range event.Records {
			notifications = append(notifications, record.SNS)
		}
		return c.one(ctx, notifications...)
	}
}

var eventBridgeSource = source[events.EventBridgeEvent]{
	name: "EventBridge",
	payload: func(e events.EventBridgeEvent) ([]byte, error) {
		return json.Marshal([]any{e.Source, e.DetailType, e.Detail})
	},
	content: func(e events.EventBridgeEvent) []byte { return e.Detail },
	replace: func(e events.EventBridgeEvent, content []byte) events.EventBridgeEvent {
		e.Detail = content
		return e
	},
}

var snsSource = source[events.SNSEntity]{
	name:    "SNS",
	payload: func(n events.SNSEntity) ([]byte, error) { return json.Marshal([]string{n.Subject, n.Message}) },
	content: func(n events.SNSEntity) []byte { return []byte(n.Message) },
	replace: func(n events.SNSEntity, content []byte) events.SNSEntity {
		n.Message = string(content)
		return n
	},
}
