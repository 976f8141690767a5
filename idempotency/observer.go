package idempotency

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Observation names what happened to a call. The names are stable: metrics and
// logs use them as they are.
type Observation string

// What is observed. Each call ends in exactly one of the first group; those of
// the second group may come before it.
const (
	ObservedExecuted         Observation = "executed"          // ran, result recorded
	ObservedReplayed         Observation = "replayed"          // answered with the recorded result
	ObservedReleased         Observation = "released"          // ran, result not to be kept, key free again; Event.Err is set if it failed
	ObservedFailed           Observation = "failed"            // ran and failed, left for recovery
	ObservedMismatch         Observation = "payload_mismatch"  // refused: other fingerprint
	ObservedInProgress       Observation = "in_progress"       // refused: another owner's lease runs
	ObservedOutcomeUnknown   Observation = "outcome_unknown"   // refused: interrupted before, policy Refuse
	ObservedNotKept          Observation = "result_not_kept"   // refused: completed before without a result
	ObservedStoreUnavailable Observation = "store_unavailable" // refused: the claim failed
	ObservedSealFailed       Observation = "seal_failed"       // refused: the result does not open, or a new one could not be sealed; see [ErrSeal]
	ObservedSealUnavailable  Observation = "seal_unavailable"  // refused: the keys to seal and open are out of reach
	ObservedWindowPassed     Observation = "window_passed"     // refused: first sent longer ago than the window
	ObservedNoTime           Observation = "no_time"           // refused: the deadline is too near to begin
	ObservedCancelled        Observation = "cancelled"         // the caller went away before the key was claimed
	ObservedRefused          Observation = "refused"           // refused before the guard was asked; see [Guard.ObserveRefusal]
	ObservedLeaseLost        Observation = "lease_lost"        // ran, but another owner had taken over
	ObservedCompletionFailed Observation = "completion_failed" // ran, but the result could not be recorded

	ObservedBegan         Observation = "began"          // the key is claimed, and an execution begins
	ObservedTakenOver     Observation = "taken_over"     // an interrupted execution's lease was taken over
	ObservedReconciled    Observation = "reconciled"     // the interrupted execution is found to have completed
	ObservedReleaseFailed Observation = "release_failed" // the key stays claimed until its lease is over
	ObservedOversized     Observation = "oversized"      // the result is too large and is recorded without data
	ObservedUnencodable   Observation = "unencodable"    // the result could not be encoded and is recorded without data

	ObservedStep           Observation = "step"            // a step ran and is recorded; see [Step]
	ObservedStepReplayed   Observation = "step_replayed"   // a step's recorded result was used
	ObservedStepUnrecorded Observation = "step_unrecorded" // a step ran and could not be recorded yet
)

// Ends reports whether o is the end of a call, and not something on the way.
func (o Observation) Ends() bool {
	switch o {
	case ObservedBegan, ObservedTakenOver, ObservedReconciled, ObservedReleaseFailed, ObservedOversized, ObservedUnencodable,
		ObservedStep, ObservedStepReplayed, ObservedStepUnrecorded:
		return false
	}
	return true
}

// Event is one observation.
type Event struct {
	Observation Observation
	// Operation and ID are those of the key. ID is a hash and may be logged. It is
	// empty if the call was refused before there was a key.
	Operation string
	ID        string
	// Step is the step's name, if the event is about one.
	Step string
	// Duration is the time since the call began.
	Duration time.Duration
	// Cost is what the call has asked of the store so far.
	Cost Cost
	// Err is the cause if something failed, else nil. It may carry internals
	// and is not for callers.
	Err error
}

