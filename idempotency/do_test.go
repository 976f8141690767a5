package idempotency_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

type receipt struct {
	ID     string
	Amount int
	secret string // does not survive being recorded
}

type order struct {
	Article string
	TraceID string `json:"-"`
}

func (w *world) intent(payload any) idempotency.Intent {
	w.t.Helper()
	scope, err := idempotency.NewScope("alice")
	if err != nil {
		w.t.Fatal(err)
	}
	return idempotency.Intent{Scope: scope, Operation: "payments.create", Key: "k1", Payload: payload}
}

func TestDoReplaysTheValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, runs := newWorld(t), 0
		buy := func(context.Context) (receipt, error) {
			runs++
			return receipt{"r1", 1250, "only here"}, nil
		}
		want := receipt{ID: "r1", Amount: 1250}
		for i, trace := range []string{"first", "second"} {
			got, outcome, err := idempotency.Do(t.Context(), w.guard, w.intent(order{"tea", trace}), buy)
			if err != nil || got != want || outcome.Replayed != (i == 1) || outcome.Expires.IsZero() {
				t.Errorf("call %d: got %+v, %+v, %v; want %+v", i, got, outcome, err, want)
			}
		}
		_, _, err := idempotency.Do(t.Context(), w.guard, w.intent(order{Article: "coffee"}), buy)
		w.wantError(err, idempotency.ErrPayloadMismatch)
		if runs != 1 {
			t.Errorf("ran %d times, want once", runs)
		}
	})
}

func TestDoRefusesWhatIsIncomplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, change := range map[string]func(*idempotency.Intent){
		"no scope":            func(i *idempotency.Intent) { i.Scope = idempotency.Scope{} },
		"no operation":        func(i *idempotency.Intent) { i.Operation = "" },
		"no token":            func(i *idempotency.Intent) { i.Key = "" },
		"no payload":          func(i *idempotency.Intent) { i.Payload = nil },
		"a nil pointer":       func(i *idempotency.Intent) { i.Payload = (*order)(nil) },
		"unencodable payload": func(i *idempotency.Intent) { i.Payload = func() {} },
		"both":                func(i *idempotency.Intent) { i.Fingerprint = "f" },
	} {
		intent := w.intent(order{Article: "tea"})
		change(&intent)
		_, _, err := idempotency.Do(t.Context(), w.guard, intent, func(context.Context) (int, error) {
			t.Errorf("%s: executed", name)
			return 0, nil
		})
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	w.events.want(t) // nothing was claimed
}

func TestDoTakesAFingerprint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	intent := w.intent(nil)
	intent.Fingerprint = "f"
	for want := range 2 {
		_, outcome, err := idempotency.Do(t.Context(), w.guard, intent, func(context.Context) (int, error) { return 1, nil })
		if err != nil || outcome.Replayed != (want == 1) {
			t.Errorf("got %+v, %v", outcome, err)
		}
	}
}

// panicking panics when it is encoded.
type panicking struct{ N int }

func (panicking) MarshalJSON() ([]byte, error) { panic("boom") }

// undecodable is encoded but not understood again.
type undecodable struct{ N int }

func (undecodable) MarshalJSON() ([]byte, error) { return []byte(`"text"`), nil }

func TestDoValueThatDoesNotSurvive(t *testing.T) {
	t.Parallel()
	t.Run("channel", func(t *testing.T) { t.Parallel(); lost(t, make(chan int)) })
	t.Run("panic", func(t *testing.T) { t.Parallel(); lost(t, panicking{1}) })
	t.Run("undecodable", func(t *testing.T) { t.Parallel(); lost(t, undecodable{1}) })
}

// lost is the hazard of an unsaved effect: the first caller is told that it has
// happened, and it does not happen again.
func lost[T comparable](t *testing.T, value T) {
	synctest.Test(t, func(t *testing.T) {
		w, runs := newWorld(t), 0
		run := func(context.Context) (T, error) { runs++; return value, nil }
		got, _, err := idempotency.Do(t.Context(), w.guard, w.intent(1), run)
		if err != nil || got != value {
			t.Errorf("got %v, %v; want what was returned", got, err)
		}
		time.Sleep(time.Hour)
		_, _, err = idempotency.Do(t.Context(), w.guard, w.intent(1), run)
		w.wantError(err, idempotency.ErrResultNotKept)
		if runs != 1 {
			t.Errorf("ran %d times, want once", runs)
		}
		w.events.want(t, idempotency.ObservedUnencodable, idempotency.ObservedExecuted, idempotency.ObservedNotKept)
	})
}

func TestDoRecordedByAnEarlierVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, _, err := idempotency.Do(t.Context(), w.guard, w.intent(1), func(context.Context) (string, error) { return "text", nil }); err != nil {
		t.Fatal(err)
	}
	got, _, err := idempotency.Do(t.Context(), w.guard, w.intent(1), func(context.Context) (int, error) {
		t.Error("executed")
		return 1, nil
	})
	w.wantError(err, idempotency.ErrResultNotKept)
	if got != 0 {
		t.Errorf("got %d beside the error", got)
	}
}

func TestDoErrors(t *testing.T) {
	t.Parallel()
	// Under Refuse an error leaves the key interrupted, unless it is marked.
	for _, test := range []struct {
		name  string
		err   error
		again error
	}{
		{"plain", errInjected, idempotency.ErrOutcomeUnknown},
		{"discarded", idempotency.Discard(errInjected), nil},
		{"wrapped", errors.Join(errors.New("not valid"), idempotency.Discard(errInjected)), nil},
	} {
		w := newWorld(t, func(c *idempotency.Config) { c.Recovery = idempotency.Refuse })
		_, _, err := idempotency.Do(t.Context(), w.guard, w.intent(1), func(context.Context) (int, error) { return 0, test.err })
		if !errors.Is(err, errInjected) || err.Error() != test.err.Error() {
			t.Errorf("%s: got %v, want the error as it was", test.name, err)
		}
		got, _, err := idempotency.Do(t.Context(), w.guard, w.intent(1), func(context.Context) (int, error) { return 2, nil })
		if !errors.Is(err, test.again) || err == nil && got != 2 {
			t.Errorf("%s: a retry got %d, %v; want %v", test.name, got, err, test.again)
		}
	}
	if idempotency.Discard(nil) != nil {
		t.Error("no error is no error to discard")
	}
}

func TestDoReconciles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, reconciles)
		w.crash(w.newGuard(), "pay")
		time.Sleep(time.Hour)
		intent := w.intent(nil)
		intent.Fingerprint = w.request("pay").Fingerprint
		mustNotRun := func(context.Context) (receipt, error) {
			t.Error("executed")
			return receipt{}, nil
		}

		// An answer that nobody could be given is none.
		intent.Reconcile = func(context.Context) (idempotency.Reconciliation, error) {
			return idempotency.CompletedWith("no receipt")
		}
		_, _, err := idempotency.Do(t.Context(), w.guard, intent, mustNotRun)
		w.wantError(err, idempotency.ErrReconcile)

		want := receipt{ID: "found", Amount: 1}
		intent.Reconcile = func(context.Context) (idempotency.Reconciliation, error) {
			return idempotency.CompletedWith(want)
		}
		for _, replayed := range []bool{false, true} {
			got, outcome, err := idempotency.Do(t.Context(), w.guard, intent, mustNotRun)
			if err != nil || got != want || outcome.Replayed != replayed {
				t.Errorf("got %+v, %+v, %v; want %+v", got, outcome, err, want)
			}
		}
	})
}

func TestCompletedWithWhatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	if _, err := idempotency.CompletedWith(make(chan int)); err == nil {
		t.Error("accepted")
	}
}

// The one that lost its lease answers as the winner has.
func TestDoLeaseLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.store.renew = partitioned
		got, outcome, err := idempotency.Do(t.Context(), w.guard, w.intent(1), func(ctx context.Context) (string, error) {
			time.Sleep(time.Hour)
			if _, _, err := idempotency.Do(t.Context(), w.newGuard(), w.intent(1), func(context.Context) (string, error) { return "winner", nil }); err != nil {
				t.Error(err)
			}
			return "zombie", nil
		})
		if err != nil || got != "winner" || !outcome.Replayed {
			t.Errorf("got %q, %+v, %v; want the winner's", got, outcome, err)
		}
	})
}

type gobCodec struct{}

func (gobCodec) Marshal(value any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(value)
	return b.Bytes(), err
}

func (gobCodec) Unmarshal(data []byte, value any) error {
	return gob.NewDecoder(bytes.NewReader(data)).Decode(value)
}

func TestDoWithAnotherCodec(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	intent := w.intent(1)
	intent.Codec = gobCodec{}
	for range 2 {
		got, outcome, err := idempotency.Do(t.Context(), w.guard, intent, func(context.Context) (complex128, error) { return 1 + 2i, nil })
		if err != nil || got != 1+2i || strings.HasPrefix(string(outcome.Data), "{") {
			t.Errorf("got %v, %q, %v", got, outcome.Data, err)
		}
	}
}
