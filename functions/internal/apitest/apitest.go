// Package apitest sends requests to the handlers of the demo's functions.
package apitest

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/fault"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// The sessions of two visitors.
const (
	Alice session.ID = "3f1b6a5e-8c0d-4a57-9d3e-6a1f0c2b7e44"
	Bob   session.ID = "b7e442c0-1d3e-4a57-8c0d-6a5e3f1b9d3e"
)

// Request is a request to send.
type Request struct {
	Session session.ID // empty: none
	Key     string     // Idempotency-Key; empty: none
	Body    string     // sent as application/json; empty: none
	Header  http.Header
}

// Response is what came back.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// Send has the handler answer a request.
func Send(t testing.TB, handler http.Handler, method, path string, request Request) Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(request.Body))
	if request.Session != "" {
		r.Header.Set("Demo-Session", string(request.Session))
	}
	if request.Key != "" {
		r.Header.Set("Idempotency-Key", request.Key)
	}
	if request.Body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range request.Header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	answer := w.Result()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Response{answer.StatusCode, answer.Header, string(body)}
}

// Problem returns the slug of the response's problem type, such as "not-found".
// A response that is none, or whose status contradicts it, fails the test.
func (r Response) Problem(t testing.TB) string {
	t.Helper()
	if media := r.Header.Get("Content-Type"); media != problem.ContentType {
		t.Fatalf("got status %d as %s, want a problem document: %s", r.Status, media, r.Body)
	}
	var document struct {
		Type   string
		Status int
	}
	r.Decode(t, &document)
	if document.Status != r.Status {
		t.Errorf("the problem says status %d, the response %d", document.Status, r.Status)
	}
	_, slug, _ := strings.Cut(document.Type, "#")
	return slug
}

// Decode decodes the response's JSON.
func (r Response) Decode(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.Body), into); err != nil {
		t.Fatalf("%v: %s", err, r.Body)
	}
}

// Guard returns a guard that keeps its records in memory.
func Guard(t testing.TB) *idempotency.Guard {
	t.Helper()
	return GuardWith(t, idempotency.Config{})
}

// GuardWith returns a guard that is configured so and keeps its records in
// memory.
func GuardWith(t testing.TB, cfg idempotency.Config) *idempotency.Guard {
	t.Helper()
	cfg.Store = memstore.New()
	guard, err := idempotency.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

// Faults returns an injector that causes faults and panics with "exit" where the
// process would end.
func Faults(t testing.TB) *fault.Injector {
	t.Helper()
	faults, err := fault.New(fault.Config{Enabled: true, Exit: func(int) { panic("exit") }})
	if err != nil {
		t.Fatal(err)
	}
	return faults
}

// Logger returns a logger whose lines nobody reads.
func Logger() *slog.Logger { return slog.New(slog.DiscardHandler) }
