package idemhttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

func TestHazardEmptyReplayAfterCopy(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, strings.NewReader("copied"))
	})
	s.post("k1", "{}")
	if body := bodyOf(t, s.post("k1", "{}")); body != "copied" {
		t.Errorf("replayed %q, want what was copied", body)
	}
	s.wantExecutions(1)
}

func TestHazardStatusChangedByFlush(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusTeapot) // too late
		w.Header().Set("Location", "/too/late")
		_, _ = io.WriteString(w, "accepted")
	})
	for range 2 {
		response := s.post("k1", "{}")
		if response.StatusCode != http.StatusAccepted || response.Header.Get("Location") != "" || bodyOf(t, response) != "accepted" {
			t.Errorf("status %d, headers %v", response.StatusCode, response.Header)
		}
	}
	s.wantExecutions(1)
}

func TestHazardWrongThingRemembered(t *testing.T) {
	t.Parallel()
	remembered := map[int]bool{
		200: true, 201: true, 202: true, 204: true, 303: true, 402: true, 409: true, 410: true,
		304: false, 400: false, 401: false, 403: false, 404: false, 405: false, 408: false, 413: false, 415: false,
		422: false, 425: false, 429: false, 500: false, 502: false, 503: false, 504: false, 600: false, 999: false,
	}
	for _, policy := range []struct {
		name     string
		recorded func(idemhttp.Response) bool
	}{
		{"default", nil},
		{"everything", func(idemhttp.Response) bool { return true }},
	} {
		for status, want := range remembered {
			s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
			}, func(_ *idempotency.Config, c *idemhttp.Config) { c.Recorded = policy.recorded })
			if policy.name == "everything" {
				want = status != http.StatusNotModified && status < 600
			}
			first, second := s.post("k1", "{}"), s.post("k1", "{}")
			if first.StatusCode != status || second.StatusCode != status {
				t.Errorf("%s: status %d, then %d, want %d twice", policy.name, first.StatusCode, second.StatusCode, status)
			}
			if replayed := second.Header.Get("Idempotent-Replayed") == "true"; replayed != want || (s.executions == 1) != want {
				t.Errorf("%s: status %d: replayed %v after %d executions, want %v", policy.name, status, replayed, s.executions, want)
			}
			wantExpires(t, first)
		}
	}
}

func TestHazardStrangersShare(t *testing.T) {
	t.Parallel()
	s := newService(t, created)
	s.post("k1", "{}")
	stranger := newRequest("k1", `{"other":"payload"}`)
	stranger.Header.Set("Principal", "mallory")
	response := s.send(stranger)
	if response.StatusCode != http.StatusCreated || response.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("status %d, headers %v: a stranger can tell that the key exists", response.StatusCode, response.Header)
	}
	s.wantExecutions(2)
}

func TestHazardCookiesReplayed(t *testing.T) {
	t.Parallel()
	s := newService(t, created)
	s.post("k1", "{}")
	if cookies := s.post("k1", "{}").Header.Values("Set-Cookie"); len(cookies) > 0 {
		t.Errorf("replayed cookies %q", cookies)
	}
}

// A real client hangs up while the handler runs; the server cancels the
// request's context.
func TestHazardDisconnectLosesTheCompletion(t *testing.T) {
	t.Parallel()
	running, finish, finished := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		close(running)
		<-finish
		if err := r.Context().Err(); err != nil {
			t.Errorf("the execution was cancelled: %v", err)
		}
		created(w, r)
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handler.ServeHTTP(w, r)
		close(finished)
	}))
	defer server.Close()

	ctx, disconnect := context.WithCancel(t.Context())
	r := newRequest("k1", "{}").Clone(ctx)
	out, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/payments", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	out.Header = r.Header
	go func() {
		<-running
		disconnect()
	}()
	if response, err := server.Client().Do(out); err == nil {
		response.Body.Close()
		t.Fatal("the client got an answer before it hung up")
	}
	close(finish)
	<-finished
	if response := s.post("k1", "{}"); response.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("status %d after the disconnect, want a replay", response.StatusCode)
	}
	s.wantExecutions(1)
}

func TestPanicReleasesTheKey(t *testing.T) {
	t.Parallel()
	failing := true
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if failing {
			panic(http.ErrAbortHandler)
		}
		created(w, r)
	})
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the panic did not reach the server")
			}
		}()
		s.post("k1", "{}")
	}()
	failing = false
	if response := s.post("k1", "{}"); response.StatusCode != http.StatusCreated {
		t.Errorf("status %d, want the retry to execute", response.StatusCode)
	}
}

// meanwhile is a store in which something happens before a completion.
type meanwhile struct {
	idempotency.Store
	happens func()
}

func (m *meanwhile) Complete(ctx context.Context, r idempotency.Record) (*idempotency.Record, error) {
	m.happens()
	return m.Store.Complete(ctx, r)
}

// Whatever the middleware has in memory for one request is none of the next
// one's, served while the first is executed, recorded or replayed.
func TestHazardAliasingBetweenRequests(t *testing.T) {
	t.Parallel()
	var s *service
	others, nested := 0, false
	another := func() {
		if nested {
			return
		}
		nested = true
		defer func() { nested = false }()
		others++
		for range 2 { // executed, then replayed
			s.post(fmt.Sprint("other ", others), strings.Repeat("other", 10))
		}
	}
	s = newService(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "made of ")
		another()
		_, _ = io.Copy(w, r.Body)
		another()
	}, func(g *idempotency.Config, _ *idemhttp.Config) {
		g.CacheEntries = -1
		g.Store = &meanwhile{g.Store, another}
	})
	for range 2 {
		if body := bodyOf(t, s.post("k1", "coffee")); body != "made of coffee" {
			t.Errorf("got %q", body)
		}
	}
	if others != 3 {
		t.Errorf("%d other requests, want one at each moment", others)
	}
	s.wantExecutions(1 + others)
}

// A status that net/http refuses is refused where the handler sets it, and not
// when the effect has been recorded.
func TestInvalidStatusIsTheHandlersPanic(t *testing.T) {
	t.Parallel()
	for _, status := range []int{-1, 0, 99, 1000} {
		valid := false
		s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
			if !valid {
				w.WriteHeader(status)
			}
		})
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("status %d was accepted", status)
				}
			}()
			s.post("k1", "{}")
		}()
		valid = true
		s.post("k1", "{}")
		s.wantExecutions(2)
	}
}
