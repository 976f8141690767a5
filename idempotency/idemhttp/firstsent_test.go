package idemhttp_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

func firstSentAt(at time.Time) *http.Request {
	r := newRequest("k1", "{}")
	r.Header.Set(idemhttp.HeaderFirstSent, at.UTC().Format(http.TimeFormat))
	return r
}

func wantResult(t *testing.T, response *http.Response, want string) {
	t.Helper()
	if got := response.Header.Get("Repeatability-Result"); got != want {
		t.Errorf("Repeatability-Result: %q, want %q", got, want)
	}
}

// A retry is told for how long the server remembers, and refused after that.
func TestLateRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, created, func(g *idempotency.Config, c *idemhttp.Config) {
			g.Window, c.FirstSent, c.FirstSentSkew = time.Hour, idemhttp.FirstSentHeeded, 10*time.Second
		})
		first := time.Now() // a whole second, in this test
		for range 2 {
			response := s.send(firstSentAt(first))
			if response.StatusCode != http.StatusCreated {
				t.Errorf("status %d", response.StatusCode)
			}
			wantResult(t, response, "accepted")
		}
		time.Sleep(time.Hour - 10*time.Second - 1)
		response := s.send(firstSentAt(first))
		if response.StatusCode != http.StatusCreated || response.Header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("within the window: status %d", response.StatusCode)
		}
		time.Sleep(time.Nanosecond)
		for range 2 {
			response = s.send(firstSentAt(first))
			wantProblem(t, response, http.StatusPreconditionFailed, idemhttp.TypeWindowPassed)
			wantResult(t, response, "rejected")
			time.Sleep(time.Hour)
		}
		s.wantExecutions(1)
		response = s.post("k1", "{}") // it does not say that it is a retry
		if response.StatusCode != http.StatusCreated {
			t.Errorf("without the header: status %d", response.StatusCode)
		}
		wantResult(t, response, "")
		s.wantExecutions(2)
	})
}

func TestFirstSentIsMalformed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, created, configured(func(c *idemhttp.Config) { c.FirstSent = idemhttp.FirstSentRequired }))
		now := time.Now().UTC()
		for name, values := range map[string][]string{
			"empty":            {""},
			"no date":          {"yesterday"},
			"seconds":          {"1767225600"},
			"RFC 3339":         {now.Format(time.RFC3339)},
			"RFC 850":          {now.Format(time.RFC850)},
			"another zone":     {now.Format(time.RFC1123Z)},
			"sent twice":       {now.Format(http.TimeFormat), now.Format(http.TimeFormat)},
			"in the future":    {now.Add(idemhttp.DefaultFirstSentSkew + time.Second).Format(http.TimeFormat)},
			"with an addition": {now.Format(http.TimeFormat) + ", " + now.Format(http.TimeFormat)},
		} {
			r := newRequest("k1", "{}")
			r.Header[idemhttp.HeaderFirstSent] = values
			response := s.send(r)
			if wantProblem(t, response, http.StatusBadRequest, idemhttp.TypeFirstSentMalformed); t.Failed() {
				t.Fatal(name)
			}
			wantResult(t, response, "rejected")
		}
		response := s.post("k1", "{}")
		wantProblem(t, response, http.StatusBadRequest, idemhttp.TypeFirstSentMissing)
		wantResult(t, response, "")
		s.wantExecutions(0)

		response = s.send(firstSentAt(now.Add(idemhttp.DefaultFirstSentSkew))) // as far ahead as a clock may be
		if response.StatusCode != http.StatusCreated {
			t.Errorf("status %d", response.StatusCode)
		}
		wantResult(t, response, "accepted")
		other := newRequest("k1", "{ }")
		other.Header.Set(idemhttp.HeaderFirstSent, now.Format(http.TimeFormat))
		response = s.send(other)
		wantProblem(t, response, http.StatusUnprocessableEntity, idemhttp.TypePayloadMismatch)
		wantResult(t, response, "rejected")
		s.wantExecutions(1)
	})
}

func TestFirstSentIsIgnoredByDefault(t *testing.T) {
	t.Parallel()
	s := newService(t, created)
	r := newRequest("k1", "{}")
	r.Header.Set(idemhttp.HeaderFirstSent, "yesterday")
	response := s.send(r)
	if response.StatusCode != http.StatusCreated {
		t.Errorf("status %d", response.StatusCode)
	}
	wantResult(t, response, "")
}

func TestFirstSentIsValidated(t *testing.T) {
	t.Parallel()
	guard, err := idempotency.New(idempotency.Config{Store: brokenStore{}, Window: 2 * time.Minute, Lease: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]idemhttp.Config{
		"unknown":      {FirstSent: idemhttp.FirstSentRequired + 1},
		"all too late": {FirstSent: idemhttp.FirstSentHeeded, FirstSentSkew: 2 * time.Minute},
	} {
		c.Guard, c.Scope = guard, principal
		if _, err := idemhttp.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := idemhttp.New(idemhttp.Config{Guard: guard, Scope: principal, FirstSent: idemhttp.FirstSentHeeded}); err != nil {
		t.Error(err)
	}
}