// Level returns the level at which the event is worth a log line: Error for
// failures, Warn for what should be rare, Debug for beginnings, Info for the
// rest. For a refusal it is that of an Err that is a [slog.Leveler], or Warn.
func (e Event) Level() slog.Level {
	switch e.Observation {
	case ObservedStoreUnavailable, ObservedSealFailed, ObservedSealUnavailable, ObservedCompletionFailed, ObservedReleaseFailed, ObservedUnencodable, ObservedFailed,
		ObservedStepUnrecorded:
		return slog.LevelError
	case ObservedReleased:
		if _, meant := errors.AsType[*discardError](e.Err); e.Err != nil && !meant {
			return slog.LevelError
		}
	case ObservedLeaseLost, ObservedTakenOver, ObservedReconciled, ObservedOutcomeUnknown, ObservedOversized, ObservedNoTime, ObservedWindowPassed:
		return slog.LevelWarn
	case ObservedRefused:
		var leveled interface {
			error
			slog.Leveler
		}
		if errors.As(e.Err, &leveled) {
			return leveled.Level()
		}
		return slog.LevelWarn
	case ObservedBegan:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// Observer receives events, for logs and metrics. It is called on the request's
// own goroutine, concurrently for concurrent requests, and must not block. A
// panic is recovered and logged by [slog.Default]: it does not disturb the
// request.
type Observer interface {
	Observe(ctx context.Context, event Event)
}

// Starter is an [Observer] that is also told when a call begins, and gives the call
// a context of its own, such as one with a span.
type Starter interface {
	Observer

	// Start is called when a call of [Guard.Do] begins. The context that it returns
	// derives from ctx. It is that of the store's requests, of the execution and of
	// the call's events, the last of which ends the call.
	Start(ctx context.Context, operation, id string) context.Context
}

// NewSlogObserver returns an observer that writes each event as one structured
// log line, at the level of [Event.Level]. Its message is "idempotency", and its
// attributes are
//
//	outcome     the observation
//	operation   that of the key
//	record      the key's ID
//	step        the step's name, if the event is about one
//	durationMs  milliseconds from the beginning of the call
//	roundTrips  what the call has asked of the store so far: see [Cost]
//	readUnits
//	writeUnits
//	error       the cause, if something failed
func NewSlogObserver(logger *slog.Logger) Observer { return slogObserver{logger} }

type slogObserver struct{ logger *slog.Logger }

func (o slogObserver) Observe(ctx context.Context, e Event) {
	level := e.Level()
	if !o.logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("outcome", string(e.Observation)),
		slog.String("operation", e.Operation),
		slog.String("record", e.ID),
		slog.Float64("durationMs", float64(e.Duration.Microseconds())/1000),
		slog.Int("roundTrips", e.Cost.RoundTrips),
		slog.Float64("readUnits", e.Cost.ReadUnits),
		slog.Float64("writeUnits", e.Cost.WriteUnits),
	}
	if e.Step != "" {
		attrs = append(attrs, slog.String("step", e.Step))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	o.logger.LogAttrs(ctx, level, "idempotency", attrs...)
}

// Observers returns an observer that passes each event to all of the given ones,
// in order. A panic of one does not keep it from the others.
func Observers(observers ...Observer) Observer { return several(observers) }

type several []Observer

func (s several) Observe(ctx context.Context, e Event) {
	for _, o := range s {
		observe(ctx, o, e)
	}
}

// Start implements [Starter].
func (s several) Start(ctx context.Context, operation, id string) context.Context {
	for _, o := range s {
		ctx = begin(ctx, o, operation, id)
	}
	return ctx
}

// begin tells the observer of a call's beginning, if it wants to know, and
// contains a panic. A context that is nil is ignored.
func begin(ctx context.Context, o Observer, operation, id string) (own context.Context) {
	starter, ok := o.(Starter)
	if !ok {
		return ctx
	}
	defer func() {
		if r := recover(); r != nil {
			logPanic(ctx, "idempotency: the observer panicked at a call's beginning", r)
			own = ctx
		}
	}()
	if own = starter.Start(ctx, operation, id); own == nil {
		return ctx
	}
	return own
}

// observe passes the event on, and contains a panic.
func observe(ctx context.Context, o Observer, e Event) {
	defer func() {
		if r := recover(); r != nil {
			logPanic(ctx, "idempotency: the observer panicked", r, slog.String("outcome", string(e.Observation)))
		}
	}()
	o.Observe(ctx, e)
}

// logPanic logs an observer's panic, unless the logger panics as well: it may be
// what the observer writes to.
func logPanic(ctx context.Context, message string, r any, attrs ...slog.Attr) {
	defer func() { _ = recover() }()
	slog.LogAttrs(ctx, slog.LevelError, message, append(attrs, slog.String("panic", fmt.Sprint(r)))...)
}

// ObserveRefusal tells the guard's observer of a request that was refused before
// [Guard.Do] could be called: it had no key, say, or its scope could not be
// determined. It is for middleware. operation may be empty, and err is the cause.
func (g *Guard) ObserveRefusal(ctx context.Context, operation string, err error) {
	if g != nil && g.cfg.Observer != nil {
		observe(ctx, g.cfg.Observer, Event{Observation: ObservedRefused, Operation: operation, Err: err})
	}
}

func (c *call) observe(ctx context.Context, o Observation, err error) {
	c.observeStep(ctx, o, "", err)
}

// observeStep tells the observer of a step.
func (c *call) observeStep(ctx context.Context, o Observation, step string, err error) {
	if c.cfg.Observer == nil {
		return
	}
	observe(ctx, c.cfg.Observer, Event{
		Observation: o,
		Operation:   c.Key.Operation(),
		ID:          c.Key.ID(),
		Step:        step,
		Duration:    time.Since(c.start),
		Cost:        c.meter.read(),
		Err:         err,
	})
}
