package idempotency

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Guard executes operations once per key and returns the recorded result to
// duplicates. In [Leased] mode it claims the key, executes, and records the
// result; in [Atomic] mode it writes effects and result in one transaction. It is
// safe for concurrent use.
type Guard struct {
	cfg     Config
	cache   *cache // nil for none
	waiting waiting
}

// New returns a guard, or an error that names the field of cfg that is wrong.
func New(cfg Config) (*Guard, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Guard{cfg: cfg, cache: newCache(cfg.CacheEntries, cfg.CacheBytes, cfg.CacheAge)}, nil
}

// Recovery returns the policy the guard was configured with.
func (g *Guard) Recovery() Recovery { return g.cfg.Recovery }

// Window returns how long the guard remembers a key.
func (g *Guard) Window() time.Duration { return g.cfg.Window }

// Request names what [Guard.Do] executes once.
type Request struct {
	Key         Key
	Fingerprint Fingerprint

	// LikelyDuplicate hints that the key has probably been used before. The record
	// is then read before a claim is tried, which is cheaper if the hint is right
	// and costs one more round trip if it is wrong.
	LikelyDuplicate bool

	// FirstSent is when the request was first sent, if the caller says so: a retry
	// repeats it. After Config.Window from then on, an earlier execution may have been
	// forgotten, so the request is refused with [ErrWindowPassed] instead of executed
	// anew. A time that is in the future by the guard's clock is refused with
	// [ErrFirstSentFuture]; subtract by how much the caller's clock may be ahead.
	// Default: the zero time, of which nothing follows.
	FirstSent time.Time

	// Reconcile finds out what became of an interrupted execution. It is required
	// under the policy [Reconcile], and called under no other.
	Reconcile func(context.Context) (Reconciliation, error)
}

// Result is the result of an execution.
type Result struct {
	// Data is recorded and returned to duplicates, byte for byte. It may be empty.
	Data []byte
	// Discard means that nothing happened that should be kept: the key is
	// released, so that a retry executes again, or resumes if there are recorded or
	// possibly begun steps; see [Step]. Data is still returned to this caller.
	Discard bool
	// NotKept, if set, is why Data does not hold the result, though the operation
	// has completed: duplicates get [ErrResultNotKept], and the observer the cause.
	NotKept error
}

// Reconciliation is what Request.Reconcile found out about an interrupted
// execution.
type Reconciliation struct {
	// Completed reports whether the effect has happened. If not, the operation is
	// executed again.
	Completed bool
	// Result is recorded and returned if Completed is set. Its Discard is ignored.
	Result Result
}

// Outcome is the outcome of a call of [Guard.Do].
type Outcome struct {
	// Data is the result: that of this execution, or the recorded one.
	Data []byte
	// Replayed reports whether Data comes from an earlier execution.
	Replayed bool
	// Expires is the end of the key's window. It is also set beside an error,
	// and is then the earliest moment at which the key might be free.
	Expires time.Time
	// Cost is what the call has asked of the store.
	Cost Cost
}

