package crash_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// stepNames are the steps of an operation that has several, and their effects. An
// operation without steps has one effect, the first.
var stepNames = []string{"charge", "receipt", "shipment"}

// effects returns the names of the path's effects.
func (p path) effects() []string { return stepNames[:max(p.steps, 1)] }

// operation is what retries and duplicates ask for.
func (w *world) operation() script {
	if w.path.steps > 0 {
		return inSteps(w.path.steps)
	}
	return pay
}

// inSteps has n effects, each in a step, and answers with their receipts.
func inSteps(n int) script { return endingEarly(n, nil) }

// endingEarly is inSteps that ends by end, if it is set, when its first step is
// recorded.
func endingEarly(n int, end func() (idempotency.Result, error)) script {
	return func(p *process, ctx context.Context) (idempotency.Result, error) {
		var receipts []string
		for i, name := range stepNames[:n] {
			if i == 1 && end != nil {
				p.interrupted()
				return end()
			}
			receipt, err := p.inStep(ctx, name)
			if err != nil {
				return idempotency.Result{}, err
			}
			receipts = append(receipts, receipt)
		}
		return p.result(receipts...), nil
	}
}

func declining() (idempotency.Result, error) { return idempotency.Result{}, ledger.ErrOperation }
func panicking() (idempotency.Result, error) { panic("a mistake in the operation") }
func discarding() (idempotency.Result, error) {
	return idempotency.Result{}, idempotency.Discard(ledger.ErrOperation)
}

// inStep has the effect of that name in a step, and returns its receipt. Under
// Reconcile the step can be looked up; under the other policies its effect may
// happen twice if it is interrupted before its record.
func (p *process) inStep(ctx context.Context, name string) (string, error) {
	options := []idempotency.StepOption{idempotency.StepCodec(padded{p.world.path.size})}
	e, _ := idempotency.FromContext(ctx)
	if p.world.policy.recovery == idempotency.Reconcile {
		options = append(options, idempotency.StepReconcile(func(context.Context) (found idempotency.Reconciliation, err error) {
			p.step("reconcile step", func() {
				var id string
				if id, found.Completed = p.world.book.Find(e.DerivedKey(name)); found.Completed {
					receipt := ledger.Receipt(id, p.caller)
					p.tell("reconcile the step %s: finds %s", name, receipt)
					found.Result.Data, err = padded{p.world.path.size}.Marshal(receipt)
				}
			})
			return found, err
		}))
	}
	return idempotency.Step(ctx, name, func(ctx context.Context) (receipt string, err error) {
		p.step("effect", func() {
			if err = context.Cause(ctx); err == nil {
				p.world.book.Step(ledger.Step{Name: name, Call: p.asked.Load()})
				receipt = p.happens(e, name)
			}
		})
		return receipt, err
	}, options...)
}

// padded encodes receipts, followed by blanks up to the size.
type padded struct{ size int }

func (c padded) Marshal(value any) ([]byte, error) {
	data, err := json.Marshal(value)
	return append(data, slices.Repeat([]byte(" "), max(c.size-len(data), 0))...), err
}

func (padded) Unmarshal(data []byte, value any) error { return json.Unmarshal(data, value) }

// stepPaths are the ways through executions with steps.
var stepPaths = []path{
	{name: "one step", steps: 1, request: call, run: inSteps(1)},
	{name: "two steps", steps: 2, everywhere: true, request: call, run: inSteps(2)},
	{name: "three steps", steps: 3, request: call, run: inSteps(3)},
	{name: "two steps, with a deadline", steps: 2, request: request{caller: alice, payload: original, deadline: 10 * time.Second}, run: inSteps(2)},
	{name: "two steps, renewing the lease", steps: 2, request: call, run: slowSteps},
	{name: "two steps, results beside the record", steps: 2, request: call, run: inSteps(2), size: large},
	{name: "two steps, error after the first", steps: 2, request: call, run: endingEarly(2, declining)},
	{name: "two steps, panic after the first", steps: 2, request: call, run: endingEarly(2, panicking)},
	{name: "two steps, discarded after the first", steps: 2, request: call, run: endingEarly(2, discarding)},
	{name: "two steps, after a crash in the first", steps: 2, before: crashedBefore(effectPoint), request: call, run: inSteps(2)},
	{name: "two steps, after a crash between them", steps: 2, everywhere: true, before: crashedBefore(point{label: "effect", n: 2}), request: call, run: inSteps(2)},
	{name: "two steps, after a crash at their end", steps: 2, before: crashedBefore(completePoint), request: call, run: inSteps(2)},
	{name: "two steps, after a crash in the first, discarded before it", steps: 2, everywhere: true, before: crashedBefore(recordStepPoint), request: call, run: discard},
	{name: "two steps, after a crash in the first, error before it", steps: 2, before: crashedBefore(recordStepPoint), request: call, run: failing(declines, false)},
	{name: "two steps, after a crash between them, error", steps: 2, before: crashedBefore(point{label: "effect", n: 2}), request: call, run: endingEarly(2, declining)},
}

// slowSteps takes so long that the lease is renewed before and after each step.
func slowSteps(p *process, ctx context.Context) (idempotency.Result, error) {
	var receipts []string
	for _, name := range stepNames[:2] {
		select {
		case <-time.After(27 * time.Second):
		case <-ctx.Done():
			return idempotency.Result{}, context.Cause(ctx)
		}
		receipt, err := p.inStep(ctx, name)
		if err != nil {
			return idempotency.Result{}, err
		}
		receipts = append(receipts, receipt)
	}
	time.Sleep(24 * time.Second)
	return p.result(receipts...), nil
}

// brokenSteps are stores that lose steps, each in its way.
var brokenSteps = []struct {
	name   string
	broken func(idempotency.StepStore) idempotency.StepStore
	breaks []ledger.Guarantee
}{
	{"takeover that does not bring the steps", func(s idempotency.StepStore) idempotency.StepStore { return forgetsSteps{s} }, []ledger.Guarantee{ledger.G3, ledger.G8}},
	{"renewal that drops the steps", func(s idempotency.StepStore) idempotency.StepStore { return renewsAnew{s} }, []ledger.Guarantee{ledger.G8}},
}

func TestOracleObjectsToLostSteps(t *testing.T) {
	t.Parallel()
	for _, broken := range brokenSteps {
		t.Run(broken.name, func(t *testing.T) {
			t.Parallel()
			var all []*bench
			for _, p := range stepPaths {
				if p.size == 0 {
					all = append(all, &bench{policy: reexecute, path: p, store: inMemory, broken: breakage{
						below: func(s idempotency.Store) idempotency.Store { return broken.broken(s.(idempotency.StepStore)) },
					}})
				}
			}
			wantObjections(t, all, broken.breaks)
		})
	}
}

type forgetsSteps struct{ idempotency.StepStore }

func (s forgetsSteps) TakeOver(ctx context.Context, c idempotency.Claim) ([]idempotency.RecordedStep, *idempotency.Record, error) {
	_, existing, err := s.StepStore.TakeOver(ctx, c)
	return nil, existing, err
}

type renewsAnew struct{ idempotency.StepStore }

func (s renewsAnew) Renew(ctx context.Context, r idempotency.Record) (bool, error) {
	held, err := s.StepStore.Renew(ctx, r)
	if held && err == nil {
		_ = s.Release(ctx, r.ID, r.Owner)
		_, err = s.Claim(ctx, idempotency.Claim{Record: r, Now: time.Now()})
	}
	return held, err
}
