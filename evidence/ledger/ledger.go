// Package ledger is the account that evidence is checked against: what clients
// asked and were told, what was executed, and what effects happened. It is kept
// apart from the idempotency records, so that neither can hide the other's
// mistakes.
package ledger

import (
	"math"
	"slices"
	"sync"
	"time"
)

// Moment is a point in time, counted from the start of a run.
type Moment = time.Duration

// Never is the moment of what did not happen.
const Never Moment = math.MaxInt64

// Answer is how a call ended.
type Answer string

// The answers.
const (
	Executed       Answer = "executed"        // the call's own execution, successful
	Replayed       Answer = "replayed"        // the recorded result
	Discarded      Answer = "discarded"       // executed, said that nothing happened
	Failed         Answer = "failed"          // executed, ended by an error or a panic
	Mismatch       Answer = "mismatch"        // refused: other payload
	InProgress     Answer = "in progress"     // refused: another execution runs
	OutcomeUnknown Answer = "outcome unknown" // refused: interrupted before
	NotKept        Answer = "not kept"        // refused: completed, result not recorded
	Unavailable    Answer = "unavailable"     // the store could not be asked
	Unknown        Answer = "unknown"         // nobody was told: the process crashed
)

// Settlement is what became of an execution's record, as its process saw it.
type Settlement string

// The settlements. The empty one is that of a call which executed nothing, or
// crashed before it could settle anything.
const (
	Recorded      Settlement = "recorded"       // the result is on record
	MaybeRecorded Settlement = "maybe recorded" // the store did not answer to the completion
	Released      Settlement = "released"       // the key was given up
	MaybeReleased Settlement = "maybe released" // the store did not answer to the release
	Interrupted   Settlement = "interrupted"    // left for recovery
	LeaseLost     Settlement = "lease lost"     // another owner had taken over
)

// Call is one call of a guard by a client.
type Call struct {
	ID      int
	Client  int
	Process int
	Key     string
	Payload string

	// Began and Ended enclose the call; Ended is Never if its process crashed.
	Began, Ended Moment
	Answer       Answer
	Data         string
	// Expires is the end of the key's window, in true time.
	Expires Moment

	// Executions are the runs of the operation: at most one in leased mode, one
	// for each plan in atomic mode.
	Executions []*Execution
	// TookOver tells that the claim replaced that of an interrupted execution.
	TookOver bool
	// NotKept tells that the result was too large to be recorded.
	NotKept    bool
	Settlement Settlement
	// BlindClaims are copies of the call's claim that reached the store without
	// the call learning what became of them.
	BlindClaims []Span
	// Crashed is when the call's process crashed under it.
	Crashed Moment
}

// Span encloses the moment at which something happened.
type Span struct{ From, To Moment }

// Execution is one run of the operation.
type Execution struct {
	Started, Finished Moment
	// LeaseOver is when the execution's context ended, if before Finished.
	LeaseOver Moment
	// Result is what the execution has returned, or was about to.
	Result string
	// Keeps tells that Result is to be recorded: neither failed nor discarded.
	Keeps bool
}

// Live is the moment until which the execution held its lease and could act
// on it.
func (c *Call) Live() Moment {
	if len(c.Executions) == 0 {
		return c.Began
	}
	e := c.Executions[len(c.Executions)-1]
	return min(e.Finished, e.LeaseOver, c.Crashed)
}

// Effect is something that happened in the outside world.
type Effect struct {
	// ID is what results refer to it by.
	ID   string
	Key  string
	Call int
	At   Moment
}

// Step is what happened to a step of an execution.
type Step struct {
	Key, Name string
	Call      int
	At        Moment
	// Recorded tells that it was recorded, and not that it ran.
	Recorded bool
	// Until is the end of the window in which it was recorded, or earlier.
	Until Moment
}

// Book collects calls, effects and steps. It is safe for concurrent use; the zero
// value is empty.
type Book struct {
	mu      sync.Mutex
	calls   []*Call
	effects []Effect
	steps   []Step
}

// Open enters a call and numbers it. What it points to may be changed, by one
// goroutine at a time, until the book is read.
func (b *Book) Open(c Call) *Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.ID, c.Ended, c.Crashed, c.Answer = len(b.calls), Never, Never, Unknown
	b.calls = append(b.calls, &c)
	return &c
}

// Happen enters an effect.
func (b *Book) Happen(e Effect) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.effects = append(b.effects, e)
}

// Step enters what happened to a step.
func (b *Book) Step(s Step) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.steps = append(b.steps, s)
}

// Steps returns what happened to steps, in the order in which it did.
func (b *Book) Steps() []Step {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.steps)
}

// Calls returns the calls, in the order in which they were opened.
func (b *Book) Calls() []*Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.calls)
}

// Effects returns the effects, in the order in which they happened.
func (b *Book) Effects() []Effect {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.effects)
}
