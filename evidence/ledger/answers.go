package ledger

import (
	"context"
	"errors"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Answer is how a call ended.
type Answer string

// The answers.
const (
	Executed       Answer = "executed"    // the result of the call's own execution, or of an effect that it found
	Replayed       Answer = "replayed"    // the recorded result
	Discarded      Answer = "discarded"   // executed, said that nothing happened
	Failed         Answer = "failed"      // executed, ended by an error or a panic
	Mismatch       Answer = "mismatch"    // refused: other payload
	InProgress     Answer = "in progress" // refused: another execution runs
	OutcomeUnknown Answer = "unknown"     // refused: interrupted before
	NotKept        Answer = "not kept"    // refused: completed, result not recorded
	Unavailable    Answer = "unavailable" // the store could not be asked
	Unknown        Answer = ""            // nobody was told: the process crashed
	Strange        Answer = "strange"     // an error that is documented nowhere
)

// Acknowledges reports whether the caller may rely on the effect.
func (a Answer) Acknowledges() bool { return a == Executed || a == Replayed }

// Final reports whether asking again makes no sense.
func (a Answer) Final() bool {
	return a.Acknowledges() || a == Mismatch || a == OutcomeUnknown || a == NotKept
}

// knows reports whether the answer says something that only the store can know.
func (a Answer) knows() bool { return a != Unavailable && a != Failed && a != Unknown }

// ErrOperation is the error of an operation that fails on purpose.
var ErrOperation = errors.New("declined")

// NothingDone is the result of an operation that had no effect, and is to be
// discarded.
const NothingDone = "nothing was done"

// AnswerOf returns what a guard's outcome and error say to the caller.
func AnswerOf(outcome idempotency.Outcome, err error) Answer {
	if _, busy := errors.AsType[*idempotency.InProgressError](err); busy {
		return InProgress
	}
	for _, kind := range []struct {
		err    error
		answer Answer
	}{
		{idempotency.ErrPayloadMismatch, Mismatch},
		{idempotency.ErrOutcomeUnknown, OutcomeUnknown},
		{idempotency.ErrResultNotKept, NotKept},
		{idempotency.ErrStore, Unavailable},
		{idempotency.ErrNoTime, Unavailable},
		{idempotency.ErrSealUnavailable, Unavailable},
		{ErrOperation, Failed},
		{idempotency.ErrLeaseOver, Failed},
		{idempotency.ErrReconcile, Failed},
		{idempotency.ErrRefused, Failed},
		{context.DeadlineExceeded, Failed},
		{context.Canceled, Failed},
	} {
		if errors.Is(err, kind.err) {
			return kind.answer
		}
	}
	switch {
	case err != nil:
		return Strange
	case outcome.Replayed:
		return Replayed
	case string(outcome.Data) == NothingDone:
		return Discarded
	}
	return Executed
}

// NoEffect is what a receipt refers to of an operation that ran and had no effect.
const NoEffect = "none"

const endOfReceipt = "\n"

// Receipt is how results name an effect, and whose it is. Results begin with one for
// each of their effects.
func Receipt(effect, whose string) string { return "receipt " + effect + " for " + whose }

// Receipts joins receipts to a result.
func Receipts(receipts ...string) []byte {
	return []byte(strings.Join(receipts, endOfReceipt) + endOfReceipt)
}

// ReceiptsIn returns the receipts that a result begins with.
func ReceiptsIn(data string) (receipts []string) {
	for line := range strings.Lines(data) {
		receipt, whole := strings.CutSuffix(line, endOfReceipt)
		if !whole || !strings.HasPrefix(receipt, "receipt ") {
			break
		}
		receipts = append(receipts, receipt)
	}
	return receipts
}

// read returns which effect a receipt names, and whose.
func read(receipt string) (effect, whose string) {
	effect, whose, _ = strings.Cut(strings.TrimPrefix(receipt, "receipt "), " for ")
	return effect, whose
}
