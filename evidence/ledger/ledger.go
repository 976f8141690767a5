// Package ledger is the one account of what happened in a run, and the promises that
// judge it. What clients asked and were told, what was claimed, executed and
// recorded, and which effects happened is entered in a [Book] by whoever makes the
// run: the crash matrix and its stories, the simulation, and concurrent clients. It
// is kept apart from the idempotency records, so that neither can hide the other's
// mistakes.
package ledger

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Moment is a point in time, counted from the opening of the book.
type Moment = time.Duration

// Never is the moment of what did not happen.
const Never Moment = math.MaxInt64

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
	ID int
	// Name is how reports name the call: by its number, unless it is set.
	Name   string
	Client int
	// Process numbers the lives of processes.
	Process int
	Key     string
	Payload string
	// For is whose effects the call may be told of; see [Receipt].
	For string
	// Effects are the names of the effects that its operation has.
	Effects []string
	// Free is the guarantee that is broken unless the call executes, because its key
	// is free. It is empty if another call may have used the key.
	Free Guarantee

	// Began and Ended enclose the call; Ended is Never if its process crashed.
	Began, Ended Moment
	Answer       Answer
	Data         string
	RetryAfter   time.Duration
	// Expires is the end of the key's window, in true time.
	Expires Moment

	// Token is the fencing token of the call's latest claim.
	Token string
	// Executions are the runs of the operation: at most one in leased mode, one
	// for each plan in atomic mode. One that begins with a reconciliation counts from
	// there.
	Executions []*Execution
	// TookOver reports whether the claim replaced that of an interrupted execution.
	TookOver bool
	// NotKept reports whether the result was too large to be recorded.
	NotKept bool
	// Unsealed reports whether the keys that open results did not answer to the call,
	// so that it could not know another's.
	Unsealed   bool
	Settlement Settlement
	// Crashed is when the call's process crashed under it.
	Crashed Moment
	// Interrupted reports whether something could come between the call's effect and
	// its record: the process died, stood still or lost the store, or the operation
	// failed.
	Interrupted bool
}

func (c *Call) String() string { return c.Name }

// Execution is one run of the operation.
type Execution struct {
	Token             string
	Started, Finished Moment
	// LeaseOver is when the execution's context ended, if before Finished.
	LeaseOver Moment
	// Result is what the execution has returned, or was about to.
	Result string
	// Keeps reports whether Result is to be recorded: neither failed nor discarded.
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

// Observe enters what the guard observes of the call. Steps are the book's.
func (c *Call) Observe(e idempotency.Event) {
	switch e.Observation {
	case idempotency.ObservedTakenOver:
		c.TookOver = true
	case idempotency.ObservedOversized:
		c.NotKept = true
	case idempotency.ObservedExecuted:
		c.Settlement = Recorded
	case idempotency.ObservedCompletionFailed:
		c.Settlement = MaybeRecorded
	case idempotency.ObservedLeaseLost:
		c.Settlement = LeaseLost
	case idempotency.ObservedReleaseFailed:
		c.Settlement = MaybeReleased
	case idempotency.ObservedReleased:
		if c.Settlement != MaybeReleased {
			c.Settlement = Released
		}
	case idempotency.ObservedFailed:
		c.Settlement = Interrupted
	}
}

// State is a record as it stands in the store. The zero value is that of none.
type State struct {
	Status         idempotency.Status
	Owner          string
	Lease, Expires int64  // Unix milliseconds
	Steps          string // the names of those recorded, with blanks between them
}

// StateOf is that of a record, nil for none.
func StateOf(r *idempotency.Record) State {
	if r == nil {
		return State{}
	}
	s := State{Status: r.Status, Owner: r.Owner, Expires: r.Expires.UnixMilli()}
	for _, step := range r.Steps {
		s.Steps = strings.TrimSpace(s.Steps + " " + step.Name)
	}
	if r.Status == idempotency.InProgress {
		s.Lease = r.LeaseUntil.UnixMilli()
	}
	return s
}

// StateOfItem is that of a record as an item of DynamoDB has it, read past the code
// that reads items.
func StateOfItem(item map[string]types.AttributeValue) State {
	s := State{
		Status: idempotency.Status(textOf(item["status"])), Owner: textOf(item["owner"]),
		Lease: numberOf(item["in_progress_expiration"]), Expires: 1000 * numberOf(item["expiration"]),
	}
	if steps, ok := item["steps"].(*types.AttributeValueMemberL); ok {
		for _, step := range steps.Value {
			s.Steps = strings.TrimSpace(s.Steps + " " + textOf(step.(*types.AttributeValueMemberM).Value["name"]))
		}
	}
	return s
}

func textOf(value types.AttributeValue) string {
	if s, ok := value.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func numberOf(value types.AttributeValue) (number int64) {
	if n, ok := value.(*types.AttributeValueMemberN); ok {
		number, _ = strconv.ParseInt(n.Value, 10, 64) // the engine has checked it
	}
	return number
}

// Live reports whether the record counts at the time.
func (s State) Live(at time.Time) bool { return s.Status != "" && at.UnixMilli() < s.Expires }

// Completed reports whether the record counts at the time, and is completed.
func (s State) Completed(at time.Time) bool {
	return s.Live(at) && s.Status == idempotency.Completed
}

// Leased reports whether an owner may believe at the time that it holds the key.
func (s State) Leased(at time.Time) bool {
	return s.Live(at) && s.Status == idempotency.InProgress && at.UnixMilli() <= s.Lease
}

// Request is one that reached the store.
type Request struct {
	Call *Call
	// Label names what was asked, and Token who asked it.
	Label, Token string
	// Claims reports whether the key is the call's if the request succeeds.
	Claims bool
	// Before and After are the record around the request, in a watched book.
	Before, After State
	// From and To enclose the moment at which the store acted on it.
	From, To Moment
	// Replied reports whether the call has learned what became of it.
	Replied bool
}

// Effect is something that happened in the outside world.
type Effect struct {
	// ID is what results refer to it by.
	ID string
	// Name is which of the operation's effects it is, and Derived the key that was
	// sent along.
	Name, Derived string
	Call          *Call
	// Token is that of the effect's execution.
	Token string
	At    Moment
}

// Step is what happened to a step of an execution.
type Step struct {
	Name string
	Call *Call
	At   Moment
	// Recorded reports whether it was recorded; otherwise it ran.
	Recorded bool
	// Until is the end of the window in which it was recorded, or earlier.
	Until Moment
}

// Book collects calls, requests, effects and steps. It is safe for concurrent use.
type Book struct {
	// Watched reports whether every request that reached the store is in the book,
	// with the record before and after it.
	Watched bool

	mu       sync.Mutex
	began    time.Time
	latest   Moment
	calls    []*Call
	requests []*Request
	effects  []*Effect
	steps    []Step
}

// New opens an empty book.
func New(watched bool) *Book { return &Book{Watched: watched, began: time.Now()} }

// now is a moment that is later than all that were given out before, so that what
// happened at the same instant keeps its order. The caller holds the lock.
func (b *Book) now() Moment {
	b.latest = max(time.Since(b.began), b.latest+1)
	return b.latest
}

// Now returns the present moment, which no other has.
func (b *Book) Now() Moment {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now()
}

// At returns the moment of a time, and Time the time of a moment.
func (b *Book) At(t time.Time) Moment   { return t.Sub(b.began) }
func (b *Book) Time(m Moment) time.Time { return b.began.Add(m) }

// Enter lets change enter something, with nobody else at the book.
func (b *Book) Enter(change func(now Moment)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b.now())
}

// Open enters a call, and numbers it. What it points to may be changed, by one
// goroutine at a time, until the book is read.
func (b *Book) Open(c Call, window time.Duration) *Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.ID, c.Ended, c.Crashed, c.Answer, c.Began = len(b.calls), Never, Never, Unknown, b.now()
	c.Expires = c.Began + window
	if c.Name == "" {
		c.Name = fmt.Sprint("call ", c.ID)
	}
	b.calls = append(b.calls, &c)
	return &c
}

