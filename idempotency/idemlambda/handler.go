package idemlambda

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Handler makes any Lambda handler idempotent: it returns one that executes
// handle once per key and gives duplicates the recorded result, as
// [idempotency.Do] does. Errors and panics reach Lambda as they are.
//
// The default payload is the whole input. An input that differs between a call
// and its retry, by a timestamp or a trace id, needs a Config.Payload that
// leaves that out.
//
// The error names the field of cfg that is wrong.
func Handler[In, Out any](cfg Config[In], handle func(context.Context, In) (Out, error)) (func(context.Context, In) (Out, error), error) {
	if handle == nil {
		return nil, errNoHandler
	}
	cfg, err := cfg.withDefaults(encodeJSON[In])
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in In) (Out, error) {
		return do(ctx, cfg, in, func(*idempotency.Intent) {}, handle)
	}, nil
}

// EventBridge returns a Lambda function that has handle process each event once.
// An event that fails is delivered again: EventBridge invokes a function
// asynchronously, and Lambda tries it twice more by default. The error names the
// field of cfg that is wrong.
func EventBridge(cfg Config[events.EventBridgeEvent], handle func(context.Context, events.EventBridgeEvent) error) (func(context.Context, events.EventBridgeEvent) error, error) {
	if handle == nil {
		return nil, errNoHandler
	}
	cfg, err := cfg.withDefaults(eventDetail)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, event events.EventBridgeEvent) error {
		return doEffect(ctx, cfg, event, false, handle)
	}, nil
}

var errNoHandler = errors.New("idemlambda: there is no function to handle events")

func eventDetail(event events.EventBridgeEvent) ([]byte, error) {
	return json.Marshal([]any{event.Source, event.DetailType, event.Detail})
}