// Do executes run unless it has been executed for the key before, in which
// case the recorded result is returned.
//
// The context of run carries the [Execution]. It is not cancelled when ctx is,
// because an effect once begun is better finished than lost. It ends with the
// lease, if that is lost or cannot be renewed; some time before ctx's deadline,
// if there is one (see [DeadlineMargin]); and with the lease of the execution
// that ctx itself belongs to, if there is one. A zero Result that run returns
// without an error after its context has ended is no result: the execution has
// failed by [ErrLeaseOver].
//
// In [Atomic] mode run has no effects of its own: it plans them, by means of the
// store, and they are written together with the result. It is called again
// if a plan was refused. An error, a panic or a discarded result means that
// nothing is written.
//
// An error or a panic from run reaches the caller as it is. What becomes of the
// key then is up to the [Recovery] policy, unless the error is marked by
// [Discard].
//
// Without executing, Do returns [ErrPayloadMismatch], *[InProgressError],
// [ErrOutcomeUnknown], [ErrResultNotKept], [ErrReconcile], [ErrNoTime], [ErrWindowPassed], [ErrFirstSentFuture], errors that
// wrap [ErrSeal] or [ErrSealUnavailable] or, if the store did not answer, an error
// that wraps [ErrStore]. In Atomic mode it returns [ErrPlan] for a plan that can never be written. Other errors are those of run, or
// mean that the request is incomplete.
func (g *Guard) Do(ctx context.Context, req Request, run func(context.Context) (Result, error)) (Outcome, error) {
	if err := g.check(req, run != nil); err != nil {
		return Outcome{}, err
	}
	start := g.start()
	if !g.cfg.Disabled { // such calls are not observed
		ctx = begin(ctx, g.cfg.Observer, req.Key.Operation(), req.Key.ID())
	}
	now := g.cfg.Clock()
	if err := g.untimely(req, now); err != nil {
		c := call{Guard: g, Request: req, start: start}
		return c.unavailable(ctx, err)
	}
	if known, found := g.cache.get(req.Key.ID(), now); found {
		c := call{Guard: g, Request: req, start: start}
		return c.answer(ctx, &known) // at no cost
	}
	var own struct { // in one allocation
		call
		meter meter
	}
	c := &own.call
	*c = call{Guard: g, Request: req, start: start, meter: &own.meter}
	own.meter.Context = ctx
	ctx = &own.meter
	c.lasting = context.WithoutCancel(ctx)
	outcome, err := c.do(ctx, run)
	outcome.Cost = c.meter.read()
	return outcome, err
}

func (c *call) do(ctx context.Context, run func(context.Context) (Result, error)) (Outcome, error) {
	if c.cfg.Disabled {
		result, err := run(withExecution(ctx, Execution{key: c.Key, owner: rand.Text(), declared: &c.declared, call: c}))
		result, err = c.conclude(ctx, result, err)
		return Outcome{Data: result.Data}, err
	}
	if known := c.recall(ctx); known != nil {
		return c.answer(ctx, known)
	}
	if deadline, ok := ctx.Deadline(); ok {
		c.lease.deadline = deadline
		c.lease.runUntil = deadline.Add(-DeadlineMargin(time.Until(deadline)))
		if c.lease.outOfTime() && !errors.Is(ctx.Err(), context.Canceled) {
			return c.unavailable(ctx, ErrNoTime)
		}
	}
	if c.cfg.Mode == Atomic {
		return c.transact(ctx, run)
	}
	c.owner = rand.Text()
	existing, tookOver, err := c.claim(ctx)
	if err != nil {
		return c.unavailable(ctx, err)
	}
	if existing != nil {
		c.remember(existing)
		return c.answer(ctx, existing)
	}
	return c.execute(ctx, run, tookOver)
}

// start returns when a call begins, if an observer is to be told.
func (g *Guard) start() time.Time {
	if g.cfg.Observer == nil {
		return time.Time{}
	}
	return time.Now()
}

// untimely returns why a request must not be executed at the given time, or nil. Every
// execution that it may repeat has made its claim after FirstSent, so within a window
// from then on none of them is forgotten.
func (g *Guard) untimely(req Request, now time.Time) error {
	switch {
	case req.FirstSent.IsZero() || g.cfg.Disabled:
		return nil
	case req.FirstSent.After(now):
		return ErrFirstSentFuture
	case now.Sub(req.FirstSent) >= g.cfg.Window, req.FirstSent.Before(g.cfg.RecordsSince):
		return ErrWindowPassed
	}
	return nil
}

func (g *Guard) check(req Request, runs bool) error {
	switch {
	case g == nil || g.cfg.Store == nil:
		return errors.New("idempotency: the Guard is missing; use New")
	case !runs:
		return errors.New("idempotency: there is nothing to run: the function is nil")
	case !req.Key.valid():
		return errors.New("idempotency: Request.Key is missing; use NewKey")
	case req.Fingerprint == "":
		return errors.New("idempotency: Request.Fingerprint is missing; use NewFingerprint")
	case g.cfg.Recovery == Reconcile && req.Reconcile == nil:
		return errors.New("idempotency: Request.Reconcile is missing, which the guard's recovery policy asks for")
	}
	return nil
}

