package simulation

import (
	"time"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// fate is what happens to a message on its way to the store and back.
type fate struct {
	there, back time.Duration
	// lost drops the message, lostReply the reply: the sender is told that the
	// connection broke, and cannot tell which.
	lost, lostReply bool
	// late tells the sender that the connection broke while the message is still
	// under way.
	late bool
	// hung lets the sender wait for ever: it has a time limit of its own. The
	// message is lost as well, or is not.
	hung bool
	// again, if positive, lets a copy arrive so much later.
	again time.Duration
	// effect is the store's own failure.
	effect dynamolocal.Effect
}

// fateOf draws the fate of a message. Once the world is healed none is bad.
func (w *world) fateOf(m *message) fate {
	r := draw(w.Seed, m.label, m.call.ID, m.nth)
	unit := w.set.unit
	f := fate{there: between(r, unit, 0.001, 0.02), back: between(r, unit, 0.001, 0.02)}
	if w.healed.Load() {
		return f
	}
	if w.isCut(m.process.machine) {
		f.there, f.lost = between(r, unit, 0.5, 4), true
		return f
	}
	if !chance(r, w.set.hostility) {
		return f
	}
	switch r.IntN(10) {
	case 0:
		f.lost = true
	case 1:
		f.lostReply = true
	case 2:
		f.lost, f.there = true, between(r, unit, 1, 15)
	case 3:
		f.lostReply, f.back = true, between(r, unit, 1, 15)
	case 4:
		f.late, f.there, f.back = true, between(r, unit, 0.1, 60), between(r, unit, 0.05, 5)
	case 5:
		f.again = between(r, unit, 0.01, pick(r, 1.0, 60))
	case 6:
		f.there, f.back = between(r, unit, 0.1, 20), between(r, unit, 0.1, 5)
	case 7:
		f.effect = pick(r, dynamolocal.Throttle, dynamolocal.LimitRate, dynamolocal.Fail, dynamolocal.FailApplied)
	case 8:
		f.effect = dynamolocal.Conflict
	case 9:
		f.hung, f.lost = w.set.limit > 0, chance(r, 0.5)
	}
	return f
}

func (w *world) isCut(machine int) bool {
	now := w.now()
	for _, c := range w.set.cuts {
		if c.machine == machine && c.from <= now && now < c.to {
			return true
		}
	}
	return false
}
