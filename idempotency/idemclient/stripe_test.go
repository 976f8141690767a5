package idemclient_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemclient"
)

// stripeLike is a server that does what Stripe documents of idempotent requests:
// the first response for a key is kept, a 500 as well, and replayed with
// Idempotent-Replayed; a key in use is a 409 of that code; what was refused before
// it began is not kept; and Stripe-Should-Retry has the last word.
type stripeLike struct {
	takes time.Duration
	// refuse is asked before a charge begins. A status other than 0 is the response,
	// with what Stripe-Should-Retry then says.
	refuse func(n int) (status int, shouldRetry string)
	status int // of the charge itself; default 200

	mu       sync.Mutex
	requests int
	charges  int
	running  map[string]bool
	kept     map[string]*httptest.ResponseRecorder
	keys     []string
}

func (s *stripeLike) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.charges
}

func (s *stripeLike) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")
	s.mu.Lock()
	s.requests++
	n, kept, running := s.requests, s.kept[key], s.running[key]
	s.keys = append(s.keys, key)
	s.mu.Unlock()
	switch {
	case kept != nil:
		w.Header().Set("Idempotent-Replayed", "true")
		w.WriteHeader(kept.Code)
		_, _ = w.Write(kept.Body.Bytes())
		return
	case running:
		stripeError(w, http.StatusConflict, "idempotency_error", "idempotency_key_in_use")
		return
	}
	if s.refuse != nil {
		if status, shouldRetry := s.refuse(n); status != 0 {
			w.Header().Set("Stripe-Should-Retry", shouldRetry)
			stripeError(w, status, "api_error", "lock_timeout")
			return
		}
	}
	s.mu.Lock()
	if s.running == nil {
		s.running, s.kept = map[string]bool{}, map[string]*httptest.ResponseRecorder{}
	}
	s.running[key] = true
	s.charges++
	charge := s.charges
	s.mu.Unlock()
	time.Sleep(s.takes)
	response := httptest.NewRecorder()
	if s.status >= 400 {
		stripeError(response, s.status, "card_error", "card_declined")
	} else {
		_, _ = fmt.Fprintf(response, "charge %d", charge)
	}
	s.mu.Lock()
	delete(s.running, key)
	s.kept[key] = response
	s.mu.Unlock()
	w.WriteHeader(response.Code)
	_, _ = w.Write(response.Body.Bytes())
}

