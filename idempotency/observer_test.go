package idempotency_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

func TestSlogObserver(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		event idempotency.Event
		want  map[string]any
	}{
		{
			idempotency.Event{
				Observation: idempotency.ObservedReplayed, Operation: "payments.create", ID: "payments.create#hash",
				Duration: 1500 * time.Microsecond, Cost: idempotency.Cost{RoundTrips: 1, WriteUnits: 1},
			},
			map[string]any{
				"level": "INFO", "msg": "idempotency", "outcome": "replayed", "operation": "payments.create", "record": "payments.create#hash",
				"durationMs": 1.5, "roundTrips": 1.0, "readUnits": 0.0, "writeUnits": 1.0,
			},
		},
		{
			idempotency.Event{Observation: idempotency.ObservedLeaseLost},
			map[string]any{
				"level": "WARN", "msg": "idempotency", "outcome": "lease_lost", "operation": "", "record": "",
				"durationMs": 0.0, "roundTrips": 0.0, "readUnits": 0.0, "writeUnits": 0.0,
			},
		},
		{
			idempotency.Event{Observation: idempotency.ObservedCompletionFailed, Err: errors.New("throttled")},
			map[string]any{
				"level": "ERROR", "msg": "idempotency", "outcome": "completion_failed", "operation": "", "record": "", "error": "throttled",
				"durationMs": 0.0, "roundTrips": 0.0, "readUnits": 0.0, "writeUnits": 0.0,
			},
		},
	} {
		t.Run(string(test.event.Observation), func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			logger := slog.New(slog.NewJSONHandler(&b, nil))
			idempotency.NewSlogObserver(logger).Observe(t.Context(), test.event)
			var got map[string]any
			if err := json.Unmarshal(b.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			delete(got, "time")
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("line %v, want %v", got, test.want)
			}
		})
	}
}

func TestObserversTellEach(t *testing.T) {
	t.Parallel()
	var a, b events
	all := idempotency.Observers(&a, &b)
	all.Observe(context.Background(), idempotency.Event{Observation: idempotency.ObservedExecuted})
	a.want(t, idempotency.ObservedExecuted)
	b.want(t, idempotency.ObservedExecuted)
}

// Every call ends in exactly one observation that says so.
func TestCallsEndOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, payload := range []string{"pay", "pay", "pay more"} {
		_, _ = w.do(payload, "paid")
	}
	w.key = newKey(t, "alice", "payments.create", "k2")
	_, _ = w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
		_, _ = w.do("pay", "paid")
		return idempotency.Result{}, errInjected
	})
	ends := 0
	for _, o := range w.events.seen {
		if o.Ends() {
			ends++
		}
	}
	if ends != 5 {
		t.Errorf("%d ends of 5 calls: %v", ends, w.events.seen)
	}
}

func TestInProgressErrorSaysWhenToRetry(t *testing.T) {
	t.Parallel()
	err := &idempotency.InProgressError{RetryAfter: 15 * time.Second}
	if got, want := err.Error(), "idempotency: the operation is in progress; retry after 15s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
