package simulation

import (
	"context"
	"errors"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/intercept"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// The guard's pauses, which are drawn up to a limit that doubles.
const (
	firstBackoff = 20 * time.Millisecond
	maxBackoff   = time.Second
	firstPoll    = 25 * time.Millisecond
	maxPoll      = 500 * time.Millisecond
)

// holding is what a call needs to know to hold back.
type holding struct {
	polls    int
	claimed  bool
	polledAt time.Time
	failures int // in a row, of what settles the call
	failedAt time.Time
}

// operation names a call of a store's method, the same for all by which the guard
// claims.
type operation struct {
	call    *call
	process *process
	name    string
}

type operationKey struct{}

func operationFrom(ctx context.Context) operation { return ctx.Value(operationKey{}).(operation) }

// hold waits until the limit after since.
func hold(ctx context.Context, since time.Time, first, most time.Duration, times int) error {
	limit := first
	for range times {
		limit = min(2*limit, most)
	}
	timer := time.NewTimer(time.Until(since.Add(limit)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// front stands between the process's guard and its store. It gives every call of a
// method a name, by which the network knows it, and holds repeated ones back: the
// guard draws its pauses from a generator that cannot be seeded, so a repeated call
// goes on when the longest pause that could have been drawn is over.
func (p *process) front(ctx context.Context, r intercept.Request, next intercept.Next) (reply any, err error) {
	c := ctx.Value(callKey{}).(*call)
	name := r.Name
	switch name {
	case "Begin":
		c.held.failures, c.Token = 0, r.Record.Owner
		return next(ctx)
	case "TakeOver":
		name = "Claim"
	}
	ctx = context.WithValue(ctx, operationKey{}, operation{c, p, name})
	switch name {
	case "Claim":
		c.Token = r.Record.Owner
		reply, err = next(ctx)
		c.held.claimed, c.held.polls, c.held.polledAt = true, 0, time.Now()
		return reply, err
	case "Load":
		if !c.held.claimed { // not a poll
			return next(ctx)
		}
		if err := hold(ctx, c.held.polledAt, firstPoll, maxPoll, c.held.polls); err != nil {
			return nil, err
		}
		reply, err = next(ctx)
		c.held.polls++
		c.held.polledAt = time.Now()
		return reply, err
	case "Renew":
		return next(ctx)
	}
	// What is left the guard repeats until it succeeds.
	if p.dead.Load() {
		return nil, errCrashed
	}
	if c.held.failures > 0 {
		if err := hold(ctx, c.held.failedAt, firstBackoff, maxBackoff, c.held.failures-1); err != nil {
			return nil, err
		}
	}
	reply, err = next(ctx)
	if err != nil && (name != "Commit" || errors.Is(err, idempotency.ErrConflict)) {
		c.held.failures++
		c.held.failedAt = time.Now()
	}
	return reply, err
}
