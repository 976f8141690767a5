package idempotency

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrPayloadMismatch: the key was used before with another fingerprint.
	// Nothing was executed.
	ErrPayloadMismatch = errors.New("idempotency: the key was used with another payload")

	// ErrOutcomeUnknown: an earlier execution was interrupted, and the policy
	// [Refuse] forbids another. Nothing was executed now.
	ErrOutcomeUnknown = errors.New("idempotency: an earlier execution was interrupted; its outcome is unknown")

	// ErrResultNotKept: the operation completed before, but its result was too
	// large to record. Nothing was executed now.
	ErrResultNotKept = errors.New("idempotency: the operation has completed; its result was not kept")

	// ErrReconcile: what became of an interrupted execution could not be found
	// out. Nothing was executed now, and a retry asks again. Errors that wrap it
	// carry the cause as well.
	ErrReconcile = errors.New("idempotency: reconciliation failed")

	// ErrStore: the store could not be asked, so nothing was executed; or, in
	// Atomic mode, it did not say whether it has written the effects, which a
	// retry then finds out. Errors that wrap it carry the cause as well.
	ErrStore = errors.New("idempotency: the store is unavailable")

	// ErrConflict: an [AtomicStore] was busy with another transaction on the same
	// items. Nothing was written.
	ErrConflict = errors.New("idempotency: a transaction on the same items is under way")

	// ErrRefused: an [AtomicStore] did not write a plan because a condition of the
	// plan's own did not hold. It reaches the caller only where planning again
	// does not help.
	ErrRefused = errors.New("idempotency: the planned effects were refused")

	// ErrLeaseOver is the cause ([context.Cause]) of an execution's context that
	// ended because the lease did.
	ErrLeaseOver = errors.New("idempotency: the lease is over")
)

// InProgressError reports that another execution holds the key's lease.
// Nothing was executed.
type InProgressError struct {
	// RetryAfter is how long the lease may still run; always positive.
	RetryAfter time.Duration
}

func (e *InProgressError) Error() string {
	return fmt.Sprintf("idempotency: the operation is in progress; retry after %v", e.RetryAfter)
}
