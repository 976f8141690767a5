package idempotency

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"
)

var (
	errPanicked = errors.New("idempotency: the execution panicked")
	errNotFreed = errors.New("idempotency: the result was discarded, but a step is recorded, or may have begun in an earlier execution, so the next execution resumes")
)

// execute runs the operation under the lease that was claimed, and settles the
// key by how it ended.
func (c *call) execute(ctx context.Context, run func(context.Context) (Result, error), tookOver bool) (Outcome, error) {
	c.observe(ctx, ObservedBegan, nil)
	heartbeat := c.beat(ctx)
	defer heartbeat.stop() // once the result is recorded
	c.beating = heartbeat
	returned := false
	defer func() {
		if !returned { // run panicked or left by runtime.Goexit
			heartbeat.stop()
			if discard, failure := c.declared.read(); discard && failure == nil {
				c.release(ctx, errPanicked)
			} else {
				c.fail(ctx, errPanicked)
			}
		}
	}()
	result, err := c.run(heartbeat.ctx, run, tookOver)
	returned = true
	heartbeat.end()

	outcome := Outcome{Data: result.Data, Expires: c.held().Expires}
	switch {
	case result.Discard:
		heartbeat.stop()
		c.release(ctx, err)
		return outcome, err
	case err != nil:
		heartbeat.stop()
		c.fail(ctx, err)
		return outcome, err
	}
	return c.complete(ctx, result)
}

// run runs the operation or, if an interrupted execution has had its effect, finds
// its result.
func (c *call) run(ctx context.Context, run func(context.Context) (Result, error), tookOver bool) (Result, error) {
	if tookOver && c.cfg.Recovery == Reconcile { // condition: reconcile-first
		found, err := c.Reconcile(withExecution(ctx, Execution{key: c.Key, owner: c.owner, declared: &c.declared}))
		if err == nil && !found.Completed && (ctx.Err() != nil || c.leaseIsOver()) { // condition: reconciled-in-time
			err = ErrLeaseOver // somebody else may execute by now
		}
		if err != nil {
			return Result{}, fmt.Errorf("%w: %w", ErrReconcile, err)
		}
		if found.Completed {
			c.observe(ctx, ObservedReconciled, nil)
			found.Result.Discard = false // what has happened is not to be forgotten
			return found.Result, nil
		}
		c.declared.reset()
	}
	c.beating.executing.carry(ctx, Execution{key: c.Key, owner: c.owner, declared: &c.declared, call: c})
	result, err := run(&c.beating.executing)
	return c.conclude(ctx, result, err)
}

// conclude returns how an execution has ended, by what it returned and by what it
// declared.
func (c *call) conclude(ctx context.Context, result Result, err error) (Result, error) {
	discard, failure := c.declared.read()
	if _, marked := errors.AsType[*discardError](err); marked {
		discard = true
	}
	switch {
	case failure != nil:
		result.Discard = false
		if err == nil {
			err = failure
		}
	case err != nil && discard:
		result.Discard = true
		err = Discard(err) // meant, and so no failure to observers
	case err != nil:
		result.Discard = false
	case discard:
		result.Discard = true
	case ctx.Err() != nil && result.Data == nil && result.NotKept == nil && !result.Discard: // condition: silence
		err = context.Cause(ctx) // a result that nobody wrote is none
	}
	return result, err
}

// complete records the result. Whatever becomes of that, the effect has
// happened, and the caller is told so: an error would only provoke a second
// execution.
func (c *call) complete(ctx context.Context, result Result) (Outcome, error) {
	completed := c.completed(ctx, c.held(), result)
	since := c.cfg.Clock()

	var winner *Record
	err := c.persist(ctx, func(ctx context.Context) (err error) {
		winner, err = c.cfg.Store.Complete(ctx, completed)
		if errors.Is(err, ErrTooLarge) && completed.Data != nil {
			completed.Data = nil
			c.observe(ctx, ObservedOversized, err)
			winner, err = c.cfg.Store.Complete(ctx, completed)
		}
		return err
	})
	switch {
	case err != nil:
		c.observe(ctx, ObservedCompletionFailed, err)
	case winner == nil:
		c.cache.put(&completed, since)
		c.observe(ctx, ObservedExecuted, nil)
	default:
		c.observe(ctx, ObservedLeaseLost, nil)
		// The winner's response is the one on record; all callers should see the
		// same. A winner that was asked for something else has none for us.
		if winner.Fingerprint == c.Fingerprint && c.cfg.Clock().Before(winner.Expires) { // condition: winner
			if outcome, _, err := c.verdict(ctx, winner); !ofSeal(err) { // else nobody can say what it is
				return outcome, err
			}
		}
	}
	return Outcome{Data: result.Data, Expires: completed.Expires}, nil
}

