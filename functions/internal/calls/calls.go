// Package calls writes down what each call of an idempotent operation cost, as an
// entry of the data table, so that a visitor can be shown it. That costs a write
// per call: it is for a demo, and metrics are for everything else.
package calls

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

const (
	// Retention is how long a call is kept.
	Retention = time.Hour
	// Timeout is how long a request is held up at most if the table does not answer:
	// as long as by default for a request to the store of the records.
	Timeout = time.Second
)

// Detail is the detail of a [datatable.Call].
type Detail struct {
	// KeyHash is the hash of scope and idempotency key.
	KeyHash string `json:"keyHash"`
	// Outcome is the observation that the call ended with.
	Outcome idempotency.Observation `json:"outcome"`
	// RoundTrips, ReadUnits and WriteUnits are its [idempotency.Cost].
	RoundTrips int     `json:"roundTrips"`
	ReadUnits  float64 `json:"readUnits"`
	WriteUnits float64 `json:"writeUnits"`
	// DurationMs is how long it took, in milliseconds.
	DurationMs float64 `json:"durationMs"`
}

// Data keeps the calls; a *[datatable.Table] does.
type Data interface {
	Put(ctx context.Context, owner session.ID, entry datatable.Entry, detail any) error
}

// Config configures an observer. All fields but Clock are required.
type Config struct {
	Data   Data
	Logger *slog.Logger
	// Clock returns the time at which a call ended. Default [time.Now].
	Clock func() time.Time
}

// NewObserver returns an observer that writes down how calls end, if their
// context carries a session. It does so before it returns, because a function
// does not run on after its answer, but gives up after [Timeout]: a call that
// cannot be written down is logged and lost. The error names the field of cfg
// that is missing.
func NewObserver(cfg Config) (idempotency.Observer, error) {
	switch {
	case cfg.Data == nil:
		return nil, errors.New("calls: Config.Data is missing")
	case cfg.Logger == nil:
		return nil, errors.New("calls: Config.Logger is missing")
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &observer{cfg}, nil
}

type observer struct{ cfg Config }

// Observe implements [idempotency.Observer].
func (o *observer) Observe(ctx context.Context, e idempotency.Event) {
	caller, ok := session.FromContext(ctx)
	if !ok || !e.Observation.Ends() {
		return
	}
	_, keyHash, _ := strings.Cut(e.ID, "#")
	// The call has ended, whether or not its client is still there.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Timeout)
	defer cancel()
	err := o.cfg.Data.Put(ctx, caller, datatable.Entry{
		Kind:      datatable.Call,
		ID:        datatable.NewID(),
		Operation: e.Operation,
		At:        o.cfg.Clock(),
		Retention: Retention,
	}, Detail{
		KeyHash:    keyHash,
		Outcome:    e.Observation,
		RoundTrips: e.Cost.RoundTrips,
		ReadUnits:  e.Cost.ReadUnits,
		WriteUnits: e.Cost.WriteUnits,
		DurationMs: float64(e.Duration.Microseconds()) / 1000,
	})
	if err != nil {
		o.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "call not written down", slog.String("error", err.Error()))
	}
}
