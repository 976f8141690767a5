package idemhttp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// What routers, middleware and handlers do to a middleware in the field.

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

// form returns a request with a body of unknown length, as a client sends that streams.
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
func (closedBody) Close() error             { return nil }

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

// multipartRequest returns a form with a file, as a client writes it anew with each attempt.
func multipartRequest(t *testing.T, key, boundary string, reversed bool, amount, file string) *http.Request {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if err := w.SetBoundary(boundary); err != nil {
		t.Fatal(err)
	}
	write := []func() error{
		func() error { return w.WriteField("amount", amount) },
		func() error {
			part, err := w.CreateFormFile("receipt", "receipt.pdf")
			if err == nil {
				_, err = io.WriteString(part, file)
			}
			return err
		},
	}
	if reversed {
		slices.Reverse(write)
	}
	for _, f := range write {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := newRequest(key, body.String())
	r.Header.Set("Content-Type", w.FormDataContentType())
	return r
}

func TestMultipartRetryIsTheSameRequest(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "paid ", r.FormValue("amount"))
	})
	s.send(multipartRequest(t, "k1", "first", false, "1", "%PDF"))
	for _, again := range []*http.Request{
		multipartRequest(t, "k1", "second", false, "1", "%PDF"),
		multipartRequest(t, "k1", "third", true, "1", "%PDF"),
	} {
		if response := s.send(again); response.Header.Get("Idempotent-Replayed") != "true" || bodyOf(t, response) != "paid 1" {
			t.Errorf("status %d for an honest retry", response.StatusCode)
		}
	}
	for _, other := range []*http.Request{
		multipartRequest(t, "k1", "first", false, "1000000", "%PDF"),
		multipartRequest(t, "k1", "second", false, "1", "%PDF 2"),
	} {
		wantProblem(t, s.send(other), http.StatusUnprocessableEntity, idemhttp.TypePayloadMismatch)
	}
	s.wantExecutions(1)
}

func TestMultipartBodyThatWasCutOffIsAnotherPayload(t *testing.T) {
	t.Parallel()
	whole := multipartRequest(t, "k1", "boundary", true, "1", "%PDF")
	body, err := io.ReadAll(whole.Body)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[idempotency.Fingerprint]int{}
	for n := range len(body) {
		fingerprint, err := idemhttp.FormFingerprint(whole, body[:n])
		if err != nil {
			t.Fatal(err)
		}
		if m, found := seen[fingerprint]; found && n < len(body)-1 { // the last line break says nothing
			t.Errorf("the first %d bytes and the first %d have one fingerprint", m, n)
		}
		seen[fingerprint] = n
	}
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

func TestReconciliationWithAServerErrorIsRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
		}, reconciling(func(w http.ResponseWriter, _ *http.Request) (bool, error) {
			w.WriteHeader(http.StatusBadGateway)
			return true, nil
		}))
		s.post("k1", "{}")
		time.Sleep(time.Millisecond)
		response := s.post("k1", "{}")
		wantProblem(t, response, http.StatusServiceUnavailable, idemhttp.TypeNotReconciled)
		if response.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		s.wantExecutions(1)
	})
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
		if want := (http.Header{"Digest": {"sha-256=x"}, "Rows": {"7"}}); !reflect.DeepEqual(response.Trailer, want) || bodyOf(t, response) != "content" {
			t.Errorf("response %d: trailer %v, want %v", i, response.Trailer, want)
		}
		if response.Header.Get("Set-Cookie") != "" || response.Header.Get("Digest") != "" {
			t.Errorf("response %d: header %v", i, response.Header)
		}
	}
	s.wantExecutions(1)
}

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

// A form's fingerprint never fails, and does not depend on the boundary.
func FuzzFormFingerprint(f *testing.F) {
	f.Add("amount", "1", "note", "x")
	f.Add("", "", "\r\n--b", "--b--")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		fingerprint := func(contentType, body string) idempotency.Fingerprint {
			r := newRequest("k1", body)
			r.Header.Set("Content-Type", contentType)
			got, err := idemhttp.FormFingerprint(r, []byte(body))
			if err != nil || got == "" {
				t.Fatalf("%q %q: %q, %v", contentType, body, got, err)
			}
			return got
		}
		write := func(boundary string) (string, string) {
			var b bytes.Buffer
			w := multipart.NewWriter(&b)
			_ = w.SetBoundary(boundary)
			_ = w.WriteField(name1, value1)
			_ = w.WriteField(name2, value2)
			_ = w.Close()
			return w.FormDataContentType(), b.String()
		}
		long1, long2 := strings.Repeat("a", 60), strings.Repeat("b", 60)
		if strings.Contains(value1+value2+name1+name2, long1[:20]) || strings.Contains(value1+value2+name1+name2, long2[:20]) {
			return
		}
		readable := func(contentType, body string) bool {
			r := newRequest("k1", body)
			r.Header.Set("Content-Type", contentType)
			return r.ParseMultipartForm(1<<20) == nil
		}
		if readable(write(long1)) && fingerprint(write(long1)) != fingerprint(write(long2)) {
			t.Errorf("%q=%q, %q=%q: the boundary makes another payload", name1, value1, name2, value2)
		}
		encoded := url.Values{name1: {value1}}.Encode()
		if name1 != name2 && fingerprint("application/x-www-form-urlencoded", encoded+"&"+url.Values{name2: {value2}}.Encode()) !=
			fingerprint("application/x-www-form-urlencoded", url.Values{name2: {value2}}.Encode()+"&"+encoded) {
			t.Errorf("%q=%q, %q=%q: the order of names makes another payload", name1, value1, name2, value2)
		}
		fingerprint("multipart/form-data; boundary="+name1, value1)
		fingerprint(name1, value1)
	})
}