// completed returns r as the record of a result, without the result if that
// cannot be recorded.
func (c *call) completed(ctx context.Context, r Record, result Result) Record {
	r.Status, r.Steps = Completed, nil
	r.Data = c.recordable(ctx, "", result)
	return r
}

// recordable returns the result of the operation, or of the step of that name, as it
// is recorded: nil if it cannot be.
func (c *call) recordable(ctx context.Context, step string, result Result) []byte {
	data := result.Data
	if data == nil {
		data = []byte{}
	}
	switch {
	case result.NotKept != nil:
		c.observeStep(ctx, ObservedUnencodable, step, result.NotKept)
		return nil
	case len(data) > c.cfg.MaxResult:
		c.observeStep(ctx, ObservedOversized, step, nil)
		return nil
	}
	// Once, because a store may keep parts of one attempt and of the next.
	sealed, err := c.sealing.seal(c.Key.ID(), step, data)
	if err != nil {
		c.observeStep(ctx, ObservedUnencodable, step, err)
		return nil
	}
	return sealed
}

// fail settles an execution that ended without a result. Nobody can tell how
// far it came, so unless it is simply to be executed again it counts as
// interrupted from now on.
func (c *call) fail(ctx context.Context, cause error) {
	if c.cfg.Recovery == Reexecute && !c.steps.Load().bind() { // condition: failure
		c.free(ctx, cause)
		return
	}
	c.leave(ctx, cause)
}

// leave leaves the key to the next execution, which resumes this one. A step that the
// store could not record before is recorded first, if the store answers now, or the
// next execution would run it again.
func (c *call) leave(ctx context.Context, cause error) {
	store, _ := c.cfg.Store.(StepStore)
	err := c.persist(ctx, func(ctx context.Context) error {
		_, _ = c.recordPending(ctx, store) // condition: pending-step
		return c.interrupt(ctx)
	})
	if err != nil {
		c.observe(ctx, ObservedReleaseFailed, err)
	}
	c.observe(ctx, ObservedFailed, cause)
}

// interrupt ends the lease at once and leaves the record to whoever comes next.
func (c *call) interrupt(ctx context.Context) error {
	r := c.held()
	r.LeaseUntil = time.Time{}
	_, err := c.cfg.Store.Renew(ctx, r)
	return err
}

// release settles an execution of which nothing is to be kept. But steps that are
// recorded are, and what an interrupted execution before this one may have begun.
func (c *call) release(ctx context.Context, cause error) {
	if c.steps.Load().bind() {
		c.leave(ctx, errors.Join(errNotFreed, cause))
		return
	}
	c.free(ctx, cause)
}

// free gives the key up, so that a retry can execute. If that fails the key stays
// claimed until the lease is over.
func (c *call) free(ctx context.Context, cause error) {
	err := c.persist(ctx, func(ctx context.Context) error {
		return c.cfg.Store.Release(ctx, c.Key.ID(), c.owner)
	})
	if err != nil {
		c.observe(ctx, ObservedReleaseFailed, err)
	}
	c.observe(ctx, ObservedReleased, cause)
}

const (
	firstBackoff = 20 * time.Millisecond
	maxBackoff   = time.Second
	minPersist   = 500 * time.Millisecond
)

// timeLeft returns how long recording may take: Config.CompletionTimeout, or less
// if ctx ends soon, so that an answer can still be given.
func (c *call) timeLeft(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return max(min(c.cfg.CompletionTimeout, time.Until(deadline)/4*3), minPersist)
	}
	return c.cfg.CompletionTimeout
}

// persist repeats step until it succeeds or its time is up.
// ctx's cancellation stops nothing: a client that hung up has still caused the
// effect that is to be remembered.
func (c *call) persist(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(c.lasting, c.timeLeft(ctx))
	defer cancel()

	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		err := persistOnce(ctx, step)
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

// persistOnce takes the step. If little time is left, a request that hangs is
// given up while there is time for another.
func persistOnce(ctx context.Context, step func(context.Context) error) (err error) {
	defer containStore(&err)
	const little = 2 * time.Second
	deadline, _ := ctx.Deadline()
	if left := time.Until(deadline); left < little {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left/2)
		defer cancel()
	}
	return step(ctx)
}
