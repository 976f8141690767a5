package idempotency

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// MaxSteps is the largest number of steps that one key may have.
const MaxSteps = 64

// StepOption is an option of [Step].
type StepOption func(*stepOptions)

type stepOptions struct {
	codec     Codec
	recovery  Recovery
	reconcile func(context.Context) (Reconciliation, error)
}

// StepCodec encodes the step's result by codec. Default: JSON, by package
// encoding/json.
func StepCodec(codec Codec) StepOption { return func(o *stepOptions) { o.codec = codec } }

// StepReconcile makes an execution that follows an interrupted one ask reconcile
// whether the step has had its effect, if the step is not recorded. reconcile
// returns [CompletedWith] if it has; that result is recorded, and the step is not
// run. It may be asked about a step that never began. An error from it ends the
// step with [ErrReconcile], and the next execution asks again.
func StepReconcile(reconcile func(context.Context) (Reconciliation, error)) StepOption {
	return func(o *stepOptions) { o.recovery, o.reconcile = Reconcile, reconcile }
}

// StepRecovery chooses what an execution that follows an interrupted one does with
// a step that is not recorded. [Reexecute], the default, runs it. [Refuse] returns
// [ErrOutcomeUnknown] if it is the first such step, which is the one that may have
// begun. [Reconcile] needs [StepReconcile], which implies it.
func StepRecovery(recovery Recovery) StepOption {
	return func(o *stepOptions) { o.recovery = recovery }
}

// Step runs run as a step of ctx's execution, and records what it returns before
// the next step begins. A later execution of the same key, after a crash, an error
// or a panic, gets the recorded result, and run is not called again within the
// key's window:
//
//	charge, err := idempotency.Step(ctx, "charge", func(ctx context.Context) (Charge, error) {
//		e, _ := idempotency.FromContext(ctx)
//		return bank.Charge(ctx, e.DerivedKey("charge"), amount)
//	})
//
// An execution whose steps are recorded is not forgotten when it ends by an error, a
// panic or a discarded result: it counts as interrupted, and a retry resumes it. The
// guard's [Recovery] policy applies to it, so that under [Refuse] there is no retry.
// The same holds for an execution that follows an interrupted one, whose first step
// may have begun.
//
// A crash between the effect of a step and its record leaves that one step to be
// run again. A [Execution.DerivedKey] closes this gap in a system that takes
// idempotency keys, and [StepReconcile] in one that can be asked.
//
// A step is named by 1 to 100 letters, digits, dots, hyphens and underscores. Names
// are unique within an execution, and steps run one after another. For as long as
// the window lasts, later versions of the program must keep a step's name for the
// same effect, and be able to decode its result. As with [Do], every execution
// gets the value as it was recorded.
//
// Step costs one request to the store, and none if the step is recorded. The store
// has to be a [StepStore], and the guard in [Leased] mode.
//
// An error from run is returned as it is, and not recorded. Without calling run,
// Step returns
//   - [ErrStep] if the program uses it in a way that it is not meant for
//   - [ErrLeaseOver] if the execution has lost its lease, or the cause by which ctx
//     has ended
//   - [ErrStepResult] if the recorded result cannot be decoded, or was not kept
//   - [ErrStore] if the step before this one could not be recorded
//   - [ErrSeal] or [ErrSealUnavailable] if the recorded result cannot be opened
//   - [ErrReconcile] or [ErrOutcomeUnknown], by the options
//
// It also returns [ErrLeaseOver] if the lease is found to be lost when the result is
// to be recorded. If the store does not answer then, Step returns the value, and the
// next step, or the end of the execution, records what is missing.
func Step[T any](ctx context.Context, name string, run func(context.Context) (T, error), options ...StepOption) (T, error) {
	var none T
	o := stepOptions{codec: jsonCodec{}}
	for _, option := range options {
		option(&o)
	}
	if o.reconcile != nil {
		o.reconcile = decodable[T](o.codec, o.reconcile)
	}
	var own *T // what run returned now
	e, _ := FromContext(ctx)
	step, err := e.step(ctx, name, &o, func(ctx context.Context) (Result, error) {
		value, err := run(ctx)
		if err != nil {
			return Result{}, err
		}
		value, result := asRecorded(o.codec, value)
		own = &value
		return result, nil
	})
	switch {
	case err != nil:
		return none, err
	case own != nil:
		return *own, nil
	case step.Data == nil:
		return none, fmt.Errorf("%w: step %q: it was not kept", ErrStepResult, name)
	}
	value, err := decode[T](o.codec, step.Data)
	if err != nil {
		return none, fmt.Errorf("%w: step %q: %w", ErrStepResult, name, err)
	}
	return value, nil
}

