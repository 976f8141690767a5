package idempotency

import (
	"context"
	"time"
)

// Status is the state of an operation.
type Status string

// The statuses of a record. The words are those of Powertools for AWS Lambda.
const (
	InProgress Status = "INPROGRESS"
	Completed  Status = "COMPLETED"
)

// Record is the record that a store keeps for a key.
type Record struct {
	// ID is the key's [Key.ID].
	ID string
	// Status is InProgress from the claim to the completion.
	Status Status
	// Owner is the fencing token of the claim: a fresh random value for each.
	Owner string
	// Claimed is the time of the claim, or of the attempt in [Atomic] mode.
	// Millisecond precision. It decides nothing and is there for people; a record
	// from before there was such a time has the zero time.
	Claimed time.Time
	// Fingerprint is that of the request which made the claim.
	Fingerprint Fingerprint
	// LeaseUntil is the time after which an unfinished claim may be taken over,
	// with the allowance for clock skew already added. Millisecond precision. The
	// zero time is that of a claim whose owner has given up.
	LeaseUntil time.Time
	// Expires is the end of the window: from then on the record counts as
	// absent, whether or not the store has removed it. Second precision.
	Expires time.Time
	// Data is the recorded result of a completed operation. It is nil if the
	// result could not be kept; a result that was kept is not nil, even if it is
	// empty.
	Data []byte
	// Steps are the steps that executions of an unfinished operation have recorded, in
	// that order. A completed record has none.
	Steps []RecordedStep
}

// RecordedStep is a step of an execution that has run; see [Step].
type RecordedStep struct {
	// Name is unique within the record.
	Name string
	// Data is the step's result. It is nil if it could not be kept, or was not asked
	// for.
	Data []byte
}

// Interrupted reports whether the execution that made the record was interrupted:
// it has not completed, and its lease was over at the given time.
func (r *Record) Interrupted(at time.Time) bool {
	return r.Status == InProgress && at.After(r.LeaseUntil)
}

// Claim is an attempt to become the owner of a key.
type Claim struct {
	// Record is written if the claim succeeds; its Status is InProgress.
	Record Record
	// Now decides which records have expired.
	Now time.Time
	// TakeOver, if set, is a record seen before whose lease is over. It is
	// replaced if it is still the one stored: with the same owner and the same lease,
	// and still in progress.
	TakeOver *Record
}

// Store keeps records. Each method that writes is one atomic step, whose effect
// every later step sees. An implementation must pass the tests of
// [github.com/idempotent-requests/idempotent-requests/idempotency/storetest].
//
// An error means that the store did not answer; whether the step was taken
// is then unknown. A condition that does not hold is never an error: the
// record in the way is returned instead.
//
// A store that makes requests to a server gives each of them a time limit of its
// own, and returns an error that wraps [context.DeadlineExceeded] if that has
// passed. A guard then takes the step again. A step that was taken already has to
// succeed again, as described at the methods.
type Store interface {
	// Claim writes c.Record and returns nil if the key is free: there is no
	// record, its window has passed at c.Now, or it is c.TakeOver. It also returns nil
	// for a record in progress with c.Record's owner and lease, which an earlier
	// attempt of the same claim has written. Otherwise it writes nothing and returns
	// the record in the way, which may lack its data if its fingerprint is not that of
	// c.Record.
	Claim(ctx context.Context, c Claim) (*Record, error)

	// Renew replaces the owner's unfinished record by r, which has another lease and
	// perhaps a later Expires, and reports whether the owner's unfinished record is
	// there. Any other record, or none, is left alone. A record with a later lease is
	// left alone, too: r is then a delayed duplicate of an earlier renewal. But the
	// zero LeaseUntil ends a lease at once.
	Renew(ctx context.Context, r Record) (held bool, err error)

	// Complete replaces the owner's unfinished record by completed, whose
	// Status is Completed, and returns nil. It does the same if there is no record
	// at all, because the effect has happened and must be remembered. It returns nil
	// without writing if the owner's completed record is already there. A record
	// of another owner is left alone and returned. If the store cannot keep
	// completed.Data, but could keep the record without, Complete writes nothing and
	// returns an error that wraps [ErrTooLarge].
	Complete(ctx context.Context, completed Record) (*Record, error)

	// Release deletes the owner's unfinished record. Any other record, or none, is
	// left alone without an error.
	Release(ctx context.Context, id, owner string) error

	// Load returns the record, expired or not, or nil if there is none. It may lag
	// behind the other methods, so its result is only a hint.
	Load(ctx context.Context, id string) (*Record, error)
}

