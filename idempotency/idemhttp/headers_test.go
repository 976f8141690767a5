package idemhttp_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// behind returns s behind middleware that sets headers.
func behind(s *service, set func(http.Header)) {
	protected := s.handler
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		set(w.Header())
		protected.ServeHTTP(w, r)
	})
}

func TestOuterMiddlewaresHeaders(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if id := w.Header().Get("X-Request-Id"); id != "r1" {
			t.Errorf("the handler sees X-Request-Id %q", id)
		}
		w.Header().Add("Vary", "Accept")
		w.Header().Add("Set-Cookie", "inner=1")
		w.Header().Del("X-Frame-Options")
		w.Header().Set("Referrer-Policy", "origin")
		w.WriteHeader(http.StatusCreated)
		w.Header().Set("X-Request-Id", "too late")
	})
	behind(s, func(header http.Header) {
		header.Set("Vary", "Origin")
		header.Set("Set-Cookie", "outer=1")
		header.Set("X-Request-Id", "r1")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
	})
	first := s.post("k1", "{}")
	want := http.Header{
		"Vary":                {"Origin", "Accept"},
		"Set-Cookie":          {"outer=1", "inner=1"},
		"X-Request-Id":        {"r1"},
		"Referrer-Policy":     {"origin"},
		"Content-Length":      {"0"},
		"Idempotency-Expires": first.Header["Idempotency-Expires"],
	}
	if !reflect.DeepEqual(first.Header, want) {
		t.Errorf("header\n%v, want\n%v", first.Header, want)
	}
	// A replay has its own request's outer headers, and none of the handler's that are not recorded.
	again := s.post("k1", "{}")
	if !slices.Equal(again.Header["Vary"], []string{"Origin"}) || !slices.Equal(again.Header["Set-Cookie"], []string{"outer=1"}) ||
		again.Header.Get("X-Frame-Options") != "DENY" || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("header of the replay %v", again.Header)
	}
}

// A refusal has the outer headers, and nothing that the handler has set before it failed.
func TestOuterMiddlewaresHeadersOfRefusals(t *testing.T) {
	t.Parallel()
	s := newService(t, created)
	behind(s, func(header http.Header) { header.Set("Vary", "Origin") })
	s.post("k1", "{}")
	if response := s.post("k1", "other"); response.StatusCode != 422 || response.Header.Get("Vary") != "Origin" {
		t.Errorf("status %d, header %v", response.StatusCode, response.Header)
	}
}

// A header that outer middleware sets anew for each request is not the handler's to record.
func TestOnlyTheHandlersOwnHeadersAreRecorded(t *testing.T) {
	t.Parallel()
	own := false
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		if own {
			w.Header().Set("Cache-Control", "max-age=60")
		}
	})
	requests := 0
	behind(s, func(header http.Header) {
		requests++
		header.Set("Cache-Control", fmt.Sprint("max-age=", requests))
	})
	s.post("k1", "")
	if got := s.post("k1", "").Header.Get("Cache-Control"); got != "max-age=2" {
		t.Errorf("Cache-Control %q of the replay, want that of its own request", got)
	}
	own = true
	s.post("k2", "")
	if got := s.post("k2", "").Header.Get("Cache-Control"); got != "max-age=60" {
		t.Errorf("Cache-Control %q of the replay, want the handler's", got)
	}
}

func TestHeadersThatDescribeTheContentAreReplayed(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"Content-Disposition": `attachment; filename="receipt.pdf"`, "Content-Language": "de", "Cache-Control": "private, max-age=60", "Content-Type": "application/pdf",
	}
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range want {
			w.Header().Set(name, value)
		}
		_, _ = io.WriteString(w, "%PDF")
	})
	s.post("k1", "")
	again := s.post("k1", "")
	for name, value := range want {
		if got := again.Header.Get(name); got != value {
			t.Errorf("%s %q, want %q", name, got, value)
		}
	}
}

func TestHeadersThatAreNeverRecorded(t *testing.T) {
	t.Parallel()
	guard, err := idempotency.New(idempotency.Config{Store: lostLease{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"set-cookie", "Set-Cookie2", "Cookie", "Authorization", "Proxy-Authorization", "WWW-Authenticate", "Authentication-Info", "Date", "Age", "Content-Length",
		"Connection", "Transfer-Encoding", "Trailer", "Idempotency-Key", "Idempotent-Replayed", "Idempotency-Expires", "", " Link", "Li nk", "Link:", "Lïnk",
	} {
		_, err := idemhttp.New(idemhttp.Config{Guard: guard, Operation: "op", Scope: principal, RecordedHeaders: []string{"Link", name}})
		if err == nil || !strings.Contains(err.Error(), "Config.RecordedHeaders") {
			t.Errorf("%q: error %v", name, err)
		}
	}
}

// A handler that suppresses the media type sends none, the first time or later.
func TestMediaTypeIsNotGuessedOnReplay(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		_, _ = io.WriteString(w, "<html>")
	})
	server := httptest.NewServer(s.handler)
	defer server.Close()
	for range 2 {
		response := overHTTP(t, server, newRequest("k1", "{}"))
		if values := response.Header.Values("Content-Type"); len(values) > 0 {
			t.Errorf("Content-Type %q, want none", values)
		}
	}
	s.wantExecutions(1)
}

// overHTTP sends r to a real server, and reads the response with its trailer.
func overHTTP(t *testing.T, server *httptest.Server, r *http.Request) *http.Response {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	out, err := http.NewRequestWithContext(t.Context(), r.Method, server.URL+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	out.Header = r.Header
	response, err := server.Client().Do(out)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	response.Body = io.NopCloser(bytes.NewReader(text))
	return response
}

func TestTrailersAreReplayed(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "Digest, Set-Cookie")
		w.Header().Add("Trailer", "Never-Sent")
		w.Header().Set("Digest", "not known yet")
		_, _ = io.WriteString(w, "content")
		w.Header().Set("Digest", "sha-256=x")
		w.Header().Set("Set-Cookie", "secret=1")
		w.Header().Set(http.TrailerPrefix+"Rows", "7")
	})
	server := httptest.NewServer(s.handler)
	defer server.Close()
	for i := range 2 {
		response := overHTTP(t, server, newRequest("k1", "{}"))
		want := http.Header{"Digest": {"sha-256=x"}, "Rows": {"7"}}
		if i == 0 {
			want["Never-Sent"] = nil // announced, as net/http would
		}
		if !reflect.DeepEqual(response.Trailer, want) || bodyOf(t, response) != "content" {
			t.Errorf("response %d: trailer %v, want %v", i, response.Trailer, want)
		}
		if response.Header.Get("Set-Cookie") != "" || response.Header.Get("Digest") != "" {
			t.Errorf("response %d: header %v", i, response.Header)
		}
	}
	s.wantExecutions(1)
}

// Outer middleware that measures the response announces a trailer before, and
// sets it after it.
func TestOuterMiddlewaresTrailer(t *testing.T) {
	t.Parallel()
	s := newService(t, created)
	protected := s.handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Took")
		protected.ServeHTTP(w, r)
		w.Header().Set("Took", "1ms")
	}))
	defer server.Close()
	for i := range 2 {
		response := overHTTP(t, server, newRequest("k1", "{}"))
		if response.Trailer.Get("Took") != "1ms" || bodyOf(t, response) != "created {}" {
			t.Errorf("response %d: trailer %v", i, response.Trailer)
		}
	}
	s.wantExecutions(1)
}
