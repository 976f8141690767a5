package idempotency

import (
	"context"
	"sync"
	"time"
)

// minExecution is the least time before the caller's deadline with which an
// execution begins.
const minExecution = 50 * time.Millisecond

// DeadlineMargin returns how long before its caller's deadline an execution's
// context ends: a second or a tenth of what is left, whichever is shorter. A
// handler that heeds its context then leaves time to record how it ended.
func DeadlineMargin(left time.Duration) time.Duration {
	return max(min(time.Second, left/10), 0)
}

// saturated bounds the durations that are configured, so that sums of them do not
// overflow.
const saturated = 90 * 365 * 24 * time.Hour

// lease is the time for which a call holds its key. The heartbeat moves its end
// while the execution and the completion of its result look at it.
type lease struct {
	mu sync.Mutex
	// record is what the store holds: claimed, then renewed.
	record Record
	// until is the end of the lease by the process's own timers, without the
	// allowance for skew.
	until time.Time
	// deadline is the caller's, which no lease outlasts, and runUntil the end of the
	// execution's context before it. Both are zero if there is no deadline.
	deadline, runUntil time.Time
}

// extend returns the record with a lease that begins now, and the lease's end. A
// record never expires before its lease, or a running operation would count as
// absent.
func (c *call) extend(r Record) (Record, time.Time) {
	d := c.cfg.Lease
	if !c.lease.deadline.IsZero() {
		d = max(min(d, time.Until(c.lease.deadline)), 0)
	}
	r.LeaseUntil = wholeMilliseconds(c.cfg.Clock().Add(d + c.cfg.Skew)) // condition: skew-allowance
	if r.Expires.Before(r.LeaseUntil) {                                 // condition: window-outlasts-lease
		r.Expires = wholeSeconds(r.LeaseUntil)
	}
	return r, time.Now().Add(d)
}

// held returns the record as it was last claimed or renewed, with the steps that
// are recorded.
func (c *call) held() Record {
	steps := c.steps.Load().all()
	c.lease.mu.Lock()
	defer c.lease.mu.Unlock()
	r := c.lease.record
	r.Steps = steps
	return r
}

func (c *call) setLease(r Record, until time.Time) {
	c.lease.mu.Lock()
	defer c.lease.mu.Unlock()
	c.lease.record, c.lease.until = r, until
}

// leaseIsOver reports whether this call's own lease is over. Other processes
// measure by the wall clock, and this one by timers, which may have stood still
// while it was frozen. The lease is over as soon as either says so.
func (c *call) leaseIsOver() bool {
	c.lease.mu.Lock()
	defer c.lease.mu.Unlock()
	return !time.Now().Before(c.lease.until) || !c.cfg.Clock().Add(c.cfg.Skew).Before(c.lease.record.LeaseUntil) // condition: own-lease-over
}

// outOfTime reports whether the caller's deadline is too near to begin.
func (l *lease) outOfTime() bool {
	return !l.deadline.IsZero() && time.Until(l.deadline) < minExecution
}

// checkEvery bounds how long a process that was frozen takes to notice that its
// lease is over.
const checkEvery = time.Second

// heartbeat renews a call's lease until it is stopped, which is when the result
// is recorded, and ends the execution's context when the lease is over.
type heartbeat struct {
	*call
	detached
	executing executing   // the context of the operation
	next      *time.Timer // fires when the lease is looked at
	due       time.Time   // when the lease is to be renewed; zero for never

	looking sync.Mutex // held while the lease is looked at
	stopped bool       // guarded by looking

	mu     sync.Mutex
	ended  bool               // no renewal begins any more
	giveUp context.CancelFunc // ends the renewal under way
}

// beat starts the heartbeat of a lease that was just claimed.
func (c *call) beat(ctx context.Context) *heartbeat {
	h := &heartbeat{call: c, detached: c.detach(ctx), due: c.renewalOf(c.lease.until)}
	h.looking.Lock() // until next is set
	h.next = time.AfterFunc(h.pause(), h.look)
	h.looking.Unlock()
	return h
}

