package idemlambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

var (
	// ErrMalformed: a message cannot be read, or has no key, scope or payload.
	// Nothing was executed. A handler that finds a message to be wrong for good may
	// return an error that wraps it.
	ErrMalformed = errors.New("idemlambda: the message is malformed")

	// ErrNoTime: the function's time is nearly over. The message was not begun, or
	// its handler did not heed the end of its context and was left behind.
	ErrNoTime = errors.New("idemlambda: too little of the function's time is left")

	// errHeld: an earlier message of the same group or shard has failed.
	errHeld = errors.New("idemlambda: not handled, because an earlier message of its group failed")

	errNoHandler = errors.New("idemlambda: there is no function to handle events")
)

// What [Config].Observer is told, beside what the guard's own observer is.
const (
	// ObservedMalformed: refused because the message cannot be read, or has no key,
	// scope or payload.
	ObservedMalformed idempotency.Observation = "malformed"
	// ObservedNotBegun: not handled because too little of the function's time was
	// left. The message is delivered again.
	ObservedNotBegun idempotency.Observation = "not_begun"
)

// Permanent reports whether a message that failed by this error will fail at
// every delivery: it is malformed, its key was used with another payload, or its
// outcome is unknown and the guard's policy is [idempotency.Refuse].
func Permanent(err error) bool {
	return errors.Is(err, ErrMalformed) || errors.Is(err, idempotency.ErrPayloadMismatch) || errors.Is(err, idempotency.ErrOutcomeUnknown)
}

func malformed(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrMalformed, what, err)
}

// report logs the failure of one message, and observes it if the guard has not.
func (c Config[T]) report(ctx context.Context, id string, err error) {
	level := slog.LevelError
	if _, ok := errors.AsType[*idempotency.InProgressError](err); ok || errors.Is(err, errHeld) || errors.Is(err, ErrNoTime) {
		level = slog.LevelInfo // it only has to wait
	}
	c.Logger.LogAttrs(ctx, level, "message failed",
		slog.String("operation", c.Operation),
		slog.String("message", id),
		slog.Bool("permanent", Permanent(err)),
		slog.String("error", err.Error()),
	)
	c.observe(ctx, err)
}

func (c Config[T]) observe(ctx context.Context, err error) {
	observation := ObservedMalformed
	switch {
	case c.Observer == nil:
		return
	case errors.Is(err, ErrNoTime):
		observation = ObservedNotBegun
	case !errors.Is(err, ErrMalformed):
		return
	}
	c.Observer.Observe(ctx, idempotency.Event{Observation: observation, Operation: c.Operation, Err: err})
}

// contain returns the error of f, or its panic as one.
func contain(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("idemlambda: panic: %v\n%s", r, debug.Stack())
		}
	}()
	return f()
}
