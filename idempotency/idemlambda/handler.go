package idemlambda

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Handler makes any Lambda handler idempotent: it returns one that executes
// handle once per key and returns the recorded result to duplicates, as
// [idempotency.Do] does. Errors and panics reach Lambda as they are.
//
// The functions in replayed, if any, are called one after the other with a
// recorded result before it is returned to a duplicate, and may change it: to
// count replays, say, or to mark them. The [idempotency.Outcome] tells when the
// key expires. What they return is not recorded.
//
// The default payload is the whole input. An input that differs between a call
// and its retry, by a timestamp or a trace id, needs a Config.Payload that
// leaves that out.
//
// The error names the field of cfg that is wrong.
func Handler[In, Out any](
	cfg Config[In],
	handle func(context.Context, In) (Out, error),
	replayed ...func(context.Context, In, Out, idempotency.Outcome) (Out, error),
) (func(context.Context, In) (Out, error), error) {
	if handle == nil {
		return nil, errNoHandler
	}
	if cfg.Unwrap != nil {
		return nil, errors.New("idemlambda: Config.Unwrap is set, but a handler's input has no content that could be in an envelope")
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in In) (out Out, err error) {
		ctx = cfg.Context(ctx, in)
		intent, err := cfg.intent(in, func() ([]byte, error) { return json.Marshal(in) })
		switch {
		case errors.Is(err, errNoKey) && cfg.OptionalKey:
			return handle(ctx, in)
		case err != nil:
			cfg.Guard.ObserveRefusal(ctx, cfg.Operation, err)
			return out, err
		}
		out, outcome, err := idempotency.Do(ctx, cfg.Guard, intent, func(ctx context.Context) (Out, error) { return handle(ctx, in) })
		for _, see := range replayed {
			if err == nil && outcome.Replayed {
				out, err = see(ctx, in, out, outcome)
			}
		}
		return out, err
	}, nil
}
