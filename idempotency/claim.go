package idempotency

import (
	"context"
	mathrand "math/rand/v2"
	"time"
)

// maxClaims bounds the claims of one call. Each that fails although the key
// looked free shows another owner's progress, so more than a few mean that the
// key is busy.
const maxClaims = 5

// claim makes this call the owner of the key and returns nil, or returns the
// record that stands in the way. tookOver tells that an earlier execution was
// interrupted.
func (c *call) claim(ctx context.Context) (existing *Record, tookOver bool, err error) {
	waitUntil := time.Now().Add(c.cfg.Wait)
	var observed *Record
	for attempt := 1; ; attempt++ {
		claim := c.newClaim(ctx, observed)
		c.asked = claim.Now
		existing, err = c.cfg.Store.Claim(ctx, claim)
		if err != nil {
			c.abandon(ctx, observed != nil)
			return nil, false, err
		}
		if existing == nil && c.leaseIsOver() {
			// The reply took longer than the lease that it grants: somebody else may
			// have taken over already.
			c.abandon(ctx, observed != nil)
			return nil, false, ErrLeaseOver
		}
		if existing == nil {
			if observed != nil {
				c.observe(ctx, ObservedTakenOver, nil)
			}
			return nil, observed != nil, nil
		}
		refusing := existing
		if existing, observed = c.wait(ctx, existing, waitUntil), nil; existing == nil {
			continue // it was released while we waited
		}
		switch {
		case !c.interrupted(existing, c.cfg.Clock()):
			return existing, false, nil
		case attempt >= maxClaims:
			return refusing, false, nil
		case existing.Owner == c.owner: // taken over under every policy, for nothing ran
		case c.cfg.Recovery == Refuse && existing == refusing && c.interrupted(existing, c.asked):
			return existing, false, nil
		case c.cfg.Recovery == Refuse:
			continue // its lease was over by now, but may have been renewed since we asked
		}
		observed = existing
	}
}

func (c *call) newClaim(ctx context.Context, observed *Record) Claim {
	now := c.cfg.Clock()
	lease := c.cfg.Lease
	if deadline, ok := ctx.Deadline(); ok {
		lease = max(time.Until(deadline), 0)
	}
	c.record = Record{
		ID:          c.Key.ID(),
		Status:      InProgress,
		Owner:       c.owner,
		Fingerprint: c.Fingerprint,
		Expires:     wholeSeconds(now.Add(c.cfg.Window)),
	}
	c.extend(lease)
	return Claim{Record: c.record, Now: now, TakeOver: observed}
}

// extend makes the lease end in d from now. A record never expires before its
// lease, or a running operation would count as absent.
func (c *call) extend(d time.Duration) {
	c.deadline = time.Now().Add(d)
	c.record.LeaseUntil = wholeMilliseconds(c.cfg.Clock().Add(d + c.cfg.Skew))
	if c.record.Expires.Before(c.record.LeaseUntil) {
		c.record.Expires = wholeSeconds(c.record.LeaseUntil)
	}
}

// leaseIsOver tells whether this call's own lease is. Others count by the wall
// clock and the process by one that may have stood still while it was frozen;
// whichever says so first is right.
func (c *call) leaseIsOver() bool {
	return !time.Now().Before(c.deadline) || !c.cfg.Clock().Add(c.cfg.Skew).Before(c.record.LeaseUntil)
}

// interrupted tells whether the lease that r shows was over at the given time.
// Its owner must then have died if that is when the store was asked for r, or
// before; later than that the lease may have been renewed. An earlier claim of
// this call, of which a copy has arrived late, is over at any time.
func (c *call) interrupted(r *Record, at time.Time) bool {
	return r.Status == InProgress && r.Fingerprint == c.Fingerprint && (r.Owner == c.owner || at.After(r.LeaseUntil))
}

const (
	firstPoll = 25 * time.Millisecond
	maxPoll   = 500 * time.Millisecond
)

// wait polls for the end of the execution that r shows, until the given time,
// and returns the record as last seen or nil if it is gone. A request for
// something else, or a client that is gone, does not wait.
func (c *call) wait(ctx context.Context, r *Record, until time.Time) *Record {
	for poll := firstPoll; c.running(r); poll = min(2*poll, maxPoll) {
		left := time.Until(until)
		if left <= 0 {
			break
		}
		select {
		case <-ctx.Done():
			return r
		case <-time.After(min(left, poll/2+mathrand.N(poll/2))):
		}
		if latest, err := c.cfg.Store.Load(ctx, r.ID); err == nil {
			if latest == nil || !c.cfg.Clock().Before(latest.Expires) {
				return nil
			}
			r = latest
		}
	}
	return r
}

// running tells whether r shows an execution of this very request whose lease
// runs.
func (c *call) running(r *Record) bool {
	return r.Status == InProgress && r.Fingerprint == c.Fingerprint && !c.interrupted(r, c.cfg.Clock())
}

// abandon gives up a claim that failed but may have been written for all we
// know: nothing will run under it, so it should not keep the key locked. One
// attempt is enough, for the caller waits and the lease ends by itself. The
// claim's own error is the one reported.
func (c *call) abandon(ctx context.Context, takingOver bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), minPersist)
	defer cancel()
	if takingOver && c.cfg.Recovery != Reexecute {
		_ = c.interrupt(ctx) // what was interrupted before us still is
		return
	}
	_ = c.cfg.Store.Release(ctx, c.record.ID, c.owner)
}

// Records keep leases in milliseconds and windows in seconds, rounded up.

func wholeMilliseconds(t time.Time) time.Time { return roundUp(t, time.Millisecond) }

func wholeSeconds(t time.Time) time.Time { return roundUp(t, time.Second) }

func roundUp(t time.Time, unit time.Duration) time.Time {
	if down := t.Truncate(unit); down.Before(t) {
		return down.Add(unit)
	}
	return t.Round(0) // without the monotonic clock, which no store keeps
}
