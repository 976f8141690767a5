package idemhttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// A handler that gives up when its context ends, as those under a router's
// timeout do, has not responded. An empty 200 would be replayed for the window.
func TestHazardSilenceRecorded(t *testing.T) {
	t.Parallel()
	for policy, again := range map[idempotency.Recovery]int{
		idempotency.Reexecute: http.StatusCreated,
		idempotency.Refuse:    http.StatusConflict,
	} {
		synctest.Test(t, func(t *testing.T) {
			slow := true
			s := newService(t, func(w http.ResponseWriter, r *http.Request) {
				if slow {
					w.Header().Set("Location", "/payments/1") // no response yet
					<-r.Context().Done()
					return
				}
				created(w, r)
			}, func(c *idempotency.Config, _ *idemhttp.Config) { c.Recovery = policy })
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			response := s.send(newRequest("k1", "{}").WithContext(ctx))
			wantProblem(t, response, http.StatusServiceUnavailable, idemhttp.TypeInterrupted)
			if response.Header.Get("Retry-After") == "" || response.Header.Get("Location") != "" {
				t.Errorf("header %v, want Retry-After and none of the handler's", response.Header)
			}
			slow = false
			time.Sleep(time.Minute)
			if response := s.post("k1", "{}"); response.StatusCode != again {
				t.Errorf("policy %v: status %d after the silence, want %d", policy, response.StatusCode, again)
			}
		})
	}
}

// lostLease is a store in which every renewal finds another owner.
type lostLease struct{ idempotency.Store }

func (s lostLease) Renew(context.Context, idempotency.Record) (bool, error) { return false, nil }

func TestHazardSilenceAfterALostLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}, func(c *idempotency.Config, _ *idemhttp.Config) { c.Store = lostLease{c.Store} })
		for range 2 {
			wantProblem(t, s.post("k1", "{}"), http.StatusServiceUnavailable, idemhttp.TypeInterrupted)
		}
		s.wantExecutions(2)
	})
}

// With its context alive, a handler that returns without a word has responded
// with an empty 200, as in net/http.
func TestImplicitResponseIsRecorded(t *testing.T) {
	t.Parallel()
	s := newService(t, func(http.ResponseWriter, *http.Request) {})
	for range 2 {
		if response := s.post("k1", "{}"); response.StatusCode != http.StatusOK {
			t.Errorf("status %d", response.StatusCode)
		}
	}
	s.wantExecutions(1)
}

// A real server under http.TimeoutHandler: the client gets the 503 of one of
// the two, and the retry executes.
func TestHazardSilenceUnderTimeoutHandler(t *testing.T) {
	t.Parallel()
	slow, ended := true, make(chan struct{}, 1)
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if slow {
			<-r.Context().Done()
			return
		}
		created(w, r)
	})
	server := httptest.NewServer(http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- struct{}{} }()
		s.handler.ServeHTTP(w, r)
	}), 100*time.Millisecond, "too late"))
	defer server.Close()
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusCreated} {
		r := newRequest("k1", "{}")
		out, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		out.Header = r.Header
		response, err := server.Client().Do(out)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("status %d, want %d", response.StatusCode, want)
		}
		<-ended
		slow = false
	}
}
