package idempotency

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrPayloadMismatch is returned if the key was used before with another
	// fingerprint. Nothing was executed.
	ErrPayloadMismatch = errors.New("idempotency: the key was used with another payload")

	// ErrOutcomeUnknown is returned if an earlier execution was interrupted and the
	// policy [Refuse] forbids another. Nothing was executed now.
	ErrOutcomeUnknown = errors.New("idempotency: an earlier execution was interrupted; its outcome is unknown")

	// ErrResultNotKept is returned if the operation completed before, but its
	// result could not be recorded. Nothing was executed now.
	ErrResultNotKept = errors.New("idempotency: the operation has completed; its result was not kept")

	// ErrWindowPassed is returned if the request was first sent longer ago than the
	// window, or before Config.RecordsSince, so that an earlier execution may have been forgotten. Nothing was executed
	// now.
	ErrWindowPassed = errors.New("idempotency: the request was first sent longer ago than its key is remembered")

	// ErrFirstSentFuture is returned if Request.FirstSent is in the future. Nothing was
	// executed.
	ErrFirstSentFuture = errors.New("idempotency: the request claims to have been first sent in the future")

	// ErrReconcile is returned if Request.Reconcile could not find out what became
	// of an interrupted execution. The operation was not executed now, and a retry
	// asks again. Errors that wrap it carry the cause as well.
	ErrReconcile = errors.New("idempotency: reconciliation failed")

	// ErrStore is returned if the store did not answer. Nothing was executed; but
	// in Atomic mode the effects may have been written, which a retry finds out.
	// Errors that wrap it carry the cause as well.
	ErrStore = errors.New("idempotency: the store is unavailable")

	// ErrSeal is returned if the recorded result does not open, or a new one could not
	// be sealed, because of something that does not pass by itself: what is recorded
	// was changed, or its key is gone or disabled, or may not be used. Nothing was
	// executed. Errors that wrap it carry the cause as well.
	ErrSeal = errors.New("idempotency: the result cannot be sealed or opened")

	// ErrSealUnavailable is returned if the keys of Config.Seal were out of reach for
	// the moment. Nothing was executed, and a retry may succeed. A [Sealer] returns
	// errors that wrap it. They carry the cause as well.
	ErrSealUnavailable = errors.New("idempotency: the keys to seal and open results are unavailable")

	// ErrNoTime is returned if the caller's deadline is so near that an execution
	// could not end in time. Nothing was executed, and a retry with more time
	// executes.
	ErrNoTime = errors.New("idempotency: the deadline is too near to begin")

	// ErrFailed is returned if the execution declared by [Execution.Fail] that it
	// failed. Errors that wrap it carry the cause as well.
	ErrFailed = errors.New("idempotency: the execution has failed")

	// ErrStep is returned by [Step] if the program uses it in a way that it is not
	// meant for, such as two steps of one name in an execution. It is a mistake in the
	// program: the step was not run. Errors that wrap it say what is wrong.
	ErrStep = errors.New("idempotency: the step cannot be run")

	// ErrStepResult is returned by [Step] if the step has run before, but its result
	// was not kept or can no longer be decoded. It was not run now. Errors that wrap it
	// say which step it is, and why.
	ErrStepResult = errors.New("idempotency: the step has run; its result is not available")

	// ErrPlan is returned in Atomic mode if the planned effects can never be
	// written, such as two writes of one item. It is a mistake in the program:
	// nothing was written, and a retry fails in the same way. Errors that wrap it
	// say what is wrong.
	ErrPlan = errors.New("idempotency: the plan cannot be written")

	// ErrConflict is returned by an [AtomicStore] that was busy with another
	// transaction on the same items. Nothing was written.
	ErrConflict = errors.New("idempotency: a transaction on the same items is under way")

	// ErrRefused is returned by an [AtomicStore] that did not write a plan because a
	// condition of the plan itself did not hold. A caller of [Guard.Do] sees it only
	// if planning again did not help.
	ErrRefused = errors.New("idempotency: the planned effects were refused")

	// ErrTooLarge is returned by a [Store] that cannot keep a record's data, but
	// could keep the record without. Nothing was written.
	ErrTooLarge = errors.New("idempotency: the result is too large for the store")

	// ErrLeaseOver is the cause ([context.Cause]) of an execution's context that
	// ended because its lease did, or because the caller's deadline is near.
	ErrLeaseOver = errors.New("idempotency: the lease is over")
)

// InProgressError is returned if another execution holds the key's lease.
// Nothing was executed.
type InProgressError struct {
	// RetryAfter is how long the lease may still run; always positive.
	RetryAfter time.Duration
}

func (e *InProgressError) Error() string {
	return fmt.Sprintf("idempotency: the operation is in progress; retry after %v", e.RetryAfter)
}

// containStore makes a panic of a store an error: after the effect neither may
// pass for a failed execution, and in a renewal it would end the process.
func containStore(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("idempotency: the store panicked: %v", r)
	}
}

// timedOut reports whether err is that of a request which the store has given up
// by a time limit of its own, though ctx has not ended.
func timedOut(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded)
}
