package idempotency

import (
	"context"
	"log/slog"
	"time"
)

// Observation names what happened to a call. The names are stable: metrics and
// logs use them as they are.
type Observation string

// What is observed. Each call ends in exactly one of the first group; the
// second group may come before it.
const (
	ObservedExecuted         Observation = "executed"          // ran, result recorded
	ObservedReplayed         Observation = "replayed"          // answered with the recorded result
	ObservedReleased         Observation = "released"          // ran, result not to be kept, key free again
	ObservedFailed           Observation = "failed"            // ran and failed, left for recovery
	ObservedMismatch         Observation = "payload_mismatch"  // refused: other fingerprint
	ObservedInProgress       Observation = "in_progress"       // refused: another owner's lease runs
	ObservedOutcomeUnknown   Observation = "outcome_unknown"   // refused: interrupted before, policy Refuse
	ObservedNotKept          Observation = "result_not_kept"   // refused: completed before without a result
	ObservedStoreUnavailable Observation = "store_unavailable" // refused: the claim failed
	ObservedLeaseLost        Observation = "lease_lost"        // ran, but another owner had taken over
	ObservedCompletionFailed Observation = "completion_failed" // ran, but the result could not be recorded

	ObservedTakenOver     Observation = "taken_over"     // an interrupted execution's lease was taken over
	ObservedReconciled    Observation = "reconciled"     // the interrupted execution is found to have completed
	ObservedReleaseFailed Observation = "release_failed" // the key stays claimed until its lease is over
	ObservedOversized     Observation = "oversized"      // the result exceeds MaxResult and is recorded without data
	ObservedUnencodable   Observation = "unencodable"    // the result could not be encoded and is recorded without data
)

// Ends tells whether o is how a call ended, and not something on the way.
func (o Observation) Ends() bool {
	switch o {
	case ObservedTakenOver, ObservedReconciled, ObservedReleaseFailed, ObservedOversized, ObservedUnencodable:
		return false
	}
	return true
}

// Event is one observation.
type Event struct {
	Observation Observation
	// Operation and ID are those of the key. ID is a hash and may be logged.
	Operation string
	ID        string
	// Duration is the time since the call began.
	Duration time.Duration
	// Cost is what the call has asked of the store so far.
	Cost Cost
	// Err is the cause where something failed, else nil. It may carry internals
	// and is not for callers.
	Err error
}

// Observer is told what happens, for logs and metrics. It is called on the
// request's own goroutine, concurrently for concurrent requests, and must not
// block or panic.
type Observer interface {
	Observe(ctx context.Context, event Event)
}

// NewSlogObserver returns an observer that writes each event as one structured
// log line: failures as errors, lost and taken-over leases as warnings, the
// rest as information. Its message is "idempotency", and its attributes are
//
//	outcome     the observation
//	operation   that of the key
//	record      the key's ID
//	durationMs  milliseconds from the beginning of the call
//	roundTrips  what the call has asked of the store so far: see [Cost]
//	readUnits
//	writeUnits
//	error       the cause, where something failed
func NewSlogObserver(logger *slog.Logger) Observer { return slogObserver{logger} }

type slogObserver struct{ logger *slog.Logger }

func (o slogObserver) Observe(ctx context.Context, e Event) {
	level := slog.LevelInfo
	switch e.Observation {
	case ObservedStoreUnavailable, ObservedCompletionFailed, ObservedReleaseFailed, ObservedUnencodable:
		level = slog.LevelError
	case ObservedFailed, ObservedLeaseLost, ObservedTakenOver, ObservedReconciled, ObservedOutcomeUnknown, ObservedOversized:
		level = slog.LevelWarn
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
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	o.logger.LogAttrs(ctx, level, "idempotency", attrs...)
}

// Observers returns an observer that tells each of the given ones, in order.
func Observers(observers ...Observer) Observer { return several(observers) }

type several []Observer

func (s several) Observe(ctx context.Context, e Event) {
	for _, o := range s {
		o.Observe(ctx, e)
	}
}
