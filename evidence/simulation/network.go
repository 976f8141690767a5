package simulation

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

var (
	errCrashed    = errors.New("simulation: the process has crashed")
	errConnection = errors.New("simulation: the connection broke")
	errBusy       = errors.New("simulation: the store is busy")
)

// message is one request to the store.
type message struct {
	process *process
	call    *call
	label   string // what it asks, the same in every run of the seed
	nth     int    // counts the call's messages of this label
	claims  bool
	// apply is what the store does with it, and returns the reply.
	apply func(dynamolocal.Effect) any

	reply     chan any      // an error if the connection broke
	abandoned atomic.Bool   // its sender does not wait any more
	sent      time.Duration // when
}

// network takes messages to the store.
type network interface {
	carry(*message)
}

// send takes a request to the store and its reply back.
func send[T any](ctx context.Context, detail string, apply func(dynamolocal.Effect) T) (reply T, err error) {
	o := operationFrom(ctx)
	w, p := o.call.world, o.call.process
	if p.dead.Load() {
		return reply, errCrashed
	}
	m := &message{
		process: p, call: o.call, label: o.name + detail, claims: o.name == "Claim" && detail != "/GetItem",
		apply: func(e dynamolocal.Effect) any { return apply(e) },
		reply: make(chan any, 1), sent: w.now(),
	}
	m.nth = o.call.count(m.label)
	w.network.carry(m)
	select {
	case r := <-m.reply:
		if err, broken := r.(error); broken {
			return reply, err
		}
		return r.(T), nil
	case <-ctx.Done():
		m.abandoned.Store(true)
		return reply, ctx.Err()
	case <-p.gone:
		m.abandoned.Store(true)
		return reply, errCrashed
	}
}

// deliver lets the store do what the message, or a copy of it, asks. The reply is
// to be handed to answer or to nobody.
func (w *world) deliver(m *message, effect dynamolocal.Effect) delivery {
	d := delivery{effect: effect, during: ledger.Span{From: w.now()}}
	d.reply = m.apply(effect)
	d.during.To = w.now()
	if w.Trace {
		w.note(m.call.ID, "store: %s.%d: %s", m.label, m.nth, describe(d.reply))
	}
	return d
}

// delivery is what a message did to the store.
type delivery struct {
	effect dynamolocal.Effect
	during ledger.Span
	reply  any
}

// answer hands the reply to the sender, unless it is lost on the way.
func (w *world) answer(m *message, d delivery, lost bool) {
	if lost || m.abandoned.Load() || d.effect == dynamolocal.FailApplied {
		w.forget(m, d)
	}
	if lost {
		m.reply <- errConnection
		return
	}
	m.reply <- d.reply
}

// forget enters that nobody has learned what became of the message.
func (w *world) forget(m *message, d delivery) {
	if m.claims {
		m.call.claimedBlindly(d.during)
	}
}

// describe tells of a reply what is the same in every run of a seed.
func describe(reply any) string {
	if d, ok := reply.(interface{ describe() string }); ok {
		return d.describe()
	}
	return fmt.Sprintf("%T", reply)
}