// steps is what a call knows of the steps of its execution. It is nil in a call that
// has none.
type steps struct {
	mu       sync.Mutex
	recorded []RecordedStep // in the order in which they were recorded
	begun    map[string]bool
	running  bool
	resumed  bool          // an execution before this one was interrupted
	reached  bool          // a step that was not recorded has been reached
	kept     bool          // a step may be recorded, or have had its effect, here or in an execution before: the key is not to be freed
	pending  *RecordedStep // has run and is not recorded yet
}

// all returns the steps that are recorded.
func (s *steps) all() []RecordedStep {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clip(s.recorded)
}

// bind reports whether the key is not to be freed by the execution's end, whatever
// the execution says of itself.
func (s *steps) bind() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept
}

// unrecorded returns the step that has run and is not recorded yet, or nil.
func (s *steps) unrecorded() *RecordedStep {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending
}

// begin returns the step of that name if it is recorded, or makes it the one that
// runs. first reports whether it may be the step in which an earlier execution was
// interrupted.
func (s *steps) begin(name string) (recorded *RecordedStep, first bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.running:
		return nil, false, fmt.Errorf("%w: %q begins while another step runs", ErrStep, name)
	case s.begun[name]:
		return nil, false, fmt.Errorf("%w: %q is the name of an earlier step", ErrStep, name)
	}
	if s.begun == nil {
		s.begun = make(map[string]bool)
	}
	s.begun[name] = true
	for i := range s.recorded {
		if s.recorded[i].Name == name {
			return &s.recorded[i], false, nil
		}
	}
	if len(s.recorded) >= MaxSteps {
		return nil, false, fmt.Errorf("%w: %q: there are %d steps already", ErrStep, name, MaxSteps)
	}
	first = s.resumed && !s.reached
	s.running, s.reached = true, true
	return nil, first, nil
}

// set changes what is known, under the lock.
func (s *steps) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// stepStore returns the store that keeps e's steps, nil if the guard is disabled.
func (e Execution) stepStore(name string, o *stepOptions) (StepStore, error) {
	c := e.call
	switch {
	case c == nil:
		return nil, fmt.Errorf("%w: %q: the context belongs to no execution", ErrStep, name)
	case c.cfg.Mode == Atomic:
		return nil, fmt.Errorf("%w: %q: an execution in atomic mode has no steps, because all its effects are one", ErrStep, name)
	case o.recovery == Reconcile && o.reconcile == nil:
		return nil, fmt.Errorf("%w: %q: StepReconcile is missing", ErrStep, name)
	case o.recovery < Reexecute || o.recovery > Reconcile:
		return nil, fmt.Errorf("%w: %q: the recovery %d is unknown", ErrStep, name, o.recovery)
	case o.codec == nil:
		return nil, fmt.Errorf("%w: %q: the codec is nil", ErrStep, name)
	}
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("%w: name %w", ErrStep, err)
	}
	store, ok := c.cfg.Store.(StepStore)
	if !ok && !c.cfg.Disabled {
		return nil, fmt.Errorf("%w: %q: the store %T keeps no steps", ErrStep, name, c.cfg.Store)
	}
	return store, nil
}

// step runs run as the step of that name, or returns the step as it is recorded.
func (e Execution) step(ctx context.Context, name string, o *stepOptions, run func(context.Context) (Result, error)) (*RecordedStep, error) {
	store, err := e.stepStore(name, o)
	if err != nil {
		return nil, err
	}
	if err := e.mayGoOn(ctx); err != nil {
		return nil, err
	}
	s := e.call.steps.Load()
	if s == nil {
		s = new(steps)
		if !e.call.steps.CompareAndSwap(nil, s) { // two begin at once, of which one will be refused
			s = e.call.steps.Load()
		}
	}
	recorded, first, err := s.begin(name)
	if err != nil {
		return nil, err
	}
	if recorded != nil {
		e.call.observeStep(e.lease, ObservedStepReplayed, name, nil)
		return e.opened(ctx, *recorded)
	}
	defer s.set(func() { s.running = false })
	if pending := s.unrecorded(); pending != nil {
		if err := e.record(store, *pending); err != nil {
			return nil, err
		}
	}
	result, err := e.outcomeOf(ctx, name, o, first, run)
	if err != nil {
		return nil, err
	}
	if e.call.cfg.Disabled {
		return &RecordedStep{Name: name, Data: result.Data}, nil
	}
	step := RecordedStep{Name: name, Data: e.call.recordable(e.lease, name, result)}
	if err := e.record(store, step); err != nil && !errors.Is(err, ErrStore) {
		return nil, err
	}
	if step.Data != nil {
		step.Data = append([]byte{}, result.Data...)
	}
	return &step, nil
}

