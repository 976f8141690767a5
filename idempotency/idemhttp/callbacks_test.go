package idemhttp_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// What decides about a response comes after the effect. A panic of it is no failed
// execution: the client gets its response, and a retry executes nothing.
func TestWhatDecidesAboutAResponsePanics(t *testing.T) {
	t.Parallel()
	for name, configure := range map[string]func(*idemhttp.Config){
		"Recorded": func(c *idemhttp.Config) { c.Recorded = func(idemhttp.Response) bool { panic("boom") } },
		"Redact":   func(c *idemhttp.Config) { c.Redact = func(idemhttp.Response) idemhttp.Response { panic("boom") } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var charged atomic.Int32
			s := newService(t, func(w http.ResponseWriter, r *http.Request) {
				charged.Add(1)
				created(w, r)
			}, func(_ *idempotency.Config, c *idemhttp.Config) { configure(c) })
			if response := s.post("k1", "{}"); response.StatusCode != http.StatusCreated || bodyOf(t, response) != "created {}" {
				t.Errorf("status %d, want the handler's own", response.StatusCode)
			}
			wantProblem(t, s.post("k1", "{}"), http.StatusGone, idemhttp.TypeResponseNotKept)
			if n := charged.Load(); n != 1 {
				t.Errorf("charged %d times", n)
			}
		})
	}
}

// After a server error the recovery policy decides, whatever panics.
func TestWhatDecidesAboutAServerErrorPanics(t *testing.T) {
	t.Parallel()
	status := http.StatusInternalServerError
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }, func(_ *idempotency.Config, c *idemhttp.Config) {
		c.Recorded = func(r idemhttp.Response) bool {
			if r.Status >= 500 {
				panic("boom")
			}
			return true
		}
	})
	if response := s.post("k1", "{}"); response.StatusCode != status {
		t.Errorf("status %d", response.StatusCode)
	}
	status = http.StatusOK
	if response := s.post("k1", "{}"); response.StatusCode != status {
		t.Errorf("status %d, want an execution anew", response.StatusCode)
	}
}