// detached is the context of an execution. It does not end with the caller's
// context, but some time before that one's deadline, and with the lease of the
// execution that the caller itself belongs to.
type detached struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  context.CancelFunc // of the deadline, nil if there is none
	outer  func() bool        // nil if there is no outer execution
}

func (c *call) detach(ctx context.Context) (d detached) {
	d.ctx, d.cancel = context.WithCancelCause(c.lasting)
	if !c.lease.deadline.IsZero() {
		d.ctx, d.timer = context.WithDeadlineCause(d.ctx, c.lease.runUntil, ErrLeaseOver)
	}
	if outer, ok := FromContext(ctx); ok && outer.lease != nil {
		cancel := d.cancel
		d.outer = context.AfterFunc(outer.lease, func() {
			if cause := context.Cause(outer.lease); cause == ErrLeaseOver {
				cancel(cause)
			}
		})
	}
	return d
}

// end ends the context and releases what belongs to it.
func (d *detached) end() {
	d.cancel(context.Canceled)
	if d.timer != nil {
		d.timer()
	}
	if d.outer != nil {
		d.outer()
	}
}

// pause returns how long it is until the lease is to be looked at. The heartbeat
// alone changes the lease, and so reads it without a lock.
func (h *heartbeat) pause() time.Duration {
	pause := min(checkEvery, h.cfg.Lease/6, time.Until(h.lease.until))
	if !h.due.IsZero() {
		pause = min(pause, time.Until(h.due))
	}
	return max(pause, 0)
}

// look ends the execution's context if the lease is over, by whichever clock, and
// renews the lease if a third of it has passed. A renewal that fails is tried
// again soon; otherwise the lease ends as it was last known to.
func (h *heartbeat) look() {
	h.looking.Lock()
	defer h.looking.Unlock()
	if h.stopped {
		return
	}
	if h.leaseIsOver() || !h.due.IsZero() && !time.Now().Before(h.due) && !h.renew() { // condition: lease-noticed
		h.cancel(ErrLeaseOver)
		return
	}
	h.next.Reset(h.pause())
}

// renew moves the lease's end, and reports whether the lease is still held.
func (h *heartbeat) renew() bool {
	// A request that hangs must leave time for another one, and the lease may end
	// meanwhile.
	ctx, giveUp := context.WithTimeout(h.lasting, h.cfg.Lease/3)
	defer giveUp()
	h.mu.Lock()
	ended := h.ended
	h.giveUp = giveUp
	h.mu.Unlock()
	if ended {
		return true
	}
	held := h.held()
	renewed, until := h.extend(held)
	over := time.AfterFunc(time.Until(h.lease.until), func() { h.cancel(ErrLeaseOver) })
	defer over.Stop()
	own, err := renewOnce(ctx, h.cfg.Store, renewed)
	switch {
	case err != nil:
		h.due = time.Now().Add(h.cfg.Lease / 6)
	case own:
		h.setLease(renewed, until)
		h.due = h.renewalOf(until)
	}
	return own || err != nil
}

func renewOnce(ctx context.Context, store Store, r Record) (own bool, err error) {
	defer containStore(&err) // no request's goroutine is here to recover it
	return store.Renew(ctx, r)
}

// renewalOf returns when a lease is to be renewed that ends at the given time:
// when a third of it has passed, or never if it lasts until the caller's deadline.
func (c *call) renewalOf(until time.Time) time.Time {
	if !c.lease.deadline.IsZero() && !until.Before(c.lease.deadline) {
		return time.Time{}
	}
	return until.Add(-c.cfg.Lease / 3 * 2)
}

// stop ends the heartbeat. When it returns no renewal is under way.
func (h *heartbeat) stop() {
	h.end()
	h.next.Stop()
	h.mu.Lock()
	h.ended = true
	if h.giveUp != nil {
		h.giveUp()
	}
	h.mu.Unlock()
	h.looking.Lock()
	defer h.looking.Unlock()
	h.stopped = true
	h.next.Stop()
}