// opened returns a recorded step as it was before it was sealed.
func (e Execution) opened(ctx context.Context, step RecordedStep) (*RecordedStep, error) {
	if step.Data == nil {
		return &step, nil
	}
	data, err := e.call.cfg.open(ctx, e.ID(), step.Name, step.Data)
	if err != nil {
		return nil, err
	}
	step.Data = data
	return &step, nil
}

// mayGoOn returns an error if the execution's time is over.
func (e Execution) mayGoOn(ctx context.Context) error {
	switch {
	case e.call.cfg.Disabled:
		return context.Cause(ctx)
	case e.lease.Err() != nil:
		return context.Cause(e.lease)
	case e.call.leaseIsOver():
		return ErrLeaseOver
	}
	return context.Cause(ctx)
}

// outcomeOf runs the step or, if an interrupted execution may have run it, does as
// its recovery says.
func (e Execution) outcomeOf(ctx context.Context, name string, o *stepOptions, first bool, run func(context.Context) (Result, error)) (Result, error) {
	s := e.call.steps.Load()
	if s.resumed && o.recovery == Reconcile {
		found, err := o.reconcile(ctx)
		if err == nil && !found.Completed {
			err = e.mayGoOn(ctx) // or somebody else may run the step by now
		}
		if err != nil {
			return Result{}, fmt.Errorf("%w: step %q: %w", ErrReconcile, name, err)
		}
		if found.Completed {
			e.call.observeStep(e.lease, ObservedReconciled, name, nil)
			return found.Result, nil
		}
	}
	if first && o.recovery == Refuse {
		return Result{}, fmt.Errorf("%w: step %q", ErrOutcomeUnknown, name)
	}
	before := s.kept
	if o.recovery != Reexecute {
		s.set(func() { s.kept = true }) // a retry has to find that this step may have begun
	}
	result, err := run(ctx)
	if _, discarded := errors.AsType[*discardError](err); discarded {
		s.set(func() { s.kept = before })
	}
	return result, err
}

// record records a step that has run. It returns an error that wraps [ErrStore] if
// the store did not answer; the step is then still to be recorded.
func (e Execution) record(store StepStore, step RecordedStep) error {
	c, s := e.call, e.call.steps.Load()
	s.set(func() { s.kept, s.pending = true, &step }) // the write may succeed without our knowing
	held := false
	err := c.persist(e.lease, func(ctx context.Context) (err error) {
		held, err = c.recordPending(ctx, store)
		return err
	})
	switch {
	case err != nil:
		c.observeStep(e.lease, ObservedStepUnrecorded, step.Name, err)
		return fmt.Errorf("%w: step %q is not recorded: %w", ErrStore, step.Name, err)
	case !held:
		c.beating.cancel(ErrLeaseOver)
		return ErrLeaseOver
	}
	return nil
}

// recordPending asks the store once to record the step that has run and is still to
// be recorded, if there is one, and reports whether the lease is held.
func (c *call) recordPending(ctx context.Context, store StepStore) (held bool, err error) {
	s := c.steps.Load()
	step := s.unrecorded()
	if step == nil {
		return true, nil
	}
	r := c.held()
	held, err = store.RecordStep(ctx, r, *step)
	if errors.Is(err, ErrTooLarge) && step.Data != nil {
		step = &RecordedStep{Name: step.Name}
		s.set(func() { s.pending = step }) // for further attempts, too
		c.observeStep(ctx, ObservedOversized, step.Name, err)
		held, err = store.RecordStep(ctx, r, *step)
	}
	if err != nil {
		return false, err
	}
	s.set(func() {
		if s.pending = nil; held { // else it is nobody's to record any more
			s.recorded = append(s.recorded, *step)
		}
	})
	if held {
		c.observeStep(ctx, ObservedStep, step.Name, nil)
	}
	return held, nil
}
