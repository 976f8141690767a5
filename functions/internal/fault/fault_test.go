package fault_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/fault"
)

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
		events = append(events, "answer")
		w.WriteHeader(http.StatusCreated)
	}))
	r := httptest.NewRequest(http.MethodPost, "/", nil)
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
		{""}, {"nonsense"}, {"slow"}, {"slow="}, {"slow=1"}, {"slow=-1s"}, {"slow=0s"}, {"slow=8001ms"},
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
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set(fault.Header, header)
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
}

func TestSlowWaitsBeforeTheEffect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		events, _ := run(t, true, "slow=8s")
		if waited := time.Since(start); waited != 8*time.Second || len(events) != 2 {
			t.Errorf("waited %v, then %v; want 8s and an effect", waited, events)
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
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set(fault.Header, "slow=5s")
		for range 2 { // each request for itself
			start := time.Now()
			handler.ServeHTTP(httptest.NewRecorder(), r)
			if waited := time.Since(start); waited != 5*time.Second {
				t.Errorf("waited %v, want 5s", waited)
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
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set(fault.Header, "slow=5s")
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
