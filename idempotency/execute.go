package idempotency

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"
)

var errPanicked = errors.New("idempotency: the execution panicked")

func (c *call) execute(ctx context.Context, run func(context.Context) (Result, error), tookOver bool) (Outcome, error) {
	result, err := c.underLease(ctx, func(ctx context.Context) (Result, error) {
		ctx = withExecution(ctx, Execution{c.Key, c.owner})
		if tookOver && c.cfg.Recovery == Reconcile {
			found, err := c.Reconcile(ctx)
			if err != nil {
				return Result{}, fmt.Errorf("%w: %w", ErrReconcile, err)
			}
			if found.Completed {
				c.observe(ctx, ObservedReconciled, nil)
				found.Result.Discard = false // what has happened is not to be forgotten
				return found.Result, nil
			}
		}
		return run(ctx)
	})
	outcome := Outcome{Data: result.Data, Expires: c.record.Expires}
	switch {
	case err != nil:
		c.fail(ctx, err)
		return outcome, err
	case result.Discard:
		c.release(ctx, nil)
		return outcome, nil
	}
	return c.complete(ctx, result)
}

// underLease calls run with a context that ends with the lease. The lease ends
// with ctx's deadline, where there is one; without, it is renewed for as long
// as run takes.
func (c *call) underLease(ctx context.Context, run func(context.Context) (Result, error)) (Result, error) {
	returned := false
	defer func() {
		if !returned { // run panicked or left by runtime.Goexit
			c.fail(ctx, errPanicked)
		}
	}()
	runCtx, end := c.lease(ctx)
	defer end()
	result, err := run(runCtx)
	returned = true
	return result, err
}

// lease returns a context that ends with the lease, and a function that is to be
// called when the execution has ended.
func (c *call) lease(ctx context.Context) (context.Context, func()) {
	_, hasDeadline := ctx.Deadline()
	ctx = context.WithoutCancel(ctx)
	if hasDeadline {
		return context.WithDeadlineCause(ctx, c.deadline, ErrLeaseOver)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	over := time.AfterFunc(time.Until(c.deadline), func() { cancel(ErrLeaseOver) })
	renewal := make(chan struct{})
	go func() {
		defer close(renewal)
		c.renew(ctx, over, cancel)
	}()
	return ctx, func() {
		over.Stop()
		cancel(context.Canceled)
		<-renewal
	}
}

// renew is the heartbeat: when a third of the lease has passed it moves the
// lease's end, until ctx is done. Where it fails it tries again soon, and
// otherwise the lease ends as it was last known to.
func (c *call) renew(ctx context.Context, over *time.Timer, cancel context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(time.Until(c.deadline)-c.cfg.Lease*2/3, c.cfg.Lease/6)):
		}
		last, lastDeadline := c.record, c.deadline
		c.extend(c.cfg.Lease)
		held, err := c.cfg.Store.Renew(ctx, c.record)
		switch {
		case err != nil:
			c.record, c.deadline = last, lastDeadline
		case !held:
			cancel(ErrLeaseOver)
			return
		default:
			over.Reset(time.Until(c.deadline))
		}
	}
}

// complete records the result. Whatever becomes of that, the effect has
// happened, and the caller is told so: an error would only provoke a second
// execution.
func (c *call) complete(ctx context.Context, result Result) (Outcome, error) {
	completed := c.completed(ctx, result)

	var winner *Record
	err := c.persist(ctx, func(ctx context.Context) (err error) {
		winner, err = c.cfg.Store.Complete(ctx, completed)
		return err
	})
	switch {
	case err != nil:
		c.observe(ctx, ObservedCompletionFailed, err)
	case winner == nil:
		c.cache.put(&completed)
		c.observe(ctx, ObservedExecuted, nil)
	default:
		c.observe(ctx, ObservedLeaseLost, nil)
		// The winner's response is the one on record; all callers should see the
		// same. A winner that was asked for something else has none for us.
		if winner.Fingerprint == c.Fingerprint && c.cfg.Clock().Before(winner.Expires) {
			outcome, _, err := c.verdict(winner)
			return outcome, err
		}
	}
	return Outcome{Data: result.Data, Expires: completed.Expires}, nil
}

// completed is the record of a result, which is left out if it cannot be
// recorded.
func (c *call) completed(ctx context.Context, result Result) Record {
	r := c.record
	r.Status = Completed
	r.Data = result.Data
	if result.Data == nil {
		r.Data = []byte{}
	}
	switch {
	case result.NotKept != nil:
		r.Data = nil
		c.observe(ctx, ObservedUnencodable, result.NotKept)
	case len(result.Data) > c.cfg.MaxResult:
		r.Data = nil
		c.observe(ctx, ObservedOversized, nil)
	}
	return r
}

// fail settles an execution that ended without a result. Nobody can tell how
// far it came, so unless it is simply to be executed again it counts as
// interrupted from now on.
func (c *call) fail(ctx context.Context, cause error) {
	if c.cfg.Recovery == Reexecute {
		c.release(ctx, cause)
		return
	}
	if err := c.persist(ctx, c.interrupt); err != nil {
		c.observe(ctx, ObservedReleaseFailed, err)
	}
	c.observe(ctx, ObservedFailed, cause)
}

// interrupt ends the lease at once and leaves the record to whoever comes next.
func (c *call) interrupt(ctx context.Context) error {
	c.record.LeaseUntil = time.Time{}
	_, err := c.cfg.Store.Renew(ctx, c.record)
	return err
}

// release gives the key up, so that a retry can execute. Where that fails the
// key stays claimed until the lease is over.
func (c *call) release(ctx context.Context, cause error) {
	err := c.persist(ctx, func(ctx context.Context) error {
		return c.cfg.Store.Release(ctx, c.record.ID, c.owner)
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

// timeLeft is how long recording may take: Config.CompletionTimeout or, where
// ctx ends soon, less, so that an answer can still be given.
func (c *call) timeLeft(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return max(min(c.cfg.CompletionTimeout, time.Until(deadline)*3/4), minPersist)
	}
	return c.cfg.CompletionTimeout
}

// persist repeats step until it succeeds or its time is up.
// ctx's cancellation stops nothing: a client that hung up has still caused the
// effect that is to be remembered.
func (c *call) persist(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeLeft(ctx))
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