func stripeError(w http.ResponseWriter, status int, kind, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"error":{"type":%q,"code":%q}}`, kind, code)
}

func TestStripe(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		server   *stripeLike
		cut      func(int) (int, time.Duration)
		status   int
		requests int // 0 for more than two
		charges  int
	}{
		"a charge":               {&stripeLike{}, whole, 200, 1, 1},
		"lost while it runs":     {&stripeLike{takes: 30 * time.Second}, firstCut(-1, time.Second), 200, 0, 1},
		"a declined card":        {&stripeLike{status: 402}, whole, 402, 1, 1},
		"a recorded error":       {&stripeLike{status: 500}, whole, 500, 2, 1},
		"should retry a 400":     {&stripeLike{refuse: refuseFirst(400, "true")}, whole, 200, 2, 1},
		"should not retry a 503": {&stripeLike{refuse: refuseFirst(503, "false")}, whole, 503, 1, 0},
		"says nothing, 429":      {&stripeLike{refuse: refuseFirst(429, "")}, whole, 200, 2, 1},
		"says nothing, 400":      {&stripeLike{refuse: refuseFirst(400, "")}, whole, 400, 1, 0},
		"another conflict":       {&stripeLike{refuse: refuseFirst(409, "")}, whole, 200, 2, 1},
		"retry a conflict":       {&stripeLike{refuse: refuseFirst(409, "true")}, whole, 200, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, test.server, test.cut)
				response, err := n.client(t, idemclient.Stripe()).Post("http://api.test/v1/charges", "application/x-www-form-urlencoded", strings.NewReader("amount=1250"))
				if err != nil {
					t.Fatal(err)
				}
				text := body(t, response)
				s := test.server
				if response.StatusCode != test.status || s.count() != test.charges || test.requests > 0 && s.requests != test.requests || test.requests == 0 && s.requests < 3 {
					t.Errorf("got %s %q after %d requests and %d charges", response.Status, text, s.requests, s.count())
				}
				if s.keys[0] == "" || strings.Count(strings.Join(s.keys, " "), s.keys[0]) != len(s.keys) {
					t.Errorf("sent with the keys %q", s.keys)
				}
			})
		})
	}
}

// refuseFirst refuses the first request and none after it.
func refuseFirst(status int, shouldRetry string) func(int) (int, string) {
	return func(n int) (int, string) {
		if n == 1 {
			return status, shouldRetry
		}
		return 0, ""
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	transport, s := newTransport(t, idemclient.Config{Header: "cko-idempotency-key"}, created)
	client := &http.Client{Transport: transport}
	response, err := client.Post("http://api.test", "", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	key := s.seen[0].header.Get("Cko-Idempotency-Key")
	if key == "" || idemclient.KeyOf(response) != key || s.keys()[0] != "" {
		t.Errorf("sent %v; the response's key is %q", s.seen[0].header, idemclient.KeyOf(response))
	}
	if _, err := idemclient.New(idemclient.Config{Header: "Idempotency Key"}); err == nil || !strings.Contains(err.Error(), "Config.Header") {
		t.Errorf("got %v", err)
	}
}

func TestWithKey(t *testing.T) {
	t.Parallel()
	transport, s := newTransport(t, idemclient.Config{}, created)
	ctx := idemclient.WithKey(t.Context(), "k1")
	brought := newRequest(t, "POST", "x").WithContext(ctx)
	brought.Header.Set("Idempotency-Key", "of the library")
	for _, r := range []*http.Request{newRequest(t, "POST", "x").WithContext(ctx), brought, newRequest(t, "GET", "").WithContext(ctx), newRequest(t, "POST", "x")} {
		if _, _, err := send(transport, r); err != nil {
			t.Fatal(err)
		}
	}
	keys := s.keys()
	if keys[0] != "k1" || keys[1] != "k1" || keys[2] != "" || keys[3] == "k1" || keys[3] == "" {
		t.Errorf("sent with the keys %q", keys)
	}
	if brought.Header.Get("Idempotency-Key") != "of the library" {
		t.Error("the caller's request was changed")
	}
}

func TestShouldRetry(t *testing.T) {
	t.Parallel()
	inBubble(t, "verdicts", func(t *testing.T) {
		var asked []string
		cfg := idemclient.Config{MaxAttempts: 2, ShouldRetry: func(r *http.Response) idemclient.Verdict {
			text := new(strings.Builder)
			_, _ = fmt.Fprint(text, r.StatusCode, " ")
			_ = r.Write(discarding{text})
			asked = append(asked, fmt.Sprint(r.StatusCode))
			switch r.StatusCode {
			case 503:
				return idemclient.Final
			case 422:
				return idemclient.Again
			case 425:
				return idemclient.InProgress
			}
			return idemclient.ByRules
		}}
		for _, test := range []struct {
			replies []reply
			status  int
			sent    int
		}{
			{[]reply{answers(503, "busy")}, 503, 1},
			{[]reply{answers(422, "busy"), created}, 201, 2},
			{[]reply{answers(422, "busy"), answers(422, "busy"), created}, 422, 2},
			{[]reply{answers(425, "busy"), answers(425, "busy"), answers(425, "busy"), created}, 201, 4},
			{[]reply{answers(500, "busy"), created}, 201, 2},
		} {
			transport, s := newTransport(t, cfg, test.replies...)
			status, text, err := send(transport, newRequest(t, "POST", "x"))
			if status != test.status || err != nil || len(s.seen) != test.sent || status != 201 && text != "busy" {
				t.Errorf("got %d %q, %v after %d attempts; want %d after %d", status, text, err, len(s.seen), test.status, test.sent)
			}
		}
		if len(asked) == 0 {
			t.Error("nobody was asked")
		}
	})
}

// discarding reads what it is given and keeps nothing.
type discarding struct{ *strings.Builder }

func (discarding) Write(p []byte) (int, error) { return len(p), nil }
