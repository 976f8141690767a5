package idempotency

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"
)

// Guard executes operations at most once per key, in leased mode: it claims
// the key, executes, and records the result, which duplicates are given. It is
// safe for concurrent use.
type Guard struct{ cfg Config }

// New returns a guard, or an error that names the field of cfg that is wrong.
func New(cfg Config) (*Guard, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Guard{cfg}, nil
}

// Request is what [Guard.Do] is asked to execute once.
type Request struct {
	Key         Key
	Fingerprint Fingerprint
}

// Result is what an execution leaves behind.
type Result struct {
	// Data is recorded and returned to duplicates, byte for byte.
	Data []byte
	// Discard says that the outcome must not be kept: the key is released, so
	// that a retry executes again. Data is still returned to this caller.
	Discard bool
}

// Outcome is how a call of [Guard.Do] ended.
type Outcome struct {
	// Data is the result: the execution's own or the recorded one.
	Data []byte
	// Replayed tells that Data was recorded by another execution.
	Replayed bool
	// Expires is the end of the key's window. It is also set beside an error,
	// and is then the earliest moment at which the key might be free.
	Expires time.Time
}

// Do executes run unless it has been executed for the key before, in which
// case the recorded result is returned.
//
// run's context carries the [Execution], is not cancelled when ctx is, because
// an effect once begun is better finished than lost, and ends with the lease:
// at ctx's deadline or, without one, after Config.Lease. An error or a panic
// from run releases the key and reaches the caller as it is.
//
// Without executing, Do returns [ErrPayloadMismatch], *[InProgressError],
// [ErrOutcomeUnknown], [ErrResultNotKept] or, where the store could not be
// asked, an error that wraps [ErrStore].
func (g *Guard) Do(ctx context.Context, req Request, run func(context.Context) (Result, error)) (Outcome, error) {
	if !req.Key.valid() {
		return Outcome{}, errors.New("idempotency: the request has no key; use NewKey")
	}
	if req.Fingerprint == "" {
		return Outcome{}, errors.New("idempotency: the request has no fingerprint; use NewFingerprint")
	}
	c := &call{Guard: g, Request: req, start: time.Now(), owner: rand.Text()}

	existing, err := c.claim(ctx)
	if err != nil {
		c.observe(ctx, ObservedStoreUnavailable, err)
		return Outcome{Expires: c.record.Expires}, fmt.Errorf("%w: %w", ErrStore, err)
	}
	if existing != nil {
		outcome, observed, err := c.answer(existing)
		c.observe(ctx, observed, nil)
		return outcome, err
	}
	return c.execute(ctx, run)
}

// call is one call of Do.
type call struct {
	*Guard
	Request
	start    time.Time
	owner    string
	record   Record    // what is claimed, then completed
	deadline time.Time // when the execution has to be over
}

// maxClaims bounds the attempts to take an interrupted execution over. Each
// that fails shows another owner's progress, so more than a few mean that the
// key is busy.
const maxClaims = 5

