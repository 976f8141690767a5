package idempotency

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"
)

// maxPlans bounds how often an execution plans anew after a refusal.
const maxPlans = 3

// transact executes in Atomic mode. There is no claim: until the transaction
// that holds both, neither effects nor record exist.
func (c *call) transact(ctx context.Context, run func(context.Context) (Result, error)) (Outcome, error) {
	store := c.cfg.Store.(AtomicStore) // New has made sure
	now := c.cfg.Clock()
	c.asked = now
	c.record = Record{
		ID:          c.Key.ID(),
		Status:      Completed,
		Fingerprint: c.Fingerprint,
		Expires:     wholeSeconds(now.Add(c.cfg.Window)),
	}
	var refusal error
	for range maxPlans {
		// Each plan has a token of its own: a copy of an earlier one's transaction
		// that arrives late has written another result than this one.
		c.owner = rand.Text()
		c.record.Owner = c.owner
		planning := store.Begin(ctx, refusal)
		result, err := run(withExecution(planning, Execution{c.Key, c.owner}))
		outcome := Outcome{Data: result.Data, Expires: c.record.Expires}
		if err != nil || result.Discard {
			c.observe(ctx, ObservedReleased, err)
			return outcome, err
		}
		existing, err := c.commit(planning, store, c.completed(ctx, result), now)
		switch {
		case errors.Is(err, ErrRefused):
			refusal = err
			continue
		case errors.Is(err, ErrConflict):
			c.observe(ctx, ObservedInProgress, err)
			return outcome, &InProgressError{RetryAfter: maxBackoff}
		case err != nil:
			return c.unavailable(ctx, err)
		case existing != nil:
			c.remember(existing)
			return c.answer(ctx, existing)
		}
		c.observe(ctx, ObservedExecuted, nil)
		return outcome, nil
	}
	err := fmt.Errorf("idempotency: gave up after %d plans: %w", maxPlans, refusal)
	c.observe(ctx, ObservedReleased, err)
	return Outcome{Expires: c.record.Expires}, err
}

// commit repeats the transaction for as long as others stand in its way: two
// duplicates at once, of which the other one's record will soon be there.
func (c *call) commit(ctx context.Context, store AtomicStore, completed Record, now time.Time) (existing *Record, err error) {
	until := time.Now().Add(c.timeLeft(ctx))
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		existing, err = store.Commit(ctx, completed, now)
		if err == nil && existing == nil {
			c.cache.put(&completed)
		}
		if !errors.Is(err, ErrConflict) {
			return existing, err
		}
		pause := mathrand.N(backoff)
		if time.Until(until) < pause {
			return c.settle(ctx, store, completed, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// settle asks for the record before the call gives up because of a conflict:
// what stood in the way may since have been written, or have been an earlier
// attempt of this call whose reply was lost. It returns what commit does.
func (c *call) settle(ctx context.Context, store Store, completed Record, conflict error) (existing *Record, err error) {
	r, err := store.Load(ctx, completed.ID)
	switch {
	case err != nil || r == nil || r.Status != Completed || !c.cfg.Clock().Before(r.Expires):
		return nil, conflict
	case r.Owner == completed.Owner:
		c.cache.put(&completed)
		return nil, nil
	}
	return r, nil
}
