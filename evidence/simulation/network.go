package simulation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

var (
	errCrashed    = errors.New("simulation: the process has crashed")
	errConnection = errors.New("simulation: the connection broke")
	errBusy       = errors.New("simulation: the store is busy")
)

// message is one request to the store.
type message struct {
	process   *process
	call      *call
	operation string
	label     string // what it asks, the same in every run of the seed
	nth       int    // counts the call's messages of this label
	token     string // of the call when it was sent
	claims    bool
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
		process: p, call: o.call, operation: o.name, token: o.call.Token, label: o.name + detail, claims: o.name == "Claim" && detail != "/GetItem",
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
	from := w.book.Now()
	d := delivery{effect: effect, reply: m.apply(effect)}
	entry := ledger.Request{Call: m.call.Call, Label: strings.ToLower(m.operation), Token: m.token, Claims: m.claims, From: from}
	switch {
	case !w.book.Watched:
	case strings.HasSuffix(m.label, "/GetItem") || m.label == "Load": // changes nothing
		entry.After = w.book.Record(m.call.Key)
	default:
		entry.After = w.backing.look(m.call.id)
	}
	d.entry = w.book.Request(entry)
	if w.book.Watched && w.Mode == idempotency.Atomic {
		w.backing.collect(w)
	}
	if w.Trace {
		w.note(m.call.ID, "store: %s.%d: %s", m.label, m.nth, describe(d.reply))
	}
	return d
}

// delivery is what a message did to the store.
type delivery struct {
	effect dynamolocal.Effect
	reply  any
	entry  *ledger.Request
}

// answer hands the reply to the sender, unless it is lost on the way. What was
// delivered and not answered, the sender never learns of.
func (w *world) answer(m *message, d delivery, lost bool) {
	if !lost && !m.abandoned.Load() && d.effect != dynamolocal.FailApplied {
		w.book.Enter(func(ledger.Moment) { d.entry.Replied = true })
	}
	if lost {
		m.reply <- errConnection
		return
	}
	m.reply <- d.reply
}

// describe tells of a reply what is the same in every run of a seed.
func describe(reply any) string {
	if d, ok := reply.(interface{ describe() string }); ok {
		return d.describe()
	}
	return fmt.Sprintf("%T", reply)
}
