package simulation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

const (
	panicked  = "simulation: the operation panicked"
	maxResult = 8 << 10
	// charge is the effect of an operation.
	charge = "charge"
)

// behaviour is how an execution goes.
type behaviour struct {
	before, after time.Duration // its effect
	// heeds tells that it stops when its lease is over, as it should.
	heeds bool
	// silent tells that it says nothing of having stopped.
	silent bool
	ends   ending
}

type ending int

const (
	succeeds ending = iota
	discards
	failsBefore
	panicsBefore
	failsAfter
	panicsAfter
)

func (c *call) behaviour() behaviour {
	w := c.world
	r := draw(w.Seed, "behaviour", c.ID)
	unit := w.set.unit
	b := behaviour{before: between(r, unit, 0.001, 0.5), after: between(r, unit, 0.001, 0.5), heeds: chance(r, 0.7), silent: chance(r, 0.4)}
	if w.healed.Load() || !chance(r, w.set.trouble) {
		return b
	}
	switch r.IntN(5) {
	case 0:
		b.before = between(r, w.set.lease, 0.3, 2.5)
	case 1:
		b.after = between(r, w.set.lease, 0.3, 2.5)
	default:
		b.ends = pick(r, discards, failsBefore, panicsBefore, failsAfter, panicsAfter)
	}
	return b
}

// operation is what the guard protects.
func (c *call) operation(ctx context.Context) (result idempotency.Result, err error) {
	end := c.begin(ctx)
	defer func() { end(result, err) }()
	b := c.behaviour()
	if err := c.pause(ctx, b.before, b.heeds); err != nil {
		if b.silent && !errors.Is(err, errCrashed) {
			err = nil
		}
		return idempotency.Result{}, err
	}
	switch b.ends {
	case discards:
		return idempotency.Result{Data: []byte(ledger.NothingDone), Discard: true}, nil
	case failsBefore:
		return idempotency.Result{}, ledger.ErrOperation
	case panicsBefore:
		panic(panicked)
	}
	effect, err := c.effects(ctx)
	if errors.Is(err, idempotency.ErrSealUnavailable) { // a step did not open: the execution has begun, and failed
		err = fmt.Errorf("%w: %v", ledger.ErrOperation, err)
	}
	if err != nil {
		return idempotency.Result{}, err
	}
	if err := c.pause(ctx, b.after, false); err != nil {
		return idempotency.Result{}, err
	}
	switch b.ends {
	case failsAfter:
		return idempotency.Result{}, ledger.ErrOperation
	case panicsAfter:
		panic(panicked)
	}
	return idempotency.Result{Data: c.result(effect)}, nil
}

// reconcile asks the outside world what became of an interrupted execution.
func (c *call) reconcile(ctx context.Context) (idempotency.Reconciliation, error) {
	end := c.begin(ctx)
	r := draw(c.world.Seed, "reconcile", c.ID)
	if err := c.pause(ctx, between(r, c.world.set.unit, 0.001, 0.5), true); err != nil {
		end(idempotency.Result{}, err)
		return idempotency.Reconciliation{}, err
	}
	if !c.world.healed.Load() && chance(r, 0.1) {
		end(idempotency.Result{}, ledger.ErrOperation)
		return idempotency.Reconciliation{}, ledger.ErrOperation
	}
	effect, happened := c.world.book.Find(derivedKey(ctx))
	c.world.note(c.ID, "reconciles: found %q", effect)
	if !happened {
		return idempotency.Reconciliation{}, nil // and the operation goes on with the execution
	}
	result := idempotency.Result{Data: c.result(effect)}
	end(result, nil)
	return idempotency.Reconciliation{Completed: true, Result: result}, nil
}

// begin enters an execution, unless it has begun with its reconciliation, and
// returns what enters its end.
func (c *call) begin(ctx context.Context) (end func(idempotency.Result, error)) {
	w := c.world
	c.mu.Lock()
	defer c.mu.Unlock()
	var e *ledger.Execution
	if n := len(c.Executions); n > 0 && c.Executions[n-1].Finished == ledger.Never {
		e = c.Executions[n-1]
	} else if e = (&ledger.Execution{Token: tokenOf(ctx), Started: w.book.Now(), Finished: ledger.Never, LeaseOver: ledger.Never}); !c.process.dead.Load() {
		c.Executions = append(c.Executions, e)
		c.Expires = e.Started + w.set.window
		w.note(c.ID, "executes")
	}
	over := func() {
		if w.Mode == idempotency.Leased && ctx.Err() != nil && e.Finished == ledger.Never && e.LeaseOver == ledger.Never {
			e.LeaseOver = w.now()
			w.note(c.ID, "its lease is over")
		}
	}
	stop := context.AfterFunc(ctx, func() { c.update(func(*ledger.Call) { over() }) })
	return func(result idempotency.Result, err error) {
		c.update(func(*ledger.Call) {
			over() // an execution that heeds its lease ends at that very moment
			e.Finished, e.Result = w.book.Now(), string(result.Data)
			e.Keeps = err == nil && result.Data != nil && !result.Discard
			c.NotKept = c.NotKept || len(result.Data) > maxResult
			w.note(c.ID, "executed")
		})
		stop()
	}
}

// pause lets time pass.
func (c *call) pause(ctx context.Context, d time.Duration, heed bool) error {
	over := ctx.Done()
	if !heed {
		over = nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-over:
		return fmt.Errorf("%w: %w", ledger.ErrOperation, context.Cause(ctx))
	case <-c.process.gone:
		return errCrashed
	}
}

// effect does what must not be done twice, and returns its name.
func (c *call) effect(ctx context.Context) (string, error) {
	w := c.world
	if c.process.dead.Load() {
		return "", errCrashed
	}
	if w.Mode == idempotency.Atomic {
		return c.plan(ctx), nil
	}
	e := ledger.Effect{ID: fmt.Sprint(c.ID), Name: charge, Derived: derivedKey(ctx), Call: c.Call, Token: tokenOf(ctx)}
	if w.set.dedupes {
		if known, happened := w.book.HappenOnce(e); !happened {
			return known, nil
		}
	} else {
		w.book.Happen(e)
	}
	w.note(c.ID, "effect %s", e.ID)
	return e.ID, nil
}

func derivedKey(ctx context.Context) string {
	execution, _ := idempotency.FromContext(ctx)
	return execution.DerivedKey(charge)
}

func tokenOf(ctx context.Context) string {
	execution, _ := idempotency.FromContext(ctx)
	return execution.FencingToken()
}

// result is the same whoever makes it of an effect. Some are large, and some too
// large to be kept.
func (c *call) result(effect string) []byte {
	receipt := ledger.Receipts(ledger.Receipt(effect, c.For))
	r := draw(c.world.Seed, "size"+c.Key+c.Payload)
	size := 0
	switch r.IntN(12) {
	case 0:
		size = maxResult
	case 1, 2:
		size = maxResult / 2
	}
	var padding strings.Builder
	for padding.Len() < size { // incompressible enough to be kept beside the record
		fmt.Fprintf(&padding, "%016x", r.Uint64())
	}
	return append(receipt, padding.String()...)
}
