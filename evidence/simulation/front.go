package simulation

import (
	"context"
	"errors"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// front is the store as a guard sees it. It gives every call of a method a name,
// by which the network knows it, and holds repeated ones back: the guard draws
// its pauses from a generator that cannot be seeded, so a repeated call goes on
// when the longest pause that could have been drawn is over.
type front struct {
	world   *world
	process *process
	inner   idempotency.Store
}

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

// operation names a call of a store's method.
type operation struct {
	call    *call
	process *process
	name    string
}

type operationKey struct{}

func operationFrom(ctx context.Context) operation { return ctx.Value(operationKey{}).(operation) }

func (f front) named(ctx context.Context, name string) (context.Context, *call) {
	c := ctx.Value(callKey{}).(*call)
	return context.WithValue(ctx, operationKey{}, operation{c, f.process, name}), c
}

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

// settle is a method that the guard repeats until it succeeds.
func (f front) settle(ctx context.Context, name string, repeats func(error) bool, method func(context.Context) error) error {
	ctx, c := f.named(ctx, name)
	if f.process.dead.Load() {
		return errCrashed
	}
	if c.held.failures > 0 {
		if err := hold(ctx, c.held.failedAt, firstBackoff, maxBackoff, c.held.failures-1); err != nil {
			return err
		}
	}
	err := method(ctx)
	if repeats(err) {
		c.held.failures++
		c.held.failedAt = time.Now()
	}
	return err
}

func failed(err error) bool { return err != nil }

func (f front) Claim(ctx context.Context, claim idempotency.Claim) (existing *idempotency.Record, err error) {
	ctx, c := f.named(ctx, "Claim")
	c.Token = claim.Record.Owner
	existing, err = f.inner.Claim(ctx, claim)
	c.held.claimed, c.held.polls, c.held.polledAt = true, 0, time.Now()
	return existing, err
}

func (f front) Load(ctx context.Context, id string) (*idempotency.Record, error) {
	ctx, c := f.named(ctx, "Load")
	if !c.held.claimed { // not a poll
		return f.inner.Load(ctx, id)
	}
	if err := hold(ctx, c.held.polledAt, firstPoll, maxPoll, c.held.polls); err != nil {
		return nil, err
	}
	r, err := f.inner.Load(ctx, id)
	c.held.polls++
	c.held.polledAt = time.Now()
	return r, err
}

func (f front) Renew(ctx context.Context, r idempotency.Record) (held bool, err error) {
	if !r.LeaseUntil.IsZero() {
		ctx, _ = f.named(ctx, "Renew")
		return f.inner.Renew(ctx, r)
	}
	err = f.settle(ctx, "Interrupt", failed, func(ctx context.Context) (err error) {
		held, err = f.inner.Renew(ctx, r)
		return err
	})
	return held, err
}

func (f front) Complete(ctx context.Context, completed idempotency.Record) (winner *idempotency.Record, err error) {
	err = f.settle(ctx, "Complete", failed, func(ctx context.Context) (err error) {
		winner, err = f.inner.Complete(ctx, completed)
		return err
	})
	return winner, err
}

func (f front) Release(ctx context.Context, id, owner string) error {
	return f.settle(ctx, "Release", failed, func(ctx context.Context) error {
		return f.inner.Release(ctx, id, owner)
	})
}

// atomicFront is the front of an atomic store.
type atomicFront struct {
	front
	inner idempotency.AtomicStore
}

func (f atomicFront) Begin(ctx context.Context, a idempotency.Attempt) (context.Context, *idempotency.Record, error) {
	c := ctx.Value(callKey{}).(*call)
	c.held.failures, c.Token = 0, a.Record.Owner
	return f.inner.Begin(ctx, a)
}

func (f atomicFront) End(ctx context.Context) { f.inner.End(ctx) }

func (f atomicFront) Commit(ctx context.Context, completed idempotency.Record, now time.Time) (existing *idempotency.Record, err error) {
	conflicts := func(err error) bool { return errors.Is(err, idempotency.ErrConflict) }
	err = f.settle(ctx, "Commit", conflicts, func(ctx context.Context) (err error) {
		existing, err = f.inner.Commit(ctx, completed, now)
		return err
	})
	return existing, err
}
