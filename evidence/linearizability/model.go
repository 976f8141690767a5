package linearizability

import (
	"fmt"

	"github.com/anishathalye/porcupine"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// action is what a step of a call does to its key.
type action string

const (
	// grant makes the call the owner of the key: between its begin and the start
	// of its execution.
	grant action = "claim"
	// record replaces the owner's claim by the result: between the end of the
	// execution and the call's answer. In atomic mode it is the only step.
	record action = "record"
	// release frees the key if the call is its owner.
	release action = "release"
	// answer is what a duplicate was told, which must be true of the key at one
	// moment between the call's begin and its end.
	answer action = "answer"
)

// step is a part of a call that happens at one moment; a call that executes in
// leased mode is two of them.
type step struct {
	call   *ledger.Call
	action action
	// from and to enclose the moment.
	from, to ledger.Moment
	// unknown reports that nobody knows whether the step was taken at all.
	unknown bool
}

// steps splits a call. Blind are its claims that have reached the store without the
// call learning what became of them.
func steps(c *ledger.Call, blind []*ledger.Request, mode idempotency.Mode) (all []step) {
	if mode == idempotency.Atomic {
		switch {
		case c.Answer == ledger.Executed:
			return []step{{c, record, c.Began, c.Ended, false}}
		case c.Answer == ledger.Unavailable || c.Answer == ledger.Unknown || c.Answer == ledger.InProgress:
			// A conflict may be one with an attempt of the call's own.
			if n := len(c.Executions); n == 0 || !c.Executions[n-1].Keeps {
				return nil
			}
			return []step{{c, record, c.Began, ledger.Never, true}}
		case c.Answer == ledger.Replayed || c.Answer == ledger.Mismatch || c.Answer == ledger.NotKept:
			return []step{{c, answer, c.Began, c.Ended, false}}
		}
		return nil
	}
	for _, claim := range blind {
		all = append(all, step{c, grant, claim.From, claim.To, true})
	}
	if len(c.Executions) == 0 {
		switch c.Answer {
		case ledger.Unavailable, ledger.Unknown:
			return append(all, step{c, grant, c.Began, ledger.Never, true})
		}
		return append(all, step{c, answer, c.Began, c.Ended, false})
	}
	e := c.Executions[0]
	all = append(all, step{c, grant, c.Began, e.Started, false})
	switch c.Settlement {
	case ledger.Recorded:
		all = append(all, step{c, record, e.Finished, c.Ended, false})
	case ledger.MaybeRecorded:
		all = append(all, step{c, record, e.Finished, ledger.Never, true})
	case ledger.Released:
		all = append(all, step{c, release, e.Finished, c.Ended, false})
	case ledger.MaybeReleased:
		all = append(all, step{c, release, e.Finished, ledger.Never, true})
	case ledger.LeaseLost:
		if c.Answer != ledger.Executed { // it is if the winner has nothing for us
			all = append(all, step{c, answer, e.Finished, c.Ended, false})
		}
	case "": // crashed
		if e.Finished != ledger.Never && e.Keeps {
			all = append(all, step{c, record, e.Finished, ledger.Never, true})
		} else if e.Finished != ledger.Never {
			all = append(all, step{c, release, e.Finished, ledger.Never, true})
		}
	}
	return all
}

type status string

const (
	free     status = "free"
	held     status = "held"
	recorded status = "recorded"
)

// register is the state of one key.
type register struct {
	status  status
	owner   int // the call
	payload string
	expires ledger.Moment
	// live is until when the owner of a held key can act on its lease.
	live ledger.Moment
	// doubtful tells of a held key that its claim may be gone already.
	doubtful bool
	data     string
	kept     bool
}

// rules is the sequential specification of a key.
type rules struct{ ledger.Promise }

func (r rules) model() porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{register{status: free}} },
		Step: func(state, input, _ any) []any {
			s := input.(step)
			next, possible := r.take(state.(register), s)
			switch {
			case !s.unknown && !possible:
				return nil
			case !s.unknown:
				return []any{next}
			case possible && next != state:
				return []any{state, next}
			}
			return []any{state}
		},
		DescribeOperation: func(input, _ any) string { return input.(step).String() },
		DescribeState:     func(state any) string { return state.(register).String() },
	}
	return model.ToModel()
}

// take returns the state after the step, and whether it can be taken at all.
func (r rules) take(k register, s step) (register, bool) {
	c := s.call
	switch s.action {
	case grant:
		next := register{status: held, owner: c.ID, payload: c.Payload, expires: c.Expires, live: c.Live()}
		if s.unknown { // nobody executes under it, and its owner may take it back at any time
			next.live, next.expires, next.doubtful = s.to, ledger.Never, true
		}
		return next, r.grantable(k, s)
	case record:
		next := register{status: recorded, payload: c.Payload, expires: c.Expires, kept: !c.NotKept}
		if next.kept {
			next.data = c.Data
			if c.Answer != ledger.Executed {
				next.data = c.Executions[len(c.Executions)-1].Result
			}
		}
		own := k.status == held && k.owner == c.ID && r.Mode == idempotency.Leased
		return next, own || k.status == free || k.doubtful || r.passed(k, s.to)
	case release:
		if k.status != held || k.owner != c.ID {
			return k, true
		}
		return register{status: free}, true
	}
	return k, r.true(k, s)
}

// grantable reports whether the key can become the call's.
func (r rules) grantable(k register, s step) bool {
	switch {
	case k.status == free, r.passed(k, s.to):
		return true
	case k.status == recorded:
		return false
	case k.doubtful, k.owner == s.call.ID:
		return true
	}
	return (s.call.TookOver || s.unknown) && r.Recovery != idempotency.Refuse && k.payload == s.call.Payload && r.over(k, s)
}

// over reports whether the lease of a held key may be over for the call.
func (r rules) over(k register, s step) bool { return !r.SkewHeld || k.doubtful || s.to >= k.live }

// passed reports whether the window may have passed for somebody.
func (r rules) passed(k register, at ledger.Moment) bool {
	return k.status != free && (at == ledger.Never || at >= k.expires-r.Spread)
}

// true reports whether the answer is what the key says.
func (r rules) true(k register, s step) bool {
	c := s.call
	if k.status == free || c.Began-r.Spread >= k.expires {
		return false
	}
	same := k.payload == c.Payload
	switch c.Answer {
	case ledger.Replayed:
		return same && k.status == recorded && k.kept && k.data == c.Data
	case ledger.NotKept:
		return same && k.status == recorded && !k.kept
	case ledger.Mismatch:
		return !same
	case ledger.InProgress:
		return same && k.status == held
	case ledger.OutcomeUnknown:
		return same && k.status == held && r.Recovery == idempotency.Refuse && r.over(k, s)
	}
	return false
}

func (s step) String() string {
	text := fmt.Sprintf("call %d %s %s", s.call.ID, s.action, s.call.Payload)
	switch {
	case s.action == grant && s.call.TookOver:
		text += " (taking over)"
	case s.action == answer:
		text += " → " + string(s.call.Answer)
		if s.call.Answer == ledger.Replayed {
			text += fmt.Sprintf(" %.40s", s.call.Data)
		}
	}
	if s.unknown {
		text += " ?"
	}
	return text
}

func (k register) String() string {
	switch k.status {
	case held:
		text := fmt.Sprintf("held by %d for %s until %v", k.owner, k.payload, k.live)
		if k.doubtful {
			text += " ?"
		}
		return text
	case recorded:
		return fmt.Sprintf("recorded for %s: %.40s", k.payload, k.data)
	}
	return string(k.status)
}
