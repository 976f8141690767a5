package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// effects has the call's effect. In a run with steps it is the second of two steps,
// and what the first one does is entered, too.
func (c *call) effects(ctx context.Context) (effect string, err error) {
	if !c.world.hasSteps() {
		return c.effect(ctx)
	}
	_, err = idempotency.Step(ctx, "reserve", func(context.Context) (int, error) { return c.ID, c.ran("reserve") })
	if err == nil {
		effect, err = idempotency.Step(ctx, charge, func(ctx context.Context) (string, error) {
			if err := c.ran(charge); err != nil {
				return "", err
			}
			return c.effect(ctx)
		})
	}
	if errors.Is(err, idempotency.ErrStore) { // the claim has succeeded
		err = fmt.Errorf("%w: %s", ledger.ErrOperation, err)
	}
	return effect, err
}

// hasSteps reports whether operations have steps in this run.
func (w *world) hasSteps() bool {
	if w.Mode != idempotency.Leased || !w.set.steps {
		return false
	}
	if w.Store != nil {
		_, ok := w.Store.(idempotency.StepStore)
		return ok
	}
	return true
}

// ran enters that a step runs.
func (c *call) ran(name string) error {
	if c.process.dead.Load() {
		return errCrashed
	}
	c.world.book.Step(ledger.Step{Name: name, Call: c.Call})
	c.world.note(c.ID, "runs %s", name)
	return nil
}

// stepFront is the front of a store that keeps steps.
type stepFront struct {
	front
	steps idempotency.StepStore
}

// newFront returns the front of a store, whatever that can do.
func newFront(w *world, p *process, store idempotency.Store) idempotency.Store {
	f := front{w, p, store}
	if steps, ok := store.(idempotency.StepStore); ok {
		return stepFront{f, steps}
	}
	return f
}

func (f stepFront) TakeOver(ctx context.Context, claim idempotency.Claim) (steps []idempotency.RecordedStep, existing *idempotency.Record, err error) {
	ctx, c := f.named(ctx, "Claim")
	c.Token = claim.Record.Owner
	steps, existing, err = f.steps.TakeOver(ctx, claim)
	c.held.claimed, c.held.polls, c.held.polledAt = true, 0, time.Now()
	return steps, existing, err
}

func (f stepFront) RecordStep(ctx context.Context, r idempotency.Record, step idempotency.RecordedStep) (held bool, err error) {
	err = f.settle(ctx, "RecordStep", failed, func(ctx context.Context) (err error) {
		held, err = f.steps.RecordStep(ctx, r, step)
		return err
	})
	return held, err
}

// remoteSteps is the client of a store that keeps steps.
type remoteSteps struct {
	remote
	steps idempotency.StepStore
}

// newRemote returns the client of a store, whatever that can do.
func newRemote(w *world, records idempotency.Store) idempotency.Store {
	r := remote{w, records}
	if steps, ok := records.(idempotency.StepStore); ok {
		return remoteSteps{r, steps}
	}
	return r
}

func (r remoteSteps) TakeOver(ctx context.Context, c idempotency.Claim) ([]idempotency.RecordedStep, *idempotency.Record, error) {
	reply := r.ask(ctx, func(ctx context.Context) stored {
		steps, existing, err := r.steps.TakeOver(ctx, c)
		return stored{steps: steps, record: existing, err: err}
	})
	return reply.steps, reply.record, reply.err
}

func (r remoteSteps) RecordStep(ctx context.Context, record idempotency.Record, step idempotency.RecordedStep) (bool, error) {
	reply := r.ask(ctx, func(ctx context.Context) stored {
		held, err := r.steps.RecordStep(ctx, record, step)
		return stored{held: held, err: err}
	})
	return reply.held, reply.err
}
