package idempotency_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
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
			idempotency.Event{Observation: idempotency.ObservedReleased, Err: errors.New("declined")},
			map[string]any{
				"level": "ERROR", "msg": "idempotency", "outcome": "released", "operation": "", "record": "", "error": "declined",
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

// panicking is an observer with a mistake.
type panickingObserver struct{}

func (panickingObserver) Observe(context.Context, idempotency.Event) {
	panic("a mistake in the observer")
}

// What an observer does wrong costs no request.
func TestAPanickingObserverDisturbsNothing(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]idempotency.Mode{"leased": idempotency.Leased, "atomic": idempotency.Atomic} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var also events
			guard, err := idempotency.New(idempotency.Config{
				Store: newOpenStore(), Mode: mode, Observer: idempotency.Observers(panickingObserver{}, &also),
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, replayed := range []bool{false, true} {
				outcome, err := guard.Do(t.Context(), atomicRequest(t), answering("paid"))
				if err != nil || string(outcome.Data) != "paid" || outcome.Replayed != replayed {
					t.Errorf("%+v, %v", outcome, err)
				}
			}
			also.want(t, idempotency.ObservedExecuted, idempotency.ObservedReplayed)
		})
	}
}

func TestBeginningsAreObserved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 2 {
		_, _ = w.do("pay", "paid")
	}
	if w.events.began != 1 {
		t.Errorf("%d beginnings of one execution", w.events.began)
	}
	if idempotency.ObservedBegan.Ends() {
		t.Error("a beginning is an end")
	}
}

func TestRefusalsBeforeTheGuardAreObserved(t *testing.T) {
	t.Parallel()
	var seen idempotency.Event
	observer := observerFunc(func(e idempotency.Event) { seen = e })
	guard, err := idempotency.New(idempotency.Config{Store: newOpenStore(), Observer: observer})
	if err != nil {
		t.Fatal(err)
	}
	guard.ObserveRefusal(t.Context(), "payments.create", errInjected)
	want := idempotency.Event{Observation: idempotency.ObservedRefused, Operation: "payments.create", Err: errInjected}
	if seen != want || !seen.Observation.Ends() || seen.Level() != slog.LevelWarn {
		t.Errorf("observed %+v, want %+v", seen, want)
	}
	newWorld(t).guard.ObserveRefusal(t.Context(), "", errInjected)
}

type observerFunc func(idempotency.Event)

func (f observerFunc) Observe(_ context.Context, e idempotency.Event) { f(e) }

// A client that hangs up while its key is claimed is no fault of the store.
func TestACancelledClaimIsNoOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, hangUp := context.WithCancel(t.Context())
	w.store.claim = func(context.Context, idempotency.Claim) (*idempotency.Record, error) {
		hangUp()
		return nil, ctx.Err()
	}
	_, err := w.guard.Do(ctx, w.request("pay"), w.mustNotRun)
	w.wantError(err, idempotency.ErrStore)
	w.events.want(t, idempotency.ObservedCancelled)
	if level := (idempotency.Event{Observation: idempotency.ObservedCancelled, Err: err}).Level(); level != slog.LevelInfo {
		t.Errorf("logged at %v, want information", level)
	}
}

func TestDiscardedErrorsAreNoFailures(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]slog.Level{nil: slog.LevelInfo, errInjected: slog.LevelError, idempotency.Discard(errInjected): slog.LevelInfo} {
		if got := (idempotency.Event{Observation: idempotency.ObservedReleased, Err: err}).Level(); got != want {
			t.Errorf("released by %v: logged at %v, want %v", err, got, want)
		}
	}
}

func TestInProgressErrorSaysWhenToRetry(t *testing.T) {
	t.Parallel()
	err := &idempotency.InProgressError{RetryAfter: 15 * time.Second}
	if got, want := err.Error(), "idempotency: the operation is in progress; retry after 15s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// starter gives each call a number.
type starter struct {
	calls int
	seen  []string
}

type numberKey struct{}

func (s *starter) Start(ctx context.Context, operation, _ string) context.Context {
	s.calls++
	return context.WithValue(ctx, numberKey{}, fmt.Sprint(operation, " ", s.calls))
}

func (s *starter) Observe(ctx context.Context, e idempotency.Event) {
	s.seen = append(s.seen, fmt.Sprint(ctx.Value(numberKey{}), ": ", e.Observation))
}

func TestACallHasTheContextThatItsObserverStarts(t *testing.T) {
	t.Parallel()
	own := &starter{}
	panics := panickingStarter{}
	w := newWorld(t, func(c *idempotency.Config) {
		c.Observer, c.CacheEntries = idempotency.Observers(panics, &events{}, own), 0
	})
	run := func(ctx context.Context) (idempotency.Result, error) {
		if got := ctx.Value(numberKey{}); got != "payments.create 1" {
			t.Errorf("the execution's context is that of %v", got)
		}
		return idempotency.Result{}, nil
	}
	for range 2 { // the second is answered from memory
		if _, err := w.guard.Do(t.Context(), w.request("pay"), run); err != nil {
			t.Error(err)
		}
	}
	want := []string{"payments.create 1: began", "payments.create 1: executed", "payments.create 2: replayed"}
	if !slices.Equal(own.seen, want) {
		t.Errorf("observed %q, want %q", own.seen, want)
	}
}

type panickingStarter struct{}

func (panickingStarter) Start(context.Context, string, string) context.Context { panic("a mistake") }
func (panickingStarter) Observe(context.Context, idempotency.Event)            {}
