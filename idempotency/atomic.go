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

// transact executes in Atomic mode. There is no claim that others see: until the
// transaction that holds both, neither effects nor record exist.
func (c *call) transact(ctx context.Context, run func(context.Context) (Result, error)) (Outcome, error) {
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
		outcome, refused, err := c.attempt(ctx, now, refusal, run)
		if refused != nil {
			refusal = refused
			continue
		}
		return outcome, err
	}
	err := fmt.Errorf("idempotency: gave up after %d plans: %w", maxPlans, refusal)
	c.observe(ctx, ObservedReleased, err)
	return Outcome{Expires: c.record.Expires}, err
}

// attempt executes once. refused is why the effects were refused, if they were:
// the execution then has to run again.
func (c *call) attempt(ctx context.Context, now time.Time, refusal error, run func(context.Context) (Result, error)) (outcome Outcome, refused, err error) {
	store := c.cfg.Store.(AtomicStore) // New has made sure
	// Each attempt has a token of its own: a copy of an earlier one's transaction
	// that arrives late has written another result than this one.
	c.owner = rand.Text()
	c.record.Owner = c.owner

	var execution context.Context
	existing, err := c.persevere(ctx, store, c.record, c.cfg.Wait, func() (existing *Record, err error) {
		execution, existing, err = store.Begin(ctx, Attempt{Record: c.record, Now: now, Refusal: refusal})
		return existing, err
	})
	if err != nil || existing != nil {
		outcome, err = c.obstructed(ctx, existing, err)
		return outcome, nil, err
	}
	defer store.End(execution)

	result, err := run(withExecution(execution, Execution{c.Key, c.owner}))
	outcome = Outcome{Data: result.Data, Expires: c.record.Expires}
	if err != nil || result.Discard {
		c.observe(ctx, ObservedReleased, err)
		return outcome, nil, err
	}
	completed := c.completed(ctx, result)
	existing, err = c.persevere(ctx, store, completed, c.timeLeft(ctx), func() (*Record, error) {
		return store.Commit(execution, completed, now)
	})
	switch {
	case errors.Is(err, ErrRefused):
		return Outcome{}, err, nil
	case err != nil || existing != nil:
		outcome, err = c.obstructed(ctx, existing, err)
		return outcome, nil, err
	}
	c.cache.put(&completed)
	c.observe(ctx, ObservedExecuted, nil)
	return outcome, nil, nil
}

// obstructed answers a call that cannot execute, or cannot write its effects:
// because of a record in its way, of another transaction, or of the store.
func (c *call) obstructed(ctx context.Context, existing *Record, err error) (Outcome, error) {
	switch {
	case errors.Is(err, ErrConflict):
		c.observe(ctx, ObservedInProgress, err)
		return Outcome{Expires: c.record.Expires}, &InProgressError{RetryAfter: maxBackoff}
	case err != nil:
		return c.unavailable(ctx, err)
	}
	c.remember(existing)
	return c.answer(ctx, existing)
}

// persevere repeats step for as long as others stand in its way, at most for the
// given time: two duplicates at once, of which the other one's record will soon be
// there. own is the record of this call.
func (c *call) persevere(ctx context.Context, store Store, own Record, atMost time.Duration, step func() (*Record, error)) (existing *Record, err error) {
	until := time.Now().Add(atMost)
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		existing, err = step()
		if !errors.Is(err, ErrConflict) {
			return existing, err
		}
		pause := mathrand.N(backoff)
		if time.Until(until) < pause {
			return c.settle(ctx, store, own, err)
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
// attempt of this call whose reply was lost. It returns what persevere does.
func (c *call) settle(ctx context.Context, store Store, own Record, conflict error) (existing *Record, err error) {
	r, err := store.Load(ctx, own.ID)
	switch {
	case err != nil || r == nil || r.Status != Completed || !c.cfg.Clock().Before(r.Expires):
		return nil, conflict
	case r.Owner == own.Owner:
		return nil, nil
	}
	return r, nil
}
