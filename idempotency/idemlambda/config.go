package idemlambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Config configures a wrapper. E is what is handled once: an events.SQSMessage,
// events.KinesisEventRecord, events.DynamoDBEventRecord or
// events.EventBridgeEvent, or a handler's own input. Guard, Operation, Scope and
// Key are required.
type Config[E any] struct {
	// Guard executes once per key.
	Guard *idempotency.Guard

	// Operation names what the handler does, such as "orders.place". The same key
	// under two names is two operations.
	Operation string

	// Scope says on whose behalf a message is handled: [QueueScope] and its
	// siblings for everything that one source sends, or a scope that the message
	// itself tells, where whoever wrote that can be trusted.
	Scope func(E) (idempotency.Scope, error)

	// Key returns the idempotency key of a message: [MessageID] and its siblings,
	// or a field of the message, by [FromBody] and its siblings or by package
	// jmespath. Empty says that there is none.
	Key func(E) (string, error)

	// OptionalKey lets messages without a key be handled unprotected. By default
	// they fail. One whose key cannot be read fails in any case.
	OptionalKey bool

	// Payload returns what a duplicate has to have in common with the first
	// message. By default that is an SQS message's body, a Kinesis record's data, a
	// DynamoDB record's event name, keys and images, an EventBridge event's source,
	// detail type and detail, and the JSON encoding of a handler's input.
	Payload func(E) ([]byte, error)

	// Context returns the context in which a message is handled, and the guard's
	// observer is told of it: the given one with what the message says of where it
	// comes from, such as a trace. Default: the given one.
	Context func(context.Context, E) context.Context

	// Reconcile is required by a guard whose policy is [idempotency.Reconcile], and
	// called under no other. It finds out whether an interrupted execution has had
	// its effect. Only [Handler] has a use for the result: see
	// [idempotency.CompletedWith].
	Reconcile func(context.Context, E) (idempotency.Reconciliation, error)

	// WholeBatch fails the whole batch if one of its messages failed, for event
	// source mappings without ReportBatchItemFailures. Then all of it comes again,
	// and what was handled is not handled twice. [EventBridge] and [Handler] have
	// no batches.
	WholeBatch bool

	// Logger is told of each message of a batch that failed, and why: a function
	// that reports failures has itself succeeded, so Lambda logs nothing. It is
	// information where the message only has to wait, and an error otherwise.
	// Bodies are not logged, unless an error of yours has them. Default
	// [slog.Default].
	Logger *slog.Logger
}

func (c Config[E]) withDefaults(payload func(E) ([]byte, error)) (Config[E], error) {
	switch {
	case c.Guard == nil:
		return c, errors.New("idemlambda: Config.Guard is missing")
	case c.Scope == nil:
		return c, errors.New("idemlambda: Config.Scope is missing: use QueueScope or a sibling, or say who is asking")
	case c.Key == nil:
		return c, errors.New("idemlambda: Config.Key is missing: use MessageID or a sibling, or a field of the message")
	case (c.Guard.Recovery() == idempotency.Reconcile) != (c.Reconcile != nil):
		return c, errors.New("idemlambda: Config.Reconcile is to be set if, and only if, the guard's recovery policy is idempotency.Reconcile")
	}
	if _, err := idempotency.NewKey(idempotency.SharedScope(), c.Operation, "probe"); err != nil {
		return c, fmt.Errorf("idemlambda: Config.Operation: %w", err)
	}
	if c.Payload == nil {
		c.Payload = payload
	}
	if c.Context == nil {
		c.Context = func(ctx context.Context, _ E) context.Context { return ctx }
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}

// errNoKey is an error and no default key: all messages without one would share
// a record.
var errNoKey = errors.New("idemlambda: there is no key")

// intent reads what is asked for. It tells that there is no key by errNoKey.
func (c Config[E]) intent(event E) (idempotency.Intent, error) {
	token, err := c.Key(event)
	if err != nil {
		return idempotency.Intent{}, fmt.Errorf("idemlambda: key: %w", err)
	}
	if token == "" {
		return idempotency.Intent{}, errNoKey
	}
	scope, err := c.Scope(event)
	if err != nil {
		return idempotency.Intent{}, fmt.Errorf("idemlambda: scope: %w", err)
	}
	payload, err := c.Payload(event)
	if err != nil {
		return idempotency.Intent{}, fmt.Errorf("idemlambda: payload: %w", err)
	}
	return idempotency.Intent{
		Scope:       scope,
		Operation:   c.Operation,
		Key:         token,
		Fingerprint: idempotency.NewFingerprint(payload),
	}, nil
}

// do handles the event once. adjust changes the intent, where that is needed.
func do[E, T any](ctx context.Context, c Config[E], event E, adjust func(*idempotency.Intent), handle func(context.Context, E) (T, error)) (T, error) {
	ctx = c.Context(ctx, event)
	intent, err := c.intent(event)
	if errors.Is(err, errNoKey) && c.OptionalKey {
		return handle(ctx, event)
	}
	if err != nil {
		var none T
		return none, err
	}
	if c.Reconcile != nil {
		intent.Reconcile = func(ctx context.Context) (idempotency.Reconciliation, error) {
			return c.Reconcile(ctx, event)
		}
	}
	adjust(&intent)
	value, _, err := idempotency.Do(ctx, c.Guard, intent, func(ctx context.Context) (T, error) {
		return handle(ctx, event)
	})
	return value, err
}

// nothing is the result of what is done for its effect alone.
type nothing struct{}

// doEffect is do for a handler without a result. One that was lost is no loss.
func doEffect[E any](ctx context.Context, c Config[E], event E, retry bool, handle func(context.Context, E) error) error {
	_, err := do(ctx, c, event, func(intent *idempotency.Intent) {
		intent.LikelyDuplicate = retry
		intent.Codec = forgetful{}
	}, func(ctx context.Context, event E) (nothing, error) {
		return nothing{}, handle(ctx, event)
	})
	if errors.Is(err, idempotency.ErrResultNotKept) {
		return nil
	}
	return err
}

// forgetful is the codec of nothing.
type forgetful struct{}

func (forgetful) Marshal(any) ([]byte, error) { return nil, nil }
func (forgetful) Unmarshal([]byte, any) error { return nil }

func encodeJSON[E any](event E) ([]byte, error) { return json.Marshal(event) }
