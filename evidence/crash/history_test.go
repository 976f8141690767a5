package crash_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// What processes do is entered in the book.

// asks enters a call.
func (p *process) asks(r request) *ledger.Call {
	window := idempotency.DefaultWindow
	if p.world.window > 0 {
		window = p.world.window
	}
	c := p.world.book.Open(ledger.Call{
		Name: p.name, Process: p.n, Key: p.key.ID(), Payload: r.payload, For: p.caller, Effects: p.world.path.effects(), Free: r.free,
	}, window)
	p.asked.Store(c)
	return c
}

// claims enters the fencing token under which the call asks the store.
func (p *process) claims(token string) {
	p.world.book.Enter(func(ledger.Moment) { p.asked.Load().Token = token })
}

// executes enters an execution, unless it has begun with its reconciliation, and
// returns what enters its end.
func (p *process) executes(ctx context.Context) (ends func(result idempotency.Result, keeps bool)) {
	c, book := p.asked.Load(), p.world.book
	var x *ledger.Execution
	book.Enter(func(now ledger.Moment) {
		if n := len(c.Executions); n > 0 && c.Executions[n-1].Finished == ledger.Never {
			x = c.Executions[n-1]
			return
		}
		e, _ := idempotency.FromContext(ctx)
		x = &ledger.Execution{Token: e.FencingToken(), Started: now, Finished: ledger.Never, LeaseOver: ledger.Never}
		c.Executions = append(c.Executions, x)
	})
	context.AfterFunc(ctx, func() {
		book.Enter(func(now ledger.Moment) {
			if p.world.policy.mode == idempotency.Leased && x.Finished == ledger.Never && !p.dead.Load() {
				x.LeaseOver = min(x.LeaseOver, now)
			}
		})
	})
	return func(result idempotency.Result, keeps bool) {
		if p.dead.Load() {
			return
		}
		data := string(result.Data) // the caller may write over its own
		book.Enter(func(now ledger.Moment) { x.Finished, x.Result, x.Keeps = now, data, keeps })
	}
}

// interrupted enters that something has come between the call's effect and its
// record.
func (p *process) interrupted() {
	p.world.book.Enter(func(ledger.Moment) { p.asked.Load().Interrupted = true })
}

// happens enters an effect of that name, and returns its receipt.
func (p *process) happens(e idempotency.Execution, name string) string {
	id := p.world.number()
	p.world.book.Happen(ledger.Effect{ID: id, Name: name, Derived: e.DerivedKey(name), Call: p.asked.Load(), Token: e.FencingToken()})
	receipt := ledger.Receipt(id, p.caller)
	if p.world.path.steps > 0 {
		p.tell("effect of the step %s: %s", name, receipt)
	} else {
		p.tell("effect: %s", receipt)
	}
	return receipt
}

// number is one that no receipt bears yet.
func (w *world) number() string { return fmt.Sprint(w.receipts.Add(1)) }

// apply serves a request, and enters what has come of it. It returns what enters
// that the reply was seen.
func (w *world) apply(p *process, label string, serve func()) (replied func()) {
	w.requests.Lock()
	defer w.requests.Unlock()
	serve()
	c, entry := p.asked.Load(), ledger.Request{Label: label, After: w.backend.look(p.key.ID())}
	w.book.Enter(func(ledger.Moment) {
		if entry.Call, entry.Token = c, c.Token; entry.After.Owner == c.Token && c.Token != "" {
			c.Expires = w.book.At(time.UnixMilli(entry.After.Expires))
		}
	})
	r := w.book.Request(entry)
	if w.follow != nil {
		p.tell("%s", w.describe(r))
	}
	for _, row := range w.backend.effects() {
		c := w.owner(row.token)
		if w.book.Discover(ledger.Effect{ID: row.id, Name: stepNames[0], Call: c, Token: row.token}) {
			p.tell("effect, in the same transaction: %s", ledger.Receipt(row.id, c.For))
		}
	}
	return func() { w.book.Enter(func(ledger.Moment) { r.Replied = true }) }
}

// owner returns the call that has made a request with a fencing token, nil if none
// has.
func (w *world) owner(token string) *ledger.Call {
	for _, r := range w.book.Requests() {
		if r.Token == token {
			return r.Call
		}
	}
	return nil
}

// answers enters what the caller is told, and tells it in the given words, or if
// there are none in those for all answers.
func (p *process) answers(c *ledger.Call, answer ledger.Answer, data, text string) {
	p.step("answer", func() {
		p.world.book.Enter(func(now ledger.Moment) { c.Answer, c.Data, c.Ended = answer, data, now })
		if p.world.follow != nil {
			p.tell("%s", cmp.Or(text, "answers: "+p.world.answer(c)))
		}
	})
}

// verdict is the answer to a call, which is found if it names effects that others
// have had.
func (w *world) verdict(c *ledger.Call) string {
	if c.Answer != ledger.Executed || w.had(c) {
		return string(c.Answer)
	}
	return "reconciled"
}

// had reports whether a call has had an effect.
func (w *world) had(c *ledger.Call) bool {
	return slices.ContainsFunc(w.book.Effects(c.Key), func(e *ledger.Effect) bool { return e.Call == c })
}

// answer is the answer to a call in words.
func (w *world) answer(c *ledger.Call) string {
	switch receipts := ledger.ReceiptsIn(c.Data); {
	case c.Answer == ledger.InProgress:
		return fmt.Sprintf("in progress, retry after %v", c.RetryAfter.Round(time.Second))
	case c.Answer == ledger.Strange:
		return c.Data
	case len(receipts) > 0:
		return fmt.Sprintf("%s, %q", w.verdict(c), receipts[0])
	case c.Data != "":
		return fmt.Sprintf("%s, %q", w.verdict(c), strings.TrimSpace(c.Data))
	}
	return w.verdict(c)
}

// observer enters what the guard of a process observes.
type observer struct{ p *process }

func (o observer) Observe(_ context.Context, e idempotency.Event) {
	if o.p.dead.Load() {
		return
	}
	o.p.world.book.Enter(func(ledger.Moment) { o.p.asked.Load().Observe(e) })
}
