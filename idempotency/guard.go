package idempotency

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// Guard executes operations once per key and gives duplicates the recorded
// result. In [Leased] mode it claims the key, executes, and records the result;
// in [Atomic] mode it writes effects and result in one transaction. It is safe
// for concurrent use.
type Guard struct {
	cfg   Config
	cache *cache // nil for none
}

// New returns a guard, or an error that names the field of cfg that is wrong.
func New(cfg Config) (*Guard, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Guard{cfg, newCache(cfg.CacheEntries, cfg.CacheBytes)}, nil
}

// Recovery returns the policy the guard was configured with.
func (g *Guard) Recovery() Recovery { return g.cfg.Recovery }

// Request is what [Guard.Do] is asked to execute once.
type Request struct {
	Key         Key
	Fingerprint Fingerprint

	// LikelyDuplicate hints that the key has probably been used before. The record is then
	// read before a claim is tried, which is cheaper where the hint is right and
	// costs one more round trip where it is wrong.
	LikelyDuplicate bool

	// Reconcile finds out what became of an interrupted execution. It is required
	// under the policy [Reconcile], and called under no other.
	Reconcile func(context.Context) (Reconciliation, error)
}

// Result is what an execution leaves behind.
type Result struct {
	// Data is recorded and returned to duplicates, byte for byte.
	Data []byte
	// Discard says that nothing happened that should be kept: the key is
	// released, so that a retry executes again. Data is still returned to this
	// caller.
	Discard bool
	// NotKept says why Data does not hold the result, though the operation has
	// completed: duplicates get [ErrResultNotKept]. It is told to the observer.
	NotKept error
}

// Reconciliation is what the outside world says of an interrupted execution.
type Reconciliation struct {
	// Completed tells that the effect has happened. Otherwise the operation is
	// executed again.
	Completed bool
	// Result is what to record and return if Completed; Discard is ignored.
	Result Result
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
	// Cost is what the call has asked of the store.
	Cost Cost
}

// Do executes run unless it has been executed for the key before, in which
// case the recorded result is returned.
//
// run's context carries the [Execution] and ends with the lease: at ctx's
// deadline or, without one, when the lease can no longer be renewed. It is not
// cancelled when ctx is, because an effect once begun is better finished than
// lost.
//
// In [Atomic] mode run has no effects of its own: it plans them, by means of the
// store, and they are written together with the result. It is called again
// where a plan was refused. An error, a panic or a discarded result means that
// nothing is written.
//
// An error or a panic from run reaches the caller as it is. What becomes of the
// key then is up to the [Recovery] policy.
//
// Without executing, Do returns [ErrPayloadMismatch], *[InProgressError],
// [ErrOutcomeUnknown], [ErrResultNotKept], [ErrReconcile] or, where the store
// could not be asked, an error that wraps [ErrStore].
func (g *Guard) Do(ctx context.Context, req Request, run func(context.Context) (Result, error)) (Outcome, error) {
	if err := g.check(req); err != nil {
		return Outcome{}, err
	}
	start := g.start()
	if known, found := g.cache.get(req.Key.ID(), g.cfg.Clock()); found {
		c := call{Guard: g, Request: req, start: start}
		return c.answer(ctx, &known) // at no cost
	}
	c := &call{Guard: g, Request: req, start: start, meter: new(meter)}
	outcome, err := c.do(context.WithValue(ctx, meterKey{}, c.meter), run)
	outcome.Cost = c.meter.read()
	return outcome, err
}

func (c *call) do(ctx context.Context, run func(context.Context) (Result, error)) (Outcome, error) {
	if c.cfg.Disabled {
		result, err := run(withExecution(ctx, Execution{c.Key, rand.Text()}))
		return Outcome{Data: result.Data}, err
	}
	if known := c.recall(ctx); known != nil {
		return c.answer(ctx, known)
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

// start is when a call begins, where somebody is told.
func (g *Guard) start() time.Time {
	if g.cfg.Observer == nil {
		return time.Time{}
	}
	return time.Now()
}

func (g *Guard) check(req Request) error {
	switch {
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
	meter    *meter // nil for what costs nothing
	start    time.Time
	owner    string
	record   Record    // what is claimed, then completed
	asked    time.Time // when the store was last asked for the key
	deadline time.Time // when the lease ends, without the allowance for skew
}

// recall returns the completed record from the store, given the hint that there
// is one.
func (c *call) recall(ctx context.Context) *Record {
	if !c.LikelyDuplicate {
		return nil
	}
	now := c.cfg.Clock()
	r, err := c.cfg.Store.Load(ctx, c.Key.ID())
	if err != nil || r == nil || r.Status != Completed || !now.Before(r.Expires) {
		return nil // the claim will tell
	}
	c.remember(r)
	return r
}

// remember keeps a completed record that was met, for the duplicates to come.
// One with another fingerprint may have come without its data.
func (c *call) remember(r *Record) {
	if r.Fingerprint == c.Fingerprint {
		c.cache.put(r)
	}
}

// answer tells a duplicate what the record in its way says.
func (c *call) answer(ctx context.Context, r *Record) (Outcome, error) {
	outcome, observed, err := c.verdict(r)
	c.observe(ctx, observed, nil)
	return outcome, err
}

// unavailable answers when the store does not.
func (c *call) unavailable(ctx context.Context, err error) (Outcome, error) {
	c.observe(ctx, ObservedStoreUnavailable, err)
	return Outcome{Expires: c.record.Expires}, fmt.Errorf("%w: %w", ErrStore, err)
}

func (c *call) verdict(r *Record) (Outcome, Observation, error) {
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
	case c.interrupted(r, c.asked) && (c.cfg.Recovery == Refuse || c.cfg.Mode == Atomic): // from before a change of mode
		return outcome, ObservedOutcomeUnknown, ErrOutcomeUnknown
	default:
		return outcome, ObservedInProgress, &InProgressError{RetryAfter: max(r.LeaseUntil.Sub(c.cfg.Clock()), time.Millisecond)}
	}
}

func (c *call) observe(ctx context.Context, o Observation, err error) {
	if c.cfg.Observer == nil {
		return
	}
	c.cfg.Observer.Observe(ctx, Event{
		Observation: o,
		Operation:   c.Key.Operation(),
		ID:          c.Key.ID(),
		Duration:    time.Since(c.start),
		Cost:        c.meter.read(),
		Err:         err,
	})
}