// call is one call of Do.
type call struct {
	*Guard
	Request
	meter    *meter          // nil for what costs nothing
	lasting  context.Context // carries the values of Do's, and never ends
	start    time.Time
	owner    string
	asked    time.Time // when the store was last asked for the key
	lease    lease
	declared declared
	sealing  SealFunc              // nil for results that are recorded as they are
	steps    atomic.Pointer[steps] // nil for none
	beating  *heartbeat            // of the execution, if it has one
}

// recall returns the completed record from the store, given the hint that there
// is one.
func (c *call) recall(ctx context.Context) *Record {
	if !c.LikelyDuplicate {
		return nil
	}
	c.asked = c.cfg.Clock()
	r, err := c.cfg.Store.Load(ctx, c.Key.ID())
	if err != nil || r == nil || r.Status != Completed || !c.cfg.Clock().Before(r.Expires) { // condition: hint-in-window
		return nil // the claim will tell
	}
	c.remember(r)
	return r
}

// remember keeps a completed record that was met, for the duplicates to come.
// One with another fingerprint may have come without its data.
func (c *call) remember(r *Record) {
	if r.Fingerprint == c.Fingerprint {
		c.cache.put(r, c.asked)
	}
}

// answer returns to a duplicate what the record in its way says.
func (c *call) answer(ctx context.Context, r *Record) (Outcome, error) {
	outcome, observed, err := c.verdict(ctx, r)
	var cause error
	if ofSeal(err) {
		cause = err
	}
	c.observe(ctx, observed, cause)
	return outcome, err
}

// unavailable ends a call that could not claim the key.
func (c *call) unavailable(ctx context.Context, err error) (Outcome, error) {
	outcome := Outcome{Expires: c.held().Expires}
	switch {
	case ofSeal(err):
		c.observe(ctx, sealObservation(ctx, err), err)
		return outcome, err
	case errors.Is(err, ErrWindowPassed):
		c.observe(ctx, ObservedWindowPassed, nil)
		return outcome, err
	case errors.Is(err, ErrFirstSentFuture):
		c.observe(ctx, ObservedRefused, err)
		return outcome, err
	case errors.Is(err, ErrNoTime):
		c.observe(ctx, ObservedNoTime, nil)
		return outcome, ErrNoTime
	case errors.Is(ctx.Err(), context.Canceled):
		c.observe(ctx, ObservedCancelled, err)
	default:
		c.observe(ctx, ObservedStoreUnavailable, err)
	}
	return outcome, fmt.Errorf("%w: %w", ErrStore, err)
}

func (c *call) verdict(ctx context.Context, r *Record) (Outcome, Observation, error) {
	outcome := Outcome{Expires: r.Expires}
	switch {
	// The fingerprint comes first: what the record holds is none of the business
	// of a request that asks for something else.
	case r.Fingerprint != c.Fingerprint: // condition: fingerprint
		return outcome, ObservedMismatch, ErrPayloadMismatch
	case r.Status == Completed && r.Data == nil:
		return outcome, ObservedNotKept, ErrResultNotKept
	case r.Status == Completed:
		data, err := c.cfg.open(ctx, r.ID, "", r.Data)
		if err != nil {
			return outcome, sealObservation(ctx, err), err
		}
		outcome.Data, outcome.Replayed = data, true
		return outcome, ObservedReplayed, nil
	// condition: refuse
	case c.interrupted(r, c.asked) && (c.cfg.Recovery == Refuse || c.cfg.Mode == Atomic): // from before a change of mode
		return outcome, ObservedOutcomeUnknown, ErrOutcomeUnknown
	default:
		return outcome, ObservedInProgress, &InProgressError{RetryAfter: max(r.LeaseUntil.Sub(c.cfg.Clock()), time.Millisecond)}
	}
}
