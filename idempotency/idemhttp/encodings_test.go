package idemhttp_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

func compressed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReplaysSuitTheRequestsEncodings(t *testing.T) {
	t.Parallel()
	coding := ""
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		coding, _, _ = strings.Cut(r.Header.Get("Accept-Encoding"), ",")
		w.Header().Set("Content-Encoding", coding)
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("ETag", `"v1"`)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(compressed(t, "plain"))
	})
	request := func(key string, accept ...string) *http.Request {
		r := newRequest(key, "{}")
		if accept != nil {
			r.Header["Accept-Encoding"] = accept
		}
		return r
	}
	s.send(request("gzip", "gzip, br"))
	s.send(request("br", "br"))
	for _, accept := range [][]string{nil, {"gzip"}, {"GZIP;q=0.5, br"}, {"*"}, {"br", "x-gzip"}, {"*;q=0, gzip;q=1"}} {
		response := s.send(request("gzip", accept...))
		if body := bodyOf(t, response); response.Header.Get("Content-Encoding") != "gzip" || body != string(compressed(t, "plain")) || response.Header.Get("ETag") != `"v1"` {
			t.Errorf("Accept-Encoding %q: %v, %q; want the recording as it is", accept, response.Header, body)
		}
	}
	for _, accept := range [][]string{{"identity"}, {""}, {"br"}, {"gzip;q=0, *"}, {"br;q=1, *;q=0"}, {"gzip; q=0.0"}, {"gzip;q=x"}} {
		response := s.send(request("gzip", accept...))
		body := bodyOf(t, response)
		if response.StatusCode != http.StatusCreated || body != "plain" || response.Header.Get("Content-Encoding") != "" ||
			response.Header.Get("ETag") != `W/"v1"` || response.Header.Get("Content-Length") != "5" || response.Header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("Accept-Encoding %q: status %d, %v, %q; want the plain text", accept, response.StatusCode, response.Header, body)
		}
		wantProblem(t, s.send(request("br", "identity")), http.StatusNotAcceptable, idemhttp.TypeNotAcceptable)
	}
	s.wantExecutions(2)
}

// Whatever a client says it accepts, something is decided, and content without a
// coding always suits.
func FuzzReplaysSuitTheRequestsEncodings(f *testing.F) {
	for _, seed := range []string{"", "gzip", "gzip;q=0", "*;q=0,gzip", "identity;q=0", ";;,q=", "gzip;q=1e400"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(compressed(t, "plain"))
		})
		s.post("k1", "{}")
		r := newRequest("k1", "{}")
		r.Header.Set("Accept-Encoding", accept)
		response := s.send(r)
		body := bodyOf(t, response)
		if gzipped := response.Header.Get("Content-Encoding") == "gzip"; gzipped && body != string(compressed(t, "plain")) || !gzipped && body != "plain" {
			t.Errorf("%q: %v %q", accept, response.Header, body)
		}
		if !strings.Contains(strings.ToLower(accept), "gzip") && !strings.Contains(accept, "*") && body != "plain" {
			t.Errorf("%q: gzip was sent", accept)
		}
	})
}