// StepStore is a store that keeps the steps of executions on their records, until
// the record is completed, released or replaced after its window. Renewals and
// takeovers keep the steps, those of earlier owners too. A record that Load returns
// has its steps with their data; one that another method returns may lack them.
type StepStore interface {
	Store

	// TakeOver is Claim for a c with c.TakeOver set. It also returns the steps of the
	// record that it has taken over, now or in an earlier attempt of the same claim,
	// with their data: even one that was recorded after c.TakeOver was read.
	TakeOver(ctx context.Context, c Claim) (steps []RecordedStep, existing *Record, err error)

	// RecordStep adds step to the owner's unfinished record, and reports whether that
	// record is there. It changes nothing else of it. Any other record, or none, is
	// left alone. r is the record as its owner knows it, with all steps recorded
	// before. A step that was added by an earlier attempt is not added again. If the
	// store cannot keep step.Data, but could keep the step without, RecordStep writes
	// nothing and returns an error that wraps [ErrTooLarge].
	RecordStep(ctx context.Context, r Record, step RecordedStep) (held bool, err error)
}

// OperatorStore is a store whose records operators can look at and change; see
// [Guard.Look], [Guard.Settle] and [Guard.Forget]. An observed record is still the one
// stored if that has the same owner and status and, in progress, the same lease.
type OperatorStore interface {
	Store

	// Look returns the record, expired or not, or nil if there is none. Unlike Load it
	// sees every earlier step.
	Look(ctx context.Context, id string) (*Record, error)

	// Settle replaces observed, which is in progress, by settled, whose Status is
	// Completed and whose Owner is another, and reports whether it has: observed was
	// still the one stored, or an earlier attempt has settled it already. If the store
	// cannot keep settled.Data, but could keep the record without, Settle writes
	// nothing and returns an error that wraps [ErrTooLarge].
	Settle(ctx context.Context, observed, settled Record) (done bool, err error)

	// Forget deletes observed and whatever is kept beside it, and reports whether it
	// has: observed was still the one stored, or there is no record any more.
	Forget(ctx context.Context, observed Record) (done bool, err error)
}

// Attempt is one attempt at an execution in [Atomic] mode.
type Attempt struct {
	// Record is the record that the attempt will leave, without its data: key,
	// owner, fingerprint and end of the window. Its Status is Completed.
	Record Record
	// Now decides which records have expired.
	Now time.Time
	// Refusal is nil or the error, wrapping [ErrRefused], that Commit returned for
	// the attempt before this one.
	Refusal error
}

// AtomicStore is a store that can write the effects of an execution and its
// record in one step, all or nothing.
//
// A store may collect what an execution plans and write it in Commit, or open a
// transaction in Begin, in which the execution makes its effects, and commit it.
type AtomicStore interface {
	Store

	// Begin returns a context for the execution, by means of which it plans or
	// makes its effects, and looks into a.Refusal. A store that finds a record in
	// the way at a.Now already here returns that record instead, and one that finds
	// another attempt under way an error that wraps [ErrConflict]; nothing is
	// executed then.
	Begin(ctx context.Context, a Attempt) (execution context.Context, existing *Record, err error)

	// Commit writes the effects of ctx, which carries the values of a context from
	// Begin, together with completed, and returns nil, if the key is free at now. It
	// also returns nil if an earlier attempt with the same owner has done so. Otherwise
	// it writes nothing and returns the record in the way, or an error that wraps
	//   - [ErrConflict] if another transaction is at it, and the same can be tried again
	//   - [ErrRefused] if a condition of the effects themselves does not hold, and the
	//     execution has to run again
	//   - [ErrPlan] if the effects can never be written
	//   - [ErrTooLarge] if they can, but only without completed.Data
	//
	// completed.Expires may be later than that of the attempt's record.
	Commit(ctx context.Context, completed Record, now time.Time) (*Record, error)

	// End gives up what Begin holds for ctx, and the effects unless they were
	// committed. It is called exactly once for each context that Begin returned,
	// whether the execution returned or panicked, and after Commit if it came to
	// that.
	End(ctx context.Context)
}
