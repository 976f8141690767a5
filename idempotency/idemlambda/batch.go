package idemlambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// batch handles the messages of a batch one after the other.
type batch[E any] struct {
	Config[E]
	// retry tells whether a message says of itself that it comes again.
	retry  func(E) bool
	handle func(context.Context, E) error
}

func newBatch[E any](cfg Config[E], payload func(E) ([]byte, error), retry func(E) bool, handle func(context.Context, E) error) (*batch[E], error) {
	if handle == nil {
		return nil, errNoHandler
	}
	cfg, err := cfg.withDefaults(payload)
	return &batch[E]{cfg, retry, handle}, err
}

// process handles one message and logs its failure under the given id.
func (b *batch[E]) process(ctx context.Context, id string, message E) error {
	err := context.Cause(ctx) // what is not begun in time is left for the next time
	if err == nil {
		err = b.contain(ctx, message)
	}
	b.log(ctx, id, err)
	return err
}

func (b *batch[E]) log(ctx context.Context, id string, err error) {
	if err == nil {
		return
	}
	level := slog.LevelError
	if _, ok := errors.AsType[*idempotency.InProgressError](err); ok || err == errHeld {
		level = slog.LevelInfo // it only has to wait
	}
	b.Logger.LogAttrs(ctx, level, "message failed",
		slog.String("operation", b.Operation),
		slog.String("message", id),
		slog.String("error", err.Error()),
	)
}

// contain makes a panic the failure of one message, once the guard has seen it.
func (b *batch[E]) contain(ctx context.Context, message E) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("idemlambda: panic: %v\n%s", r, debug.Stack())
		}
	}()
	return doEffect(ctx, b.Config, message, b.retry(message), b.handle)
}

// verdict is the error of the function itself.
func (b *batch[E]) verdict(failed, all int) error {
	if failed > 0 && b.WholeBatch {
		return fmt.Errorf("idemlambda: %d of %d messages failed", failed, all)
	}
	return nil
}
