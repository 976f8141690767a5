package calls_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/apitest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/calls"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// book keeps what is put into it, unless it is told to fail or to hang.
type book struct {
	err     error
	hangs   bool
	owners  []session.ID
	entries []datatable.Entry
	details []any
}

func (b *book) Put(ctx context.Context, owner session.ID, entry datatable.Entry, detail any) error {
	if b.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	b.owners, b.entries, b.details = append(b.owners, owner), append(b.entries, entry), append(b.details, detail)
	return b.err
}

var now = time.Date(2026, 1, 31, 9, 26, 53, 0, time.UTC)

func newObserver(t *testing.T, b *book, logger *slog.Logger) idempotency.Observer {
	t.Helper()
	observer, err := calls.NewObserver(calls.Config{Data: b, Logger: logger, Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return observer
}

func TestEndsOfCallsAreWrittenDown(t *testing.T) {
	t.Parallel()
	b := &book{}
	observer := newObserver(t, b, apitest.Logger())
	ctx, cancel := context.WithCancel(session.NewContext(t.Context(), apitest.Alice))
	cancel() // the client has gone
	observer.Observe(ctx, idempotency.Event{Observation: idempotency.ObservedTakenOver})
	observer.Observe(t.Context(), idempotency.Event{Observation: idempotency.ObservedExecuted}) // nobody's
	observer.Observe(ctx, idempotency.Event{
		Observation: idempotency.ObservedExecuted,
		Operation:   "payments.create",
		ID:          "payments.create#hash",
		Duration:    12345678 * time.Nanosecond,
		Cost:        idempotency.Cost{RoundTrips: 2, ReadUnits: .5, WriteUnits: 3},
	})
	if len(b.entries) != 1 {
		t.Fatalf("got %+v, want one call", b.entries)
	}
	entry := b.entries[0]
	if entry.Kind != datatable.Call || entry.Operation != "payments.create" || !entry.At.Equal(now) || entry.Retention != calls.Retention || b.owners[0] != apitest.Alice {
		t.Errorf("got %+v of %s", entry, b.owners[0])
	}
	want := calls.Detail{KeyHash: "hash", Outcome: "executed", RoundTrips: 2, ReadUnits: .5, WriteUnits: 3, DurationMs: 12.345}
	if diff := cmp.Diff(want, b.details[0]); diff != "" {
		t.Error(diff)
	}
}

func TestFailureIsLoggedAndForgotten(t *testing.T) {
	t.Parallel()
	var logs bytes.Buffer
	observer := newObserver(t, &book{err: errors.New("broken")}, slog.New(slog.NewTextHandler(&logs, nil)))
	observer.Observe(session.NewContext(t.Context(), apitest.Alice), idempotency.Event{Observation: idempotency.ObservedExecuted})
	if !strings.Contains(logs.String(), "broken") {
		t.Errorf("logged %q", logs.String())
	}
}

func TestRequestIsHeldUpForABoundedTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		observer := newObserver(t, &book{hangs: true}, apitest.Logger())
		start := time.Now()
		observer.Observe(session.NewContext(t.Context(), apitest.Alice), idempotency.Event{Observation: idempotency.ObservedReplayed})
		if waited := time.Since(start); waited != calls.Timeout {
			t.Errorf("waited %v, want %v", waited, calls.Timeout)
		}
	})
}

func TestNewObserverNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for field, cfg := range map[string]calls.Config{
		"Data":   {Logger: apitest.Logger()},
		"Logger": {Data: &book{}},
	} {
		if _, err := calls.NewObserver(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("got %v, want an error that names %s", err, field)
		}
	}
}
