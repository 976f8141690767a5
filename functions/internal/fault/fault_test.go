package fault_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/fault"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
)

// newRequest returns a request whose idempotency key is accepted.
func newRequest() *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Idempotency-Key", "k1")
	return r
}

// run sends one request with this Demo-Fault through a handler with an effect
// and returns what happened, in order, and the status.
func run(t *testing.T, enabled bool, header ...string) (events []string, status int) {
	t.Helper()
	injector, err := fault.New(fault.Config{
		Enabled: enabled,
		Exit:    func(int) { events = append(events, "exit") },
	})
	if err != nil {
		t.Fatal(err)
	}
	handler := injector.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := fault.BeforeEffect(r.Context()); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		events = append(events, "effect")
		fault.AfterEffect(r.Context())
		fault.BetweenEffects(r.Context())
		events = append(events, "answer")
		w.WriteHeader(http.StatusCreated)
	}))
	r := newRequest()
	r.Header[fault.Header] = header
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return events, w.Code
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		header string
		want   string
	}{
		{"", "effect answer"},
		{"crash-before-effect", "exit effect answer"}, // Exit returns here, as it never does
		{"crash-after-effect", "effect exit answer"},
		{"crash-between-effects", "effect exit answer"},
		{"crash-after-effect,crash-between-effects", "effect exit exit answer"},
		{"drop-response", "effect answer exit"},
		{"crash-after-effect,drop-response", "effect exit answer exit"},
		{"short-window", "effect answer"},
	} {
		t.Run(test.header, func(t *testing.T) {
			t.Parallel()
			var header []string
			if test.header != "" {
				header = []string{test.header}
			}
			events, _ := run(t, true, header...)
			if got := strings.Join(events, " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestDisabledInjectorIgnoresTheHeader(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"crash-before-effect", "drop-response", "nonsense"} {
		events, status := run(t, false, header)
		if !slices.Equal(events, []string{"effect", "answer"}) || status != http.StatusCreated {
			t.Errorf("%s: got %v, status %d", header, events, status)
		}
	}
}

func TestMalformedFaultIsRefusedBeforeAnythingHappens(t *testing.T) {
	t.Parallel()
	for _, header := range [][]string{
		{""}, {"nonsense"}, {"slow"}, {"slow="}, {"slow=1"}, {"slow=-1s"}, {"slow=0s"}, {"slow=4001ms"},
		{"crash-before-effect=1"}, {"short-window=1s"},
		{"drop-response,"}, {"drop-response", "drop-response"}, {"slow=1s,slow=1s"},
	} {
		events, status := run(t, true, header...)
		if len(events) != 0 || status != http.StatusBadRequest {
			t.Errorf("%q: got %v, status %d; want nothing and 400", header, events, status)
		}
	}
}

func TestShortWindow(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{"short-window": true, "drop-response, short-window": true, "drop-response": false} {
		injector, err := fault.New(fault.Config{Enabled: true, Exit: func(int) {}})
		if err != nil {
			t.Fatal(err)
		}
		handler := injector.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got := fault.WantsShortWindow(r.Context()); got != want {
				t.Errorf("%s: got %v", header, got)
			}
		}))
		r := newRequest()
		r.Header.Set(fault.Header, header)
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
}

func TestSlowWaitsBeforeTheEffect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		events, _ := run(t, true, "slow=4s")
		if waited := time.Since(start); waited != 4*time.Second || len(events) != 2 {
			t.Errorf("waited %v, then %v; want 4s and an effect", waited, events)
		}
	})
}

func TestOperationThatStartsOverIsDelayedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		injector, err := fault.New(fault.Config{Enabled: true, Exit: func(int) {}})
		if err != nil {
			t.Fatal(err)
		}
		handler := injector.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			for range 2 {
				if err := fault.BeforeEffect(r.Context()); err != nil {
					t.Error(err)
				}
			}
		}))
		r := newRequest()
		r.Header.Set(fault.Header, "slow=3s")
		for range 2 { // each request for itself
			start := time.Now()
			handler.ServeHTTP(httptest.NewRecorder(), r)
			if waited := time.Since(start); waited != 3*time.Second {
				t.Errorf("waited %v, want 3s", waited)
			}
		}
	})
}

func TestSlowEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		injector, err := fault.New(fault.Config{Enabled: true, Exit: func(int) {}})
		if err != nil {
			t.Fatal(err)
		}
		ended := errors.New("ended")
		var got error
		handler := injector.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeoutCause(r.Context(), time.Second, ended)
			defer cancel()
			got = fault.BeforeEffect(ctx)
		}))
		r := newRequest()
		r.Header.Set(fault.Header, "slow=3s")
		handler.ServeHTTP(httptest.NewRecorder(), r)
		if !errors.Is(got, ended) {
			t.Errorf("got %v, want the context's cause", got)
		}
	})
}

func TestNewRefusesToBeEnabledWithoutExit(t *testing.T) {
	t.Parallel()
	if _, err := fault.New(fault.Config{Enabled: true}); err == nil {
		t.Error("an injector that cannot end the process was made")
	}
}

// TestNoFaultWithoutAKey holds that a request which the idempotency middleware is
// about to refuse reaches it, and costs no process.
func TestNoFaultWithoutAKey(t *testing.T) {
	t.Parallel()
	injector, err := fault.New(fault.Config{
		Enabled: true, Exit: func(int) { t.Error("the process ended") }, Counter: noCounter{t}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	for name, keys := range map[string][]string{"no key": nil, "an empty key": {""}, "two keys": {"a", "b"}} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header["Idempotency-Key"] = keys
		r.Header.Set(fault.Header, "drop-response")
		w := httptest.NewRecorder()
		injector.Middleware(refuse).ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s: got %d", name, w.Code)
		}
	}
}

// noCounter fails the test if anything is counted.
type noCounter struct{ t *testing.T }

func (c noCounter) Count(context.Context, string, int, time.Duration) (bool, error) {
	c.t.Error("a fault was counted")
	return true, nil
}

// counter counts without end.
type counter struct {
	counts map[string]int
	err    error
}

func (c *counter) Count(_ context.Context, name string, limit int, _ time.Duration) (bool, error) {
	if c.counts[name] >= limit {
		return false, c.err
	}
	c.counts[name]++
	return true, c.err
}

func TestFaultsAreRated(t *testing.T) {
	t.Parallel()
	counts := &counter{counts: map[string]int{}}
	exits := 0
	injector, err := fault.New(fault.Config{Enabled: true, Exit: func(int) { exits++ }, Counter: counts, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	handler := injector.Unkeyed(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	ask := func(caller session.ID) int {
		r := newRequest()
		r.Header.Set(fault.Header, "drop-response")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r.WithContext(session.NewContext(r.Context(), caller)))
		return w.Code
	}
	for range fault.PerSession {
		if got := ask("alice"); got != http.StatusOK {
			t.Fatalf("got %d within the limit", got)
		}
	}
	if got := ask("alice"); got != http.StatusTooManyRequests || exits != fault.PerSession {
		t.Errorf("got %d beyond the limit of a session, and %d exits", got, exits)
	}
	for i := range 2 * fault.ForAll {
		ask(session.ID(strconv.Itoa(i)))
	}
	if exits != fault.ForAll {
		t.Errorf("%d faults were caused in a minute, want %d", exits, fault.ForAll)
	}
	counts.err = errors.New("out of reach")
	if got := ask("bob"); got != http.StatusServiceUnavailable || exits != fault.ForAll {
		t.Errorf("got %d from a counter out of reach, and %d exits", got, exits)
	}
}
