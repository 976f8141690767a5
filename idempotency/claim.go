package idempotency

import (
	"context"
	"errors"
	"time"
)

const (
	// maxClaims bounds the claims of one call. Each that fails although the key
	// looked free shows another owner's progress, so more than a few mean that the
	// key is busy.
	maxClaims = 5
	// maxAttempts bounds the requests for one claim whose reply the store has not
	// got in its own time limit.
	maxAttempts = 3
)

var errAllSlow = errors.New("idempotency: each record in the way had expired when it arrived")

// claim makes this call the owner of the key and returns nil, or returns the
// record that stands in the way. tookOver reports whether an earlier execution
// was interrupted.
func (c *call) claim(ctx context.Context) (existing *Record, tookOver bool, err error) {
	waitUntil := time.Now().Add(c.cfg.Wait)
	var observed *Record
	for attempt := 1; ; attempt++ {
		claim := c.newClaim(observed)
		c.asked = claim.Now
		if err := c.untimely(c.Request, c.asked); err != nil {
			return nil, false, err // it has become so while the call waited
		}
		existing, err = c.tryClaim(ctx, claim)
		if err != nil { // condition: claimed
			c.abandon(c.takesOver(observed))
			return nil, false, err
		}
		if existing == nil {
			err = c.readySeal(ctx)
			// The replies may have taken longer than the lease that was granted: somebody
			// else may have taken over already.
			switch {
			case err != nil:
			case c.lease.outOfTime():
				err = ErrNoTime
			case c.leaseIsOver(): // condition: claim-in-time
				err = ErrLeaseOver
			default:
				if observed != nil {
					c.observe(ctx, ObservedTakenOver, nil)
				}
				return nil, c.takesOver(observed), nil
			}
			c.abandon(c.takesOver(observed))
			return nil, false, err
		}
		refusing := existing
		if existing, observed = c.wait(ctx, existing, waitUntil), nil; existing == nil {
			continue // it was released while we waited
		}
		now := c.cfg.Clock()
		switch {
		// condition: reply-in-window
		case !now.Before(existing.Expires): // its window has passed since we asked
			if attempt >= maxClaims {
				return nil, false, errAllSlow
			}
			continue
		case !c.interrupted(existing, now):
			return existing, false, nil
		case attempt >= maxClaims:
			return refusing, false, nil
		// condition: late-own-claim
		case existing.Owner == c.owner: // taken over under every policy, for nothing ran
		case c.cfg.Recovery == Refuse && existing == refusing && c.interrupted(existing, c.asked):
			return existing, false, nil
		case c.cfg.Recovery == Refuse:
			continue // its lease was over by now, but may have been renewed since we asked
		}
		observed = existing
	}
}

// takesOver reports whether a claim for which the record was observed follows an
// execution that was interrupted. Nothing has run under an earlier claim of this call,
// of which a copy has arrived late.
func (c *call) takesOver(observed *Record) bool {
	return observed != nil && observed.Owner != c.owner // condition: interrupted-before
}

// tryClaim claims. A claim whose reply does not come is repeated as it is: if it
// was written after all, it meets itself, which is success.
func (c *call) tryClaim(ctx context.Context, claim Claim) (existing *Record, err error) {
	for range maxAttempts {
		if existing, err = c.claimOnce(ctx, claim); !timedOut(ctx, err) {
			break
		}
	}
	return existing, err
}

// claimOnce makes one request. A takeover brings the steps that are recorded.
func (c *call) claimOnce(ctx context.Context, claim Claim) (existing *Record, err error) {
	store, ok := c.cfg.Store.(StepStore)
	if claim.TakeOver == nil || !ok {
		return c.cfg.Store.Claim(ctx, claim)
	}
	recorded, existing, err := store.TakeOver(ctx, claim)
	if err == nil && existing == nil {
		follows := c.takesOver(claim.TakeOver)
		c.steps.Store(&steps{recorded: recorded, resumed: follows, kept: follows}) // condition: begun-step
	}
	return existing, err
}

func (c *call) newClaim(observed *Record) Claim {
	now := c.cfg.Clock()
	r, until := c.extend(Record{
		ID:          c.Key.ID(),
		Status:      InProgress,
		Owner:       c.owner,
		Claimed:     inMilliseconds(now),
		Fingerprint: c.Fingerprint,
		Expires:     wholeSeconds(now.Add(c.cfg.Window)),
	})
	c.setLease(r, until)
	return Claim{Record: r, Now: now, TakeOver: observed}
}

// interrupted reports whether the lease that r shows was over at the given time.
// Its owner must then have died if that is when the store was asked for r, or
// before; later than that the lease may have been renewed. An earlier claim of
// this call, of which a copy has arrived late, is over at any time.
func (c *call) interrupted(r *Record, at time.Time) bool {
	// condition: lease-over
	return r.Status == InProgress && r.Fingerprint == c.Fingerprint && (r.Owner == c.owner || at.After(r.LeaseUntil))
}

// running reports whether r shows an execution of this very request whose lease
// runs.
func (c *call) running(r *Record) bool {
	return r.Status == InProgress && r.Fingerprint == c.Fingerprint && !c.interrupted(r, c.cfg.Clock())
}

// abandon gives up a claim that failed, or came too late. It may have been
// written for all we know, and nothing will run under it, so it should not keep
// the key locked. One attempt is enough, because the caller waits and the lease
// ends by itself. The claim's own error is the one reported.
func (c *call) abandon(takingOver bool) {
	ctx, cancel := context.WithTimeout(c.lasting, minPersist)
	defer cancel()
	_, keepsSteps := c.cfg.Store.(StepStore)
	if takingOver && (c.cfg.Recovery != Reexecute || keepsSteps) { // condition: abandoned-takeover
		_ = c.interrupt(ctx) // what was interrupted before us still is
		return
	}
	_ = c.cfg.Store.Release(ctx, c.Key.ID(), c.owner)
}

// Records keep leases in milliseconds and windows in seconds, rounded up.

func wholeMilliseconds(t time.Time) time.Time { return roundUp(t, time.Millisecond) }

func wholeSeconds(t time.Time) time.Time { return roundUp(t, time.Second) }

// inMilliseconds returns t as a record keeps a moment that decides nothing.
func inMilliseconds(t time.Time) time.Time { return t.Truncate(time.Millisecond).Round(0) }

func roundUp(t time.Time, unit time.Duration) time.Time {
	if down := t.Truncate(unit); down.Before(t) {
		return down.Add(unit)
	}
	return t.Round(0) // without the monotonic clock, which no store keeps
}
