package simulation

import (
	"context"
	"errors"
	"fmt"

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
