package idempotency_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// stepStore lets a test stand between a guard and a store that keeps steps.
type stepStore struct {
	*faultyStore
	idempotency.StepStore
	dead       atomic.Bool // renewals, completions and releases are swallowed
	cutOff     atomic.Bool // renewals fail
	recordStep func(context.Context, idempotency.Record, idempotency.RecordedStep) (bool, error)
	takeOver   func(context.Context, idempotency.Claim) ([]idempotency.RecordedStep, *idempotency.Record, error)
}

func (s *stepStore) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	return s.faultyStore.Claim(ctx, c)
}

func (s *stepStore) Renew(ctx context.Context, r idempotency.Record) (bool, error) {
	switch {
	case s.dead.Load():
		return true, nil
	case s.cutOff.Load():
		return false, errInjected
	}
	return s.faultyStore.Renew(ctx, r)
}

func (s *stepStore) Complete(ctx context.Context, r idempotency.Record) (*idempotency.Record, error) {
	if s.dead.Load() {
		return nil, nil
	}
	return s.faultyStore.Complete(ctx, r)
}

func (s *stepStore) Release(ctx context.Context, id, owner string) error {
	if s.dead.Load() {
		return nil
	}
	return s.faultyStore.Release(ctx, id, owner)
}

func (s *stepStore) Load(ctx context.Context, id string) (*idempotency.Record, error) {
	return s.faultyStore.Load(ctx, id)
}

func (s *stepStore) RecordStep(ctx context.Context, r idempotency.Record, step idempotency.RecordedStep) (bool, error) {
	if s.recordStep != nil {
		return s.recordStep(ctx, r, step)
	}
	return s.StepStore.RecordStep(ctx, r, step)
}

func (s *stepStore) TakeOver(ctx context.Context, c idempotency.Claim) ([]idempotency.RecordedStep, *idempotency.Record, error) {
	if s.takeOver != nil {
		return s.takeOver(ctx, c)
	}
	return s.StepStore.TakeOver(ctx, c)
}

// shop is a world whose executions have two steps: a charge and a receipt.
type shop struct {
	*world
	steps *stepStore
	// ran counts the runs of each step.
	ran map[string]int
	// before is called, if it is set, before the step of that name begins, and then
	// forgotten. Its error ends the execution.
	before map[string]func() error
	// options are those of the step of that name.
	options map[string][]idempotency.StepOption
}

func newShop(t *testing.T, configure ...func(*idempotency.Config)) *shop {
	t.Helper()
	s := &shop{ran: map[string]int{}, before: map[string]func() error{}, options: map[string][]idempotency.StepOption{}}
	memory := memstore.New()
	s.steps = &stepStore{StepStore: memory}
	s.world = newWorld(t, append(configure, func(c *idempotency.Config) {
		s.steps.faultyStore = c.Store.(*faultyStore)
		s.steps.faultyStore.Store = memory
		c.Store = s.steps
	})...)
	return s
}

// keepsSteps gives another process the shop's store.
func (s *shop) keepsSteps(c *idempotency.Config) { c.Store = s.steps }

func (s *shop) step(ctx context.Context, name string) (string, error) {
	if before := s.before[name]; before != nil {
		delete(s.before, name)
		if err := before(); err != nil {
			return "", err
		}
	}
	return idempotency.Step(ctx, name, func(context.Context) (string, error) {
		s.ran[name]++
		return fmt.Sprint(name, " ", s.ran[name]), nil
	}, s.options[name]...)
}

// pay is the execution: it answers with the results of its steps.
func (s *shop) pay(ctx context.Context) (idempotency.Result, error) {
	charge, err := s.step(ctx, "charge")
	if err != nil {
		return idempotency.Result{}, err
	}
	receipt, err := s.step(ctx, "receipt")
	if err != nil {
		return idempotency.Result{}, err
	}
	if end := s.before["end"]; end != nil {
		delete(s.before, "end")
		if err := end(); err != nil {
			return idempotency.Result{}, err
		}
	}
	return idempotency.Result{Data: []byte(charge + ", " + receipt)}, nil
}

// order makes the request with the execution pay.
func (s *shop) order() (idempotency.Outcome, error) {
	request := s.request("pay")
	request.Reconcile = func(context.Context) (idempotency.Reconciliation, error) { return idempotency.Reconciliation{}, nil }
	return s.guard.Do(s.t.Context(), request, s.pay)
}

// dies is what happens before a step, or the end, if the process dies there: nothing
// that follows reaches the store.
func (s *shop) dies() error {
	s.steps.dead.Store(true)
	return errInjected
}

// restarts lets another process come, after the lease.
func (s *shop) restarts() {
	s.steps.dead.Store(false)
	s.steps.cutOff.Store(false)
	time.Sleep(time.Hour)
}

func fails() error { return errInjected }

func panics() error { panic("boom") }

func discards() error { return idempotency.Discard(errInjected) }

// mustFail makes the request, which ends by an error or a panic.
func (s *shop) mustFail(want error) {
	s.t.Helper()
	defer func() {
		if recover() != nil {
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := s.order()
	s.wantError(err, want)
	time.Sleep(time.Millisecond) // the lease is over from then on
}

func (s *shop) wantRuns(charges, receipts int) {
	s.t.Helper()
	if s.ran["charge"] != charges || s.ran["receipt"] != receipts {
		s.t.Errorf("%d charges and %d receipts, want %d and %d", s.ran["charge"], s.ran["receipt"], charges, receipts)
	}
}

func (s *shop) wantPaid(data string) {
	s.t.Helper()
	outcome, err := s.order()
	s.wantOutcome(outcome, err, data, false)
	outcome, err = s.order()
	s.wantOutcome(outcome, err, data, true)
}

// inEach runs a test in a bubble with a shop under each policy that executes again.
func inEach(t *testing.T, test func(*testing.T, *shop)) {
	t.Parallel()
	for _, policy := range []idempotency.Recovery{idempotency.Reexecute, idempotency.Reconcile} {
		t.Run(fmt.Sprint("recovery ", policy), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				test(t, newShop(t, func(c *idempotency.Config) { c.Recovery = policy }))
			})
		})
	}
}
