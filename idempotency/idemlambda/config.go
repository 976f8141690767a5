package idemlambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// DefaultConcurrency is the default of [Config].Concurrency.
const DefaultConcurrency = 10

// Config configures a wrapper. T is what is handled once: an events.SQSMessage
// or another of Lambda's records, the value that a message's JSON is decoded
// into, or a handler's own input. Guard or Store, Operation, Scope and Key are required.
//
// Scope, Key, Payload and Context are called for one message after the other.
type Config[T any] struct {
	// Guard executes once per key.
	Guard *idempotency.Guard

	// Store is where a guard with the defaults of [idempotency.Config] keeps its
	// records. Set it in the place of Guard if nothing else of a guard is to be chosen.
	Store idempotency.Store

	// Operation names what the handler does, such as "orders.place". The same key
	// under two names is two operations.
	Operation string

	// Scope returns on whose behalf a message is handled: [QueueScope] and its
	// siblings for everything that one source sends, or a scope that the message
	// itself names, if its sender can be trusted with that.
	Scope func(T) (idempotency.Scope, error)

	// Key returns the idempotency key of a message: [MessageID] and its siblings,
	// or a field of the message. A key that is empty or blank is none.
	Key func(T) (string, error)

	// OptionalKey lets messages without a key be handled unprotected. By default
	// they fail. A message whose key cannot be read fails in any case.
	OptionalKey bool

	// Payload returns what a duplicate must have in common with the first message.
	// By default that is the body of an SQS message, the message and subject of an
	// SNS notification, the data of a Kinesis record, the event name, keys and
	// images of a DynamoDB record, the event name, bucket, key, version, ETag and
	// sequencer of an S3 record, the source, detail type and detail of an
	// EventBridge event, and the JSON encoding of a handler's input.
	Payload func(T) ([]byte, error)

	// Unwrap takes the content of a message out of the envelope in which it was
	// delivered: [UnwrapSNS] or [UnwrapEventBridge]. What it returns takes the
	// place of the body, data or detail before Scope, Key, Payload and the handler
	// are called, so what differs between two envelopes of one event does not
	// matter. Default: the content is taken as it is. Records of DynamoDB and S3
	// and a [Handler]'s input have no envelope.
	Unwrap func(content []byte) ([]byte, error)

	// Context returns the context in which a message is handled, which is also the
	// one that the guard's observer is given: ctx with what the message says about
	// its origin, such as a trace. Default: ctx itself.
	Context func(ctx context.Context, message T) context.Context

	// Reconcile is required by a guard whose policy is [idempotency.Reconcile], and
	// called under no other. It finds out whether an interrupted execution has had
	// its effect. Only [Handler] uses the result: see [idempotency.CompletedWith].
	Reconcile func(context.Context, T) (idempotency.Reconciliation, error)

	// Concurrency is how many messages of a batch are handled at a time; 1 for one
	// after the other, in the order of the batch. The messages of a FIFO queue's
	// group, the records of a stream and the messages of one key are always handled
	// one after the other. Default 10.
	Concurrency int

	// WholeBatch fails the whole batch if one of its messages failed, for event
	// source mappings without ReportBatchItemFailures. Then all of it is delivered
	// again, and what was handled is not handled twice. It has no effect on
	// [EventBridge], [SNS], [S3] and [Handler], which report no single messages.
	WholeBatch bool

	// Logger receives a line for each message of a batch that failed: a function
	// that reports failures has itself succeeded, so Lambda logs nothing. The
	// attribute "permanent" is true if the message will fail at every delivery. The
	// level is information if the message only has to wait, and error otherwise.
	// Bodies are not logged, unless an error of the handler contains them. Default
	// [slog.Default].
	Logger *slog.Logger
}

func (c Config[T]) withDefaults() (Config[T], error) {
	if c.Store != nil {
		if c.Guard != nil {
			return c, errors.New("idemlambda: Config.Guard and Config.Store are both set")
		}
		guard, err := idempotency.New(idempotency.Config{Store: c.Store})
		if err != nil {
			return c, fmt.Errorf("idemlambda: Config.Store: %w", err)
		}
		c.Guard = guard
	}
	switch {
	case c.Guard == nil:
		return c, errors.New("idemlambda: Config.Guard is missing, and so is Config.Store")
	case c.Scope == nil:
		return c, errors.New("idemlambda: Config.Scope is missing: use QueueScope or a sibling, or say who is asking")
	case c.Key == nil:
		return c, errors.New("idemlambda: Config.Key is missing: use MessageID or a sibling, or a field of the message")
	case (c.Guard.Recovery() == idempotency.Reconcile) != (c.Reconcile != nil):
		return c, errors.New("idemlambda: Config.Reconcile must be set if, and only if, the guard's recovery policy is idempotency.Reconcile")
	case c.Concurrency < 0:
		return c, fmt.Errorf("idemlambda: Config.Concurrency is negative: %d", c.Concurrency)
	}
	if _, err := idempotency.NewKey(idempotency.SharedScope(), c.Operation, "probe"); err != nil {
		return c, fmt.Errorf("idemlambda: Config.Operation: %w", err)
	}
	if c.Concurrency == 0 {
		c.Concurrency = DefaultConcurrency
	}
	if c.Context == nil {
		c.Context = func(ctx context.Context, _ T) context.Context { return ctx }
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}

// errNoKey is an error and not a default key: all messages without a key would
// share one record.
var errNoKey = fmt.Errorf("%w: there is no key", ErrMalformed)

// intent returns what is to be executed once for a message. fallback returns the
// payload if Config.Payload is not set. The error is errNoKey if there is no key.
func (c Config[T]) intent(message T, fallback func() ([]byte, error)) (idempotency.Intent, error) {
	key, err := c.Key(message)
	if err != nil {
		return idempotency.Intent{}, malformed("key", err)
	}
	if strings.TrimSpace(key) == "" {
		return idempotency.Intent{}, errNoKey
	}
	scope, err := c.Scope(message)
	if err != nil {
		return idempotency.Intent{}, malformed("scope", err)
	}
	var payload []byte
	if c.Payload != nil {
		payload, err = c.Payload(message)
	} else {
		payload, err = fallback()
	}
	if err != nil {
		return idempotency.Intent{}, malformed("payload", err)
	}
	intent := idempotency.Intent{
		Scope:       scope,
		Operation:   c.Operation,
		Key:         key,
		Fingerprint: idempotency.NewFingerprint(payload),
	}
	if c.Reconcile != nil {
		intent.Reconcile = func(ctx context.Context) (idempotency.Reconciliation, error) {
			return c.Reconcile(ctx, message)
		}
	}
	return intent, nil
}

// nothing is the result of a handler that is called for its effect alone.
type nothing struct{}

// forgetful is the codec of nothing.
type forgetful struct{}

func (forgetful) Marshal(any) ([]byte, error) { return nil, nil }
func (forgetful) Unmarshal([]byte, any) error { return nil }

// doEffect executes handle once for the intent. A result that was not kept is no
// failure: there is none.
func (c Config[T]) doEffect(ctx context.Context, intent idempotency.Intent, message T, handle func(context.Context, T) error) error {
	intent.Codec = forgetful{}
	_, _, err := idempotency.Do(ctx, c.Guard, intent, func(ctx context.Context) (nothing, error) {
		return nothing{}, handle(ctx, message)
	})
	if errors.Is(err, idempotency.ErrResultNotKept) {
		return nil
	}
	return err
}
