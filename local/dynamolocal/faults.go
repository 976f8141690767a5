package dynamolocal

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Call describes a call to a [Fault] or an observer.
type Call struct {
	// Number counts the calls of an engine, from 1, in the order of arrival.
	Number int64
	// Operation is the name of the operation, such as PutItem.
	Operation string
	// Tables are the names of the tables that the call names, each once, in the
	// order of the request.
	Tables []string
	// Actions are what an IAM policy has to allow for the call, in the order of the
	// request: of a transaction, the actions of its parts.
	Actions []TableAction
	// AccessKeyID is the access key that the call is signed with, "" if it is not
	// signed. The signature is not verified.
	AccessKeyID string
}

// TableAction is an action on a table, as IAM policies name it without the
// service: PutItem.
type TableAction struct{ Action, Table string }

// Event is a call that has been served.
type Event struct {
	Call
	// Consumed is the capacity that the call consumed, by table, whether or not it
	// asked for it. Failed conditions consume capacity too.
	Consumed []Consumed
	// Exception is the name of the error that answered the call, such as
	// ConditionalCheckFailedException; "" for success and for dropped calls.
	Exception string
	// Applied reports whether the operation ran, even if the reply was dropped. An
	// operation that ran may have failed: see Exception.
	Applied bool
}

// Consumed is capacity consumed of a table with its indexes, in units.
type Consumed struct {
	Table string
	Read  float64
	Write float64
}

// Effect is the way in which a fault disturbs a call.
type Effect int

const (
	// NoEffect lets the call pass.
	NoEffect Effect = iota
	// Refuse drops the connection; the operation does not run.
	Refuse
	// DropReply runs the operation and drops the connection instead of replying:
	// for the client the outcome is unknown.
	DropReply
	// Throttle answers ProvisionedThroughputExceededException; the operation does
	// not run.
	Throttle
	// LimitRate answers ThrottlingException; the operation does not run.
	LimitRate
	// Fail answers InternalServerError; the operation does not run.
	Fail
	// FailApplied runs the operation and answers InternalServerError: for the
	// client the outcome is unknown.
	FailApplied
	// Conflict answers as if another transaction had the item:
	// TransactionConflictException for single items, and for transactions
	// TransactionCanceledException with the reason TransactionConflict at the
	// position of [Action.Position]. The operation does not run.
	Conflict
	// Stop refuses this call and all later ones until [Engine.Resume].
	Stop
	// Hang never replies; the operation does not run. The connection stays open
	// until the client gives up or the engine is closed.
	Hang
	// HangApplied runs the operation and never replies, as Hang does.
	HangApplied
)

// Action is what a fault does to a call. The zero value lets it pass.
type Action struct {
	// Delay is how long the call waits before its effect. A client that gives up
	// meanwhile does not undo it: the effect follows at once.
	Delay time.Duration
	// Effect follows the delay.
	Effect Effect
	// Position is the action of a transaction that meets a [Conflict], from 0.
	Position int
}

// Fault returns what happens to a call. It must be safe for concurrent use.
type Fault func(Call) Action

// On returns a fault of the calls of one operation, such as PutItem.
func On(operation string, action Action) Fault {
	return func(call Call) Action {
		if call.Operation != operation {
			return Action{}
		}
		return action
	}
}

// Once returns a fault that acts as the given one for the first call for which
// that has an action, and for no other.
func Once(fault Fault) Fault {
	var done atomic.Bool
	return func(call Call) Action {
		if done.Load() {
			return Action{}
		}
		action := fault(call)
		if action == (Action{}) || !done.CompareAndSwap(false, true) {
			return Action{}
		}
		return action
	}
}

// faults are those injected in an engine.
type faults struct {
	mu      sync.Mutex
	active  []*Fault
	stopped bool
}

// Inject adds a fault and returns a function that removes it. A call meets the
// first of the engine's faults that returns an action for it, in the order in
// which they were injected.
func (e *Engine) Inject(fault Fault) (remove func()) {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	added := &fault
	e.faults.active = append(e.faults.active, added)
	return func() {
		e.faults.mu.Lock()
		defer e.faults.mu.Unlock()
		e.faults.active = slices.DeleteFunc(e.faults.active, func(f *Fault) bool { return f == added })
	}
}

// Resume serves calls again after a [Stop].
func (e *Engine) Resume() {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	e.faults.stopped = false
}

// decide returns what happens to a call.
func (f *faults) decide(call Call) Action {
	f.mu.Lock()
	stopped, active := f.stopped, slices.Clone(f.active)
	f.mu.Unlock()
	if stopped {
		return Action{Effect: Refuse}
	}
	for _, fault := range active {
		action := (*fault)(call)
		if action == (Action{}) {
			continue
		}
		if action.Effect == Stop {
			f.mu.Lock()
			f.stopped = true
			f.mu.Unlock()
		}
		return action
	}
	return Action{}
}

// exception returns the error that the action answers a call with, nil if it
// answers none.
func (a Action) exception(operation string, in request) *exception {
	switch a.Effect {
	case Throttle:
		return &exception{name: provisionedThroughput, message: "The level of configured provisioned throughput for the table " +
			"was exceeded. Consider increasing your provisioning level with the UpdateTable API."}
	case LimitRate:
		return &exception{name: throttling, message: "Rate of requests exceeds the allowed throughput."}
	case Fail, FailApplied:
		return &exception{name: internalServerError, message: "Internal server error"}
	case Conflict:
		transaction, ok := in.(interface{ actions() int })
		if !ok {
			return &exception{name: transactionConflict, message: "Transaction is ongoing for the item"}
		}
		reasons := make([]reason, transaction.actions())
		for i := range reasons {
			reasons[i].Code = reasonNone
		}
		if a.Position < len(reasons) {
			reasons[a.Position] = reason{Code: reasonConflict, Message: "Transaction is ongoing for the item"}
		}
		return cancelled(reasons)
	}
	return nil
}

// dropsBefore reports whether the connection is dropped before the operation.
func (a Action) dropsBefore() bool { return a.Effect == Refuse || a.Effect == Stop }

// runs reports whether the operation runs.
func (a Action) runs() bool {
	return a.Effect == NoEffect || a.Effect == DropReply || a.Effect == FailApplied || a.Effect == HangApplied
}

// hangs reports whether the call is never replied to.
func (a Action) hangs() bool { return a.Effect == Hang || a.Effect == HangApplied }