// Request enters a request that has reached the store. What it has recorded is
// entered with it.
func (b *Book) Request(r Request) *Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.To = b.now(); r.From == 0 {
		r.From = r.To
	}
	r.Before = b.record(r.Call.Key, r.To)
	known := strings.Fields(r.Before.Steps)
	for _, name := range strings.Fields(r.After.Steps) {
		if !slices.Contains(known, name) {
			b.steps = append(b.steps, Step{name, r.Call, r.To, true, b.At(time.UnixMilli(r.After.Expires))})
		}
	}
	b.requests = append(b.requests, &r)
	return &r
}

// record is the key's record as it was before the moment. The caller holds the lock.
func (b *Book) record(key string, at Moment) State {
	for _, r := range slices.Backward(b.requests) {
		if r.Call.Key == key && r.To < at {
			return r.After
		}
	}
	return State{}
}

// Record returns the key's record as it was left by the latest request.
func (b *Book) Record(key string) State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.record(key, Never)
}

// Happen enters an effect.
func (b *Book) Happen(e Effect) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.happen(e)
}

func (b *Book) happen(e Effect) {
	e.At = b.now()
	b.effects = append(b.effects, &e)
}

// Discover enters an effect that the store itself has had, unless it is known, and
// reports whether it is new.
func (b *Book) Discover(e Effect) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.ContainsFunc(b.effects, func(known *Effect) bool { return known.ID == e.ID }) {
		return false
	}
	b.happen(e)
	return true
}

// HappenOnce enters an effect, unless there is one with its derived key, and returns
// the one that there is.
func (b *Book) HappenOnce(e Effect) (id string, happened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, found := b.find(e.Derived); found {
		return known, false
	}
	b.happen(e)
	return e.ID, true
}

// Find returns the effect with a derived key that has happened in the key's present
// window, as the outside world would.
func (b *Book) Find(derived string) (id string, found bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.find(derived)
}

func (b *Book) find(derived string) (id string, found bool) {
	now := time.Since(b.began)
	for _, e := range b.effects {
		if e.Derived == derived && now < e.Call.Expires {
			return e.ID, true
		}
	}
	return "", false
}

// Step enters what happened to a step.
func (b *Book) Step(s Step) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.At = b.now()
	b.steps = append(b.steps, s)
}

// Calls returns the calls, in the order in which they were opened.
func (b *Book) Calls() []*Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.calls)
}

// Requests returns the requests, in the order in which they reached the store.
func (b *Book) Requests() []*Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

// Effects returns the effects of a key in its present window, in the order in which
// they happened.
func (b *Book) Effects(key string) (present []*Effect) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Since(b.began)
	for _, e := range b.effects {
		if e.Call.Key == key && now < e.Call.Expires {
			present = append(present, e)
		}
	}
	return present
}

// Keys returns the keys that were asked for, each once, in the order of the calls.
func (b *Book) Keys() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.keys()
}

func (b *Book) keys() (keys []string) {
	for _, c := range b.calls {
		if !slices.Contains(keys, c.Key) {
			keys = append(keys, c.Key)
		}
	}
	return keys
}
