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
	// ErrMalformed is the failure of a message that cannot be read, or has no key,
	// scope or payload. Nothing was executed. A handler that finds a message to be
	// wrong for good may return an error that wraps it.
	ErrMalformed = errors.New("idemlambda: the message is malformed")

	// errLeftBehind: the handler did not heed the end of its context.
	errLeftBehind = errors.New("idemlambda: the handler has not ended in time and was left behind")

	// errHeld: an earlier message of the same group or shard has failed.
	errHeld = errors.New("idemlambda: not handled, because an earlier message of its group failed")

	// errNoRecords: to acknowledge what cannot be read would lose it.
	errNoRecords = errors.New("idemlambda: the event has no records: the function is invoked by another source")

	errNoHandler = errors.New("idemlambda: there is no function to handle events")
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

// report logs the failure of one message.
func (c Config[T]) report(ctx context.Context, id string, err error) {
	level := slog.LevelError
	if _, ok := errors.AsType[*idempotency.InProgressError](err); ok || errors.Is(err, errHeld) || errors.Is(err, idempotency.ErrNoTime) {
		level = slog.LevelInfo // it only has to wait
	}
	c.Logger.LogAttrs(ctx, level, "message failed",
		slog.String("operation", c.Operation),
		slog.String("message", id),
		slog.Bool("permanent", Permanent(err)),
		slog.String("error", err.Error()),
	)
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