// claim makes this call the owner of the key and returns nil, or returns the
// record that stands in the way.
func (c *call) claim(ctx context.Context) (*Record, error) {
	var observed *Record
	for attempt := 1; ; attempt++ {
		existing, err := c.cfg.Store.Claim(ctx, c.newClaim(ctx, observed))
		if err != nil {
			c.abandon(ctx)
			return nil, err
		}
		if existing == nil {
			if observed != nil {
				c.observe(ctx, ObservedTakenOver, nil)
			}
			return nil, nil
		}
		if !c.interrupted(existing) || c.cfg.Recovery == Refuse || attempt == maxClaims {
			return existing, nil
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
	c.deadline = time.Now().Add(lease)
	leaseUntil := now.Add(lease + c.cfg.Skew).Truncate(time.Millisecond).Add(time.Millisecond)
	expires := now.Add(max(c.cfg.Window, lease+c.cfg.Skew)).Truncate(time.Second).Add(time.Second)
	c.record = Record{
		ID:          c.Key.ID(),
		Status:      InProgress,
		Owner:       c.owner,
		Fingerprint: c.Fingerprint,
		LeaseUntil:  leaseUntil,
		Expires:     expires,
	}
	return Claim{Record: c.record, Now: now, TakeOver: observed}
}

// interrupted tells whether the owner of r must have died.
func (c *call) interrupted(r *Record) bool {
	return r.Status == InProgress && r.Fingerprint == c.Fingerprint && !c.cfg.Clock().Before(r.LeaseUntil)
}

// answer is what a duplicate is told because of the record in its way.
func (c *call) answer(r *Record) (Outcome, Observation, error) {
	outcome := Outcome{Expires: r.Expires}
	switch {
	// The fingerprint comes first: what the record holds is none of the business
	// of a request that asks for something else.
	case r.Fingerprint != c.Fingerprint:
		return outcome, ObservedMismatch, ErrPayloadMismatch
	case r.Status == Completed && r.Data == nil:
		return outcome, ObservedNotKept, ErrResultNotKept
	case r.Status == Completed:
		outcome.Data, outcome.Replayed = r.Data, true
		return outcome, ObservedReplayed, nil
	case c.interrupted(r) && c.cfg.Recovery == Refuse:
		return outcome, ObservedOutcomeUnknown, ErrOutcomeUnknown
	default:
		return outcome, ObservedInProgress, &InProgressError{RetryAfter: max(r.LeaseUntil.Sub(c.cfg.Clock()), time.Millisecond)}
	}
}

func (c *call) execute(ctx context.Context, run func(context.Context) (Result, error)) (Outcome, error) {
	runCtx, cancel := context.WithDeadlineCause(context.WithoutCancel(ctx), c.deadline, ErrLeaseOver)
	defer cancel()

	returned := false
	defer func() {
		if !returned { // run panicked or left by runtime.Goexit
			c.release(ctx)
			c.observe(ctx, ObservedReleased, errors.New("idempotency: the execution panicked"))
		}
	}()
	result, err := run(withExecution(runCtx, Execution{c.Key, c.owner}))
	returned = true

	outcome := Outcome{Data: result.Data, Expires: c.record.Expires}
	if err != nil || result.Discard {
		c.release(ctx)
		c.observe(ctx, ObservedReleased, err)
		return outcome, err
	}
	return c.complete(ctx, outcome)
}

// complete records the result. Whatever becomes of that, the effect has
// happened, and the caller is told so: an error would only provoke a second
// execution.
func (c *call) complete(ctx context.Context, outcome Outcome) (Outcome, error) {
	completed := c.record
	completed.Status = Completed
	completed.Data = outcome.Data
	if completed.Data == nil {
		completed.Data = []byte{}
	}
	if len(completed.Data) > c.cfg.MaxResult {
		completed.Data = nil
		c.observe(ctx, ObservedOversized, nil)
	}

	var winner *Record
	err := c.persist(ctx, c.cfg.CompletionTimeout, func(ctx context.Context) (err error) {
		winner, err = c.cfg.Store.Complete(ctx, completed)
		return err
	})
	switch {
	case err != nil:
		c.observe(ctx, ObservedCompletionFailed, err)
	case winner == nil:
		c.observe(ctx, ObservedExecuted, nil)
	default:
		c.observe(ctx, ObservedLeaseLost, nil)
		// The winner's response is the one on record; all callers should see the
		// same. A winner that was asked for something else has none for us.
		if winner.Fingerprint == c.Fingerprint && c.cfg.Clock().Before(winner.Expires) {
			outcome, _, err := c.answer(winner)
			return outcome, err
		}
	}
	return outcome, nil
}

// release gives the key up, so that a retry can execute. Where that fails the
// key stays claimed until the lease is over.
func (c *call) release(ctx context.Context) {
	err := c.persist(ctx, c.cfg.CompletionTimeout, func(ctx context.Context) error {
		return c.cfg.Store.Release(ctx, c.record.ID, c.owner)
	})
	if err != nil {
		c.observe(ctx, ObservedReleaseFailed, err)
	}
}

// abandon releases a claim that failed but may have been written for all we
// know: nothing will run under it, so it should not keep the key locked. One
// attempt is enough, for the caller waits and the lease ends by itself.
func (c *call) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), minPersist)
	defer cancel()
	_ = c.cfg.Store.Release(ctx, c.record.ID, c.owner) // the claim's own error is the one reported
}

const (
	firstBackoff = 20 * time.Millisecond
	maxBackoff   = time.Second
	minPersist   = 500 * time.Millisecond
)

// persist repeats step until it succeeds or the limit has passed, which is
// lowered where ctx ends soon. Its cancellation stops nothing: a client that
// hung up has still caused the effect that is to be remembered.
func (c *call) persist(ctx context.Context, limit time.Duration, step func(context.Context) error) error {
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(min(limit, time.Until(deadline)*3/4), minPersist)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()

	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		err := step(ctx)
		if err == nil {
			return nil
		}
		// Full jitter: those who failed together must not return together.
		select {
		case <-time.After(mathrand.N(backoff)):
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return err
		}
	}
}

func (c *call) observe(ctx context.Context, o Observation, err error) {
	c.cfg.Observer.Observe(ctx, Event{
		Observation: o,
		Operation:   c.Key.Operation(),
		ID:          c.Key.ID(),
		Duration:    time.Since(c.start),
		Err:         err,
	})
}
