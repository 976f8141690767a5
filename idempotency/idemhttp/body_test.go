package idemhttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// form returns a request whose body is a form.
func form(key, body string) *http.Request {
	r := newRequest(key, body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// A form that was parsed before the middleware leaves it an empty body: every
// amount would have the same fingerprint.
func TestHazardBodyReadBefore(t *testing.T) {
	t.Parallel()
	var scopeReads bool
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "paid ", r.PostFormValue("amount"))
	}, func(_ *idempotency.Config, c *idemhttp.Config) {
		c.Scope = func(r *http.Request) (idempotency.Scope, error) {
			if scopeReads {
				_ = r.FormValue("csrf")
			}
			return principal(r)
		}
	})
	for name, before := range map[string]func(*http.Request){
		"csrf middleware":        func(r *http.Request) { _ = r.PostFormValue("csrf") },
		"csrf chunked":           func(r *http.Request) { r.ContentLength = -1; _ = r.PostFormValue("csrf") },
		"scope":                  func(*http.Request) { scopeReads = true },
		"read and not put back":  func(r *http.Request) { _, _ = io.ReadAll(r.Body) },
		"read in part":           func(r *http.Request) { _, _ = r.Body.Read(make([]byte, 3)) },
		"read chunked":           func(r *http.Request) { r.ContentLength = -1; _, _ = io.ReadAll(r.Body) },
		"replaced by half of it": func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("amount")) },
		"read and compressed":    func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip"); _, _ = io.ReadAll(r.Body) },
		"closed":                 func(r *http.Request) { r.Body = closedBody{} },
	} {
		scopeReads = false
		for _, amount := range []string{"1", "1000000"} {
			r := form(name, "amount="+amount+"&csrf=x")
			before(r)
			response := s.send(r)
			if response.StatusCode != http.StatusInternalServerError {
				t.Errorf("%s: status %d, %s", name, response.StatusCode, bodyOf(t, response))
			}
		}
	}
	s.wantExecutions(0)
	// What was read and put back is whole.
	r := form("k", "amount=1")
	_ = r.PostFormValue("csrf")
	r.Body = io.NopCloser(strings.NewReader("amount=1"))
	if response := s.send(r); bodyOf(t, response) != "paid 1" {
		t.Errorf("status %d for a body that was put back", response.StatusCode)
	}
}

type closedBody struct{}

func (closedBody) Read([]byte) (int, error) { return 0, http.ErrBodyReadAfterClose }

func (closedBody) Close() error { return nil }

// Over a real connection the body of a chunked request is empty once a form was
// parsed, and nothing shows that it was not.
func TestHazardBodyReadBeforeOverHTTP(t *testing.T) {
	t.Parallel()
	s := newService(t, created)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Parse") != "" {
			_ = r.ParseMultipartForm(1 << 20)
		}
		s.handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	for _, chunked := range []bool{false, true} {
		for _, parse := range []string{"", "yes"} {
			var body io.Reader = strings.NewReader("amount=1")
			if chunked {
				body = io.MultiReader(body)
			}
			out, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
			if err != nil {
				t.Fatal(err)
			}
			out.Header = form(fmt.Sprint(chunked, parse), "").Header
			if parse != "" {
				out.Header.Set("Parse", parse)
			}
			response, err := server.Client().Do(out)
			if err != nil {
				t.Fatal(err)
			}
			text := bodyOf(t, response)
			response.Body.Close()
			want := http.StatusCreated
			if parse != "" {
				want = http.StatusInternalServerError
			}
			if response.StatusCode != want {
				t.Errorf("chunked %v, parsed %q: status %d, %s", chunked, parse, response.StatusCode, text)
			}
		}
	}
}

// Middleware that decompresses a request leaves it the length that it had.
func TestDecompressedBody(t *testing.T) {
	t.Parallel()
	s := newService(t, created)
	for _, body := range []string{"short", strings.Repeat("long", 100)} {
		r := newRequest(body[:5], "compressed")
		r.Header.Set("Content-Encoding", "gzip")
		r.Body = io.NopCloser(strings.NewReader(body))
		if response := s.send(r); bodyOf(t, response) != "created "+body {
			t.Errorf("status %d for %d bytes", response.StatusCode, len(body))
		}
	}
}

func TestRequestWithoutABody(t *testing.T) {
	t.Parallel()
	s := newService(t, created)
	for _, body := range []io.ReadCloser{nil, http.NoBody} {
		r := newRequest("k1", "")
		r.Body = body
		if response := s.send(r); response.StatusCode != http.StatusCreated {
			t.Errorf("status %d", response.StatusCode)
		}
	}
	s.wantExecutions(1)
}
