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
	// A client that hangs up stops nothing, as in Leased mode: what it asked for is
	// better done and recorded.
	executing := c.detach(ctx)
	defer executing.end()
	var refusal error
	for range maxPlans {
		outcome, refused, err := c.attempt(ctx, executing.ctx, refusal, run)
		if refused != nil {
			refusal = refused // condition: refusal-seen
			continue
		}
		return outcome, err
	}
	err := fmt.Errorf("idempotency: gave up after %d plans: %w", maxPlans, refusal)
	c.observe(ctx, ObservedReleased, err)
	return Outcome{Expires: c.held().Expires}, err
}

// attempt executes once. refused is why the effects were refused, if they were:
// the execution then has to run again.
func (c *call) attempt(ctx, executing context.Context, refusal error, run func(context.Context) (Result, error)) (outcome Outcome, refused, err error) {
	store := c.cfg.Store.(AtomicStore) // New has made sure
	// Each attempt has a token of its own: a copy of an earlier one's transaction
	// that arrives late has written another result than this one.
	c.owner = rand.Text()
	own := c.stamped()

	var execution context.Context
	existing, err := c.persevere(ctx, own, c.cfg.Wait, func(now time.Time) (existing *Record, err error) {
		execution, existing, err = store.Begin(executing, Attempt{Record: own, Now: now, Refusal: refusal})
		return existing, err
	})
	if err != nil || existing != nil {
		outcome, err = c.obstructed(ctx, existing, err)
		return outcome, nil, err
	}
	defer store.End(execution)
	if err := c.readySeal(ctx); err != nil {
		outcome, err = c.obstructed(ctx, nil, err)
		return outcome, nil, err
	}
	if refusal == nil {
		c.observe(ctx, ObservedBegan, nil)
	}
	result, err := c.plan(ctx, execution, run)
	if err != nil || result.Discard { // condition: atomic-discard
		c.observe(ctx, ObservedReleased, err)
		return Outcome{Data: result.Data, Expires: c.held().Expires}, nil, err
	}

	atMost, forOne := c.timeLeft(ctx), c.timeToCommit(ctx)
	ctx = context.WithoutCancel(ctx)
	completed := c.completed(ctx, c.stamped(), result)
	existing, err = c.persevere(ctx, completed, atMost, func(now time.Time) (*Record, error) {
		// What the store cannot keep is left out before the effects are.
		existing, err := c.commit(execution, store, completed, now, forOne)
		if errors.Is(err, ErrTooLarge) && completed.Data != nil {
			completed.Data = nil
			c.observe(ctx, ObservedOversized, err)
			existing, err = c.commit(execution, store, completed, now, forOne)
		}
		return existing, err
	})
	outcome = Outcome{Data: result.Data, Expires: completed.Expires}
	switch {
	case errors.Is(err, ErrRefused):
		return Outcome{}, err, nil
	case errors.Is(err, ErrPlan):
		c.observe(ctx, ObservedReleased, err)
		return outcome, nil, err
	case err != nil || existing != nil:
		outcome, err = c.obstructed(ctx, existing, err)
		return outcome, nil, err
	}
	c.cache.put(&completed, c.asked)
	c.observe(ctx, ObservedExecuted, nil)
	return outcome, nil, nil
}

// plan runs the execution, which has no effect yet.
func (c *call) plan(ctx, execution context.Context, run func(context.Context) (Result, error)) (Result, error) {
	returned := false
	defer func() {
		if !returned { // run panicked or left by runtime.Goexit
			c.observe(ctx, ObservedReleased, errPanicked)
		}
	}()
	result, err := run(withExecution(execution, Execution{key: c.Key, owner: c.owner, declared: &c.declared, call: c}))
	returned = true
	return c.conclude(execution, result, err)
}

// commit makes one request. It does not end with the execution's context, which
// may be over by now.
func (c *call) commit(execution context.Context, store AtomicStore, completed Record, now time.Time, atMost time.Duration) (*Record, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(execution), atMost)
	defer cancel()
	return store.Commit(ctx, completed, now)
}

// timeToCommit returns how long one request may take, if the store has no limit of
// its own. Config.CompletionTimeout, which bounds the repetitions, may be shorter.
func (c *call) timeToCommit(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return max(time.Until(deadline)/4*3, minPersist)
	}
	return max(c.cfg.CompletionTimeout, DefaultCompletionTimeout)
}

// stamped returns the record that is to be written, with a window that begins now:
// planning may have taken long.
func (c *call) stamped() Record {
	now := c.cfg.Clock()
	r := Record{
		ID:          c.Key.ID(),
		Status:      Completed,
		Owner:       c.owner, // condition: token-per-plan
		Claimed:     inMilliseconds(now),
		Fingerprint: c.Fingerprint,
		Expires:     wholeSeconds(now.Add(c.cfg.Window)),
	}
	c.setLease(r, time.Time{})
	return r
}

// obstructed ends a call that cannot execute, or cannot write its effects:
// because of a record in its way, of another transaction, or of the store.
func (c *call) obstructed(ctx context.Context, existing *Record, err error) (Outcome, error) {
	switch {
	case errors.Is(err, ErrConflict):
		c.observe(ctx, ObservedInProgress, err)
		return Outcome{Expires: c.held().Expires}, &InProgressError{RetryAfter: maxBackoff}
	case err != nil:
		return c.unavailable(ctx, err)
	}
	c.remember(existing)
	return c.answer(ctx, existing)
}

// persevere repeats step, with the time at which it is taken, for as long as
// others stand in its way, at most for the given time: two duplicates at once, of
// which the other one's record will soon be there. It also repeats a request that
// hung. own is the record of this call.
func (c *call) persevere(ctx context.Context, own Record, atMost time.Duration, step func(now time.Time) (*Record, error)) (existing *Record, err error) {
	until, hung := time.Now().Add(atMost), 0
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		c.asked = c.cfg.Clock()
		if err := c.untimely(c.Request, c.asked); err != nil { // it has become so meanwhile
			if hung > 0 {
				return c.settle(ctx, own, err)
			}
			return nil, err
		}
		existing, err = step(c.asked)
		switch {
		case timedOut(ctx, err):
			if hung++; hung < maxAttempts {
				continue
			}
			return nil, err
		case err == nil && existing != nil && !c.cfg.Clock().Before(existing.Expires):
			err = fmt.Errorf("%w: the record in the way has just expired", ErrConflict)
		case !errors.Is(err, ErrConflict):
			return existing, err
		}
		pause := mathrand.N(backoff)
		if time.Until(until) < pause {
			return c.settle(ctx, own, err)
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
func (c *call) settle(ctx context.Context, own Record, conflict error) (existing *Record, err error) {
	r, err := c.cfg.Store.Load(ctx, own.ID)
	switch {
	case err != nil || r == nil || r.Status != Completed || !c.cfg.Clock().Before(r.Expires):
		return nil, conflict
	case r.Owner == own.Owner: // condition: atomic-own-record
		return nil, nil
	}
	return r, nil
}
