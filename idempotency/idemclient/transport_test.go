package idemclient_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemclient"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// server is a base transport. It answers each request by the next of its
// replies, the last of them again and again, and remembers what it was sent.
type server struct {
	replies []reply
	seen    []seen
}

type reply func(*http.Request) (*http.Response, error)

type seen struct {
	at           time.Time
	method, body string
	length       int64
	header       http.Header
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	s.seen = append(s.seen, seen{time.Now(), r.Method, string(body), r.ContentLength, r.Header})
	return s.replies[min(len(s.seen), len(s.replies))-1](r)
}

func (s *server) keys() (keys []string) {
	for _, request := range s.seen {
		keys = append(keys, request.header.Get("Idempotency-Key"))
	}
	return keys
}

// answers replies with a status, a body and headers, given as name and value.
func answers(status int, body string, header ...string) reply {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
	}
}

func fails(err error) reply {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// hangs answers nothing for as long as somebody waits.
func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

// late answers when it should have been given up, and does not notice.
func late(r *http.Request) (*http.Response, error) {
	time.Sleep(idemclient.DefaultAttemptTimeout)
	return created(r)
}

// breaksOff promises more than it sends.
func breaksOff(*http.Request) (*http.Response, error) {
	body := io.MultiReader(strings.NewReader("half an ans"), failing{io.ErrUnexpectedEOF})
	return &http.Response{StatusCode: http.StatusCreated, Header: http.Header{}, Body: io.NopCloser(body), ContentLength: 100}, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func conflict(problemType string) reply {
	return answers(http.StatusConflict, `{"type":"`+problemType+`","status":409}`, "Content-Type", problem.ContentType, "Retry-After", "3")
}

var (
	created     = answers(http.StatusCreated, "made")
	unavailable = answers(http.StatusServiceUnavailable, "busy")
	errLost     = errors.New("connection reset by peer")
)

func newTransport(t *testing.T, cfg idemclient.Config, replies ...reply) (*idemclient.Transport, *server) {
	t.Helper()
	s := &server{replies: replies}
	cfg.Base = s
	transport, err := idemclient.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return transport, s
}

func newRequest(t *testing.T, method, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://api.test/payments", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// send sends a request and returns status and body of the answer.
func send(transport http.RoundTripper, r *http.Request) (status int, body string, err error) {
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), errors.Join(err, answer.Body.Close())
}

// inBubble runs a test in virtual time.
func inBubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, test)
	})
}

func TestUnsafeRequestsGetAKey(t *testing.T) {
	t.Parallel()
	transport, s := newTransport(t, idemclient.Config{}, created)
	for _, method := range []string{"POST", "PATCH", "POST"} {
		r := newRequest(t, method, "x")
		answer, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		key := s.keys()[len(s.seen)-1]
		if id, err := uuid.Parse(key); err != nil || id.Version() != 4 {
			t.Errorf("%s: key %q is no random UUID", method, key)
		}
		if idemclient.KeyOf(answer) != key {
			t.Errorf("the answer tells the key %q, sent was %q", idemclient.KeyOf(answer), key)
		}
		if len(r.Header) > 0 {
			t.Errorf("the caller's request was changed: %v", r.Header)
		}
	}
	if keys := s.keys(); keys[0] == keys[2] {
		t.Error("two requests share a key")
	}
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PURGE"} {
		if _, _, err := send(transport, newRequest(t, method, "")); err != nil {
			t.Fatal(err)
		}
		if _, found := s.seen[len(s.seen)-1].header["Idempotency-Key"]; found {
			t.Errorf("%s has a key", method)
		}
	}
}

func TestKeyOfTheCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport, s := newTransport(t, idemclient.Config{}, unavailable, created)
		r := newRequest(t, "LINK", "x") // whatever the method
		r.Header.Set("Idempotency-Key", `"mine"`)
		if status, _, err := send(transport, r); status != http.StatusCreated || err != nil {
			t.Errorf("got %d, %v", status, err)
		}
		if keys := s.keys(); len(keys) != 2 || keys[0] != `"mine"` || keys[1] != `"mine"` {
			t.Errorf("sent with the keys %q", keys)
		}
	})
}

func TestKeyOptOut(t *testing.T) {
	t.Parallel()
	for _, none := range [][]string{nil, {""}} {
		transport, s := newTransport(t, idemclient.Config{}, unavailable)
		r := newRequest(t, "POST", "x")
		r.Header["Idempotency-Key"] = none
		if status, _, err := send(transport, r); status != http.StatusServiceUnavailable || err != nil {
			t.Errorf("got %d, %v", status, err)
		}
		if len(s.seen) != 1 || s.keys()[0] != "" {
			t.Errorf("sent with the keys %q, want once without", s.keys())
		}
	}
}

func TestOneIntentKeepsItsKeyThroughARedirect(t *testing.T) {
	t.Parallel()
	transport, s := newTransport(t, idemclient.Config{}, answers(http.StatusTemporaryRedirect, "", "Location", "/v2/payments"), created)
	client := http.Client{Transport: transport}
	answer, err := client.Post("http://api.test/payments", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if keys := s.keys(); len(keys) != 2 || keys[0] == "" || keys[0] != keys[1] || s.seen[1].body != "x" {
		t.Errorf("sent %+v", s.seen)
	}
}

// TestRetriedUntilThereIsAnAnswer also checks that key, bytes and their length
// stay the same, wherever the bytes come from.
func TestRetriedUntilThereIsAnAnswer(t *testing.T) {
	t.Parallel()
	bodies := map[string]func(*http.Request){
		"GetBody": func(*http.Request) {},
		"stream": func(r *http.Request) {
			r.Body, r.GetBody, r.ContentLength = io.NopCloser(iotestReader("amount=1250")), nil, -1
		},
	}
	for name, first := range map[string]reply{
		"lost":       fails(errLost),
		"hangs":      hangs,
		"comes late": late,
		"breaks off": breaksOff,
		"breaks off, compressed": func(r *http.Request) (*http.Response, error) {
			answer, err := breaksOff(r)
			answer.ContentLength, answer.Uncompressed = -1, true
			return answer, err
		},
		"in progress":  conflict(idemhttp.TypeInProgress),
		"timeout":      answers(http.StatusRequestTimeout, ""),
		"too early":    answers(http.StatusTooEarly, ""),
		"too many":     answers(http.StatusTooManyRequests, ""),
		"server error": answers(http.StatusInternalServerError, ""),
		"bad gateway":  answers(http.StatusBadGateway, ""),
		"unavailable":  unavailable,
		"late gateway": answers(http.StatusGatewayTimeout, ""),
	} {
		for kind, make := range bodies {
			inBubble(t, name+" "+kind, func(t *testing.T) {
				transport, s := newTransport(t, idemclient.Config{}, first, first, created)
				r := newRequest(t, "POST", "amount=1250")
				make(r)
				status, body, err := send(transport, r)
				if status != http.StatusCreated || body != "made" || err != nil {
					t.Errorf("got %d %q, %v", status, body, err)
				}
				if len(s.seen) != 3 {
					t.Fatalf("sent %d times, want 3", len(s.seen))
				}
				for _, again := range s.seen {
					if again.body != "amount=1250" || again.length != int64(len(again.body)) || again.header.Get("Idempotency-Key") != s.keys()[0] {
						t.Errorf("sent %+v, at first %+v", again, s.seen[0])
					}
				}
			})
		}
	}
}

// iotestReader hides what could be read twice.
func iotestReader(text string) io.Reader { return io.MultiReader(strings.NewReader(text)) }

func TestFinalAnswersAreNotRetried(t *testing.T) {
	t.Parallel()
	for _, final := range []struct {
		name  string
		reply reply
	}{
		{"201", created},
		{"400", answers(http.StatusBadRequest, "")},
		{"402", answers(http.StatusPaymentRequired, "")},
		{"409 of the operation", answers(http.StatusConflict, "out of stock")},
		{"409 outcome unknown", conflict(idemhttp.TypeOutcomeUnknown)},
		{"409 in progress, but no problem", answers(http.StatusConflict, `{"type":"`+idemhttp.TypeInProgress+`"}`, "Content-Type", "application/json")},
		{"410", answers(http.StatusGone, "")},
		{"422", answers(http.StatusUnprocessableEntity, "")},
		{"501", answers(http.StatusNotImplemented, "")},
	} {
		inBubble(t, final.name, func(t *testing.T) {
			transport, s := newTransport(t, idemclient.Config{}, final.reply)
			want, _ := final.reply(nil)
			wantBody, _ := io.ReadAll(want.Body)
			status, body, err := send(transport, newRequest(t, "POST", "x"))
			if status != want.StatusCode || body != string(wantBody) || err != nil {
				t.Errorf("got %d %q, %v", status, body, err)
			}
			if len(s.seen) != 1 {
				t.Errorf("sent %d times", len(s.seen))
			}
		})
	}
}

func TestInProgressTypeOfAnotherServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const other = "https://api.test/problems/busy"
		transport, _ := newTransport(t, idemclient.Config{InProgressType: other}, conflict(other), created)
		if status, _, err := send(transport, newRequest(t, "POST", "x")); status != http.StatusCreated || err != nil {
			t.Errorf("got %d, %v", status, err)
		}
	})
}

func TestIdempotentMethodsAreRetriedWithoutAKey(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"} {
		inBubble(t, method, func(t *testing.T) {
			transport, s := newTransport(t, idemclient.Config{}, unavailable, fails(errLost), created)
			if status, _, err := send(transport, newRequest(t, method, "")); status != http.StatusCreated || err != nil {
				t.Errorf("got %d, %v", status, err)
			}
			for _, key := range s.keys() {
				if key != "" {
					t.Errorf("sent with the keys %q", s.keys())
				}
			}
		})
	}
}

func TestKeyedMethods(t *testing.T) {
	t.Parallel()
	transport, s := newTransport(t, idemclient.Config{KeyedMethods: []string{"PUT"}}, created)
	for _, method := range []string{"PUT", "POST"} {
		if _, _, err := send(transport, newRequest(t, method, "x")); err != nil {
			t.Fatal(err)
		}
	}
	if keys := s.keys(); keys[0] == "" || keys[1] != "" {
		t.Errorf("sent with the keys %q", keys)
	}
}

func TestOtherRequestsAreSentOnce(t *testing.T) {
	t.Parallel()
	transport, s := newTransport(t, idemclient.Config{}, unavailable)
	upgrade := newRequest(t, "GET", "")
	upgrade.Header.Set("Upgrade", "websocket")
	for _, r := range []*http.Request{newRequest(t, "PURGE", ""), upgrade} {
		s.seen = nil
		if status, _, err := send(transport, r); status != http.StatusServiceUnavailable || err != nil || len(s.seen) != 1 {
			t.Errorf("%s %v: got %d, %v, sent %d times", r.Method, r.Header, status, err, len(s.seen))
		}
	}
}

func TestPauses(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return time.Now().UTC() }
	for _, test := range []struct {
		name  string
		reply func() reply
		least time.Duration // what the server asks for
	}{
		{"backoff", func() reply { return unavailable }, 0},
		{"after an error", func() reply { return fails(errLost) }, 0},
		{"seconds", func() reply { return answers(503, "", "Retry-After", "7") }, 7 * time.Second},
		{"date", func() reply {
			return func(r *http.Request) (*http.Response, error) {
				return answers(503, "", "Retry-After", now().Add(7*time.Second).Format(http.TimeFormat))(r)
			}
		}, 7 * time.Second},
		{"date of a server whose clock is behind", func() reply {
			return func(r *http.Request) (*http.Response, error) {
				behind := now().Add(-time.Hour)
				return answers(503, "", "Date", behind.Format(http.TimeFormat), "Retry-After", behind.Add(7*time.Second).Format(http.TimeFormat))(r)
			}
		}, 7 * time.Second},
		{"date gone by", func() reply { return answers(503, "", "Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT") }, 0},
		{"nonsense", func() reply { return answers(503, "", "Retry-After", "soon") }, 0},
		{"negative", func() reply { return answers(503, "", "Retry-After", "-7") }, 0},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			// Virtual time begins on a full second, and so the dates do.
			bounds := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}
			shortest, longest := slices.Clone(bounds), make([]time.Duration, len(bounds))
			for range 50 {
				var announced []time.Duration
				transport, s := newTransport(t, idemclient.Config{
					MaxAttempts: len(bounds) + 1, BaseDelay: time.Second, MaxDelay: 5 * time.Second, Timeout: time.Hour,
					OnRetry: func(r idemclient.Retry) { announced = append(announced, r.Wait) },
				}, test.reply())
				_, _, _ = send(transport, newRequest(t, "POST", "x"))
				for i, bound := range bounds {
					pause := s.seen[i+1].at.Sub(s.seen[i].at)
					slack := time.Duration(0)
					if strings.HasPrefix(test.name, "date") && test.least > 0 {
						slack = time.Second // a date has whole seconds
					}
					if pause < test.least-slack || pause > test.least+bound {
						t.Errorf("pause %d: %v, want %v to %v", i+1, pause, test.least, test.least+bound)
					}
					if pause != announced[i] {
						t.Errorf("pause %d: %v, announced was %v", i+1, pause, announced[i])
					}
					shortest[i] = min(shortest[i], pause-test.least)
					longest[i] = max(longest[i], pause-test.least)
				}
			}
			for i, bound := range bounds { // fifty in one half would be no full jitter
				if shortest[i] > bound/2 || longest[i] < bound/2 {
					t.Errorf("pause %d lies always between %v and %v beyond %v", i+1, shortest[i], longest[i], test.least)
				}
			}
		})
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	inBubble(t, "answers", func(t *testing.T) {
		transport, s := newTransport(t, idemclient.Config{MaxAttempts: 3}, unavailable)
		status, body, err := send(transport, newRequest(t, "POST", "x"))
		if status != http.StatusServiceUnavailable || body != "busy" || err != nil || len(s.seen) != 3 {
			t.Errorf("got %d %q, %v after %d attempts", status, body, err, len(s.seen))
		}
	})
	inBubble(t, "errors", func(t *testing.T) {
		transport, s := newTransport(t, idemclient.Config{MaxAttempts: 3}, fails(errLost))
		client := http.Client{Transport: transport}
		_, err := client.Post("http://api.test", "", nil)
		var gaveUp *idemclient.Error
		if !errors.Is(err, errLost) || !errors.As(err, &gaveUp) || gaveUp.Key != s.keys()[0] || gaveUp.Attempts != 3 || len(s.seen) != 3 {
			t.Errorf("got %v after %d attempts", err, len(s.seen))
		}
	})
}

func TestTimeIsBounded(t *testing.T) {
	t.Parallel()
	inBubble(t, "hanging attempts", func(t *testing.T) {
		start := time.Now()
		transport, s := newTransport(t, idemclient.Config{AttemptTimeout: 4 * time.Second, Timeout: 10 * time.Second, MaxAttempts: 100}, hangs)
		_, _, err := send(transport, newRequest(t, "POST", "x"))
		if took := time.Since(start); took > 10*time.Second || took < 8*time.Second || err == nil || len(s.seen) < 2 {
			t.Errorf("took %v, %d attempts, %v", took, len(s.seen), err)
		}
	})
	inBubble(t, "Retry-After beyond it", func(t *testing.T) {
		start := time.Now()
		transport, s := newTransport(t, idemclient.Config{}, answers(503, "", "Retry-After", "3600"))
		status, _, err := send(transport, newRequest(t, "POST", "x"))
		if status != 503 || err != nil || len(s.seen) != 1 || time.Since(start) != 0 {
			t.Errorf("got %d, %v after %d attempts and %v", status, err, len(s.seen), time.Since(start))
		}
	})
	inBubble(t, "deadline of the caller", func(t *testing.T) {
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		transport, s := newTransport(t, idemclient.Config{}, answers(503, "", "Retry-After", "3"))
		status, _, err := send(transport, newRequest(t, "POST", "x").WithContext(ctx))
		if status != 503 || err != nil || len(s.seen) != 1 || time.Since(start) != 0 {
			t.Errorf("got %d, %v after %d attempts and %v", status, err, len(s.seen), time.Since(start))
		}
	})
}

func TestCancellation(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]reply{
		"in a pause":    answers(503, "", "Retry-After", "30"),
		"in an attempt": hangs,
	} {
		inBubble(t, name, func(t *testing.T) {
			start := time.Now()
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			transport, s := newTransport(t, idemclient.Config{OnRetry: func(r idemclient.Retry) {
				if name == "in an attempt" {
					t.Errorf("announces another attempt: %+v", r)
				}
			}}, first)
			_, _, err := send(transport, newRequest(t, "POST", "x").WithContext(ctx))
			var gaveUp *idemclient.Error
			if !errors.Is(err, context.Canceled) || !errors.As(err, &gaveUp) || gaveUp.Key != s.keys()[0] || len(s.seen) != 1 || time.Since(start) != time.Second {
				t.Errorf("got %v after %v and %d attempts", err, time.Since(start), len(s.seen))
			}
		})
	}
}

func TestUntrustedServerIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	untrusted := &tls.CertificateVerificationError{Err: errors.New("unknown authority")}
	transport, s := newTransport(t, idemclient.Config{}, fails(untrusted))
	if _, _, err := send(transport, newRequest(t, "POST", "x")); !errors.Is(err, untrusted) || len(s.seen) != 1 {
		t.Errorf("got %v after %d attempts", err, len(s.seen))
	}
}

func TestNothingIsSentPastTheWindow(t *testing.T) {
	t.Parallel()
	hour := idemclient.Config{Window: time.Hour, Timeout: 10 * time.Hour, MaxAttempts: 100}
	expectPassed := func(t *testing.T, err error, s *server, attempts int) {
		t.Helper()
		var gaveUp *idemclient.Error
		if !errors.Is(err, idemclient.ErrWindowPassed) || !errors.As(err, &gaveUp) || gaveUp.Attempts != attempts || len(s.seen) != attempts {
			t.Errorf("got %v after %d attempts, want %v after %d", err, len(s.seen), idemclient.ErrWindowPassed, attempts)
		}
	}
	inBubble(t, "between attempts", func(t *testing.T) {
		transport, s := newTransport(t, hour, answers(503, "", "Retry-After", "1400"))
		_, _, err := send(transport, newRequest(t, "POST", "x"))
		expectPassed(t, err, s, 3)
	})
	inBubble(t, "as the server says", func(t *testing.T) {
		transport, s := newTransport(t, hour, func(r *http.Request) (*http.Response, error) {
			server := time.Now().UTC().Add(-24 * time.Hour) // its clock; only differences count
			return answers(503, "", "Retry-After", "50", "Date", server.Format(http.TimeFormat),
				"Idempotency-Expires", server.Add(45*time.Second).Format(http.TimeFormat))(r)
		})
		_, _, err := send(transport, newRequest(t, "POST", "x"))
		expectPassed(t, err, s, 1)
	})
	inBubble(t, "first sent by another process", func(t *testing.T) {
		transport, s := newTransport(t, hour, created)
		closed := false
		r := newRequest(t, "POST", "x")
		r.Body = closing{r.Body, &closed}
		r.Header.Set("Idempotency-Key", "k1")
		r = r.WithContext(idemclient.WithFirstSent(r.Context(), time.Now().Add(-time.Hour)))
		_, _, err := send(transport, r)
		expectPassed(t, err, s, 0)
		if !closed {
			t.Error("the body was not closed")
		}
		r = newRequest(t, "POST", "x")
		r = r.WithContext(idemclient.WithFirstSent(r.Context(), time.Now().Add(-time.Hour+time.Second)))
		if status, _, err := send(transport, r); status != http.StatusCreated || err != nil {
			t.Errorf("within the window: %d, %v", status, err)
		}
	})
	inBubble(t, "without a key there is none", func(t *testing.T) {
		transport, s := newTransport(t, hour, answers(503, "", "Retry-After", "4000"), created)
		if status, _, err := send(transport, newRequest(t, "GET", "")); status != http.StatusCreated || err != nil || len(s.seen) != 2 {
			t.Errorf("got %d, %v", status, err)
		}
	})
}

type closing struct {
	io.Reader
	closed *bool
}

func (c closing) Close() error {
	*c.closed = true
	return nil
}

func TestBodyTooLarge(t *testing.T) {
	t.Parallel()
	transport, s := newTransport(t, idemclient.Config{MaxBody: 10}, created)
	closed := false
	r := newRequest(t, "POST", "")
	r.Body = closing{strings.NewReader("eleven char"), &closed}
	r.GetBody = nil
	if _, _, err := send(transport, r); !errors.Is(err, idemclient.ErrBodyTooLarge) || len(s.seen) != 0 || !closed {
		t.Errorf("got %v, sent %d times, closed: %v", err, len(s.seen), closed)
	}
	r.Body = closing{strings.NewReader("ten charac"), &closed}
	if _, _, err := send(transport, r); err != nil || s.seen[0].body != "ten charac" {
		t.Errorf("at the limit: %v", err)
	}
	if _, _, err := send(transport, newRequest(t, "POST", "eleven char")); err != nil {
		t.Errorf("with GetBody: %v", err)
	}
}

func TestBodyThatCannotBeRead(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	transport, s := newTransport(t, idemclient.Config{}, created)
	r := newRequest(t, "POST", "")
	r.Body, r.GetBody = io.NopCloser(failing{broken}), nil
	if _, _, err := send(transport, r); !errors.Is(err, broken) || len(s.seen) != 0 {
		t.Errorf("got %v, sent %d times", err, len(s.seen))
	}
}

// TestStreamsAreNotHeldBack: an answer without a length is given to the caller
// while it still comes.
func TestStreamsAreNotHeldBack(t *testing.T) {
	t.Parallel()
	reader, writer := io.Pipe()
	transport, _ := newTransport(t, idemclient.Config{AttemptTimeout: time.Hour}, func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: reader, ContentLength: -1}, nil
	})
	answer, err := transport.RoundTrip(newRequest(t, "POST", "x"))
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = writer.Write([]byte("event")) }()
	event := make([]byte, 5)
	if _, err := io.ReadFull(answer.Body, event); err != nil || string(event) != "event" {
		t.Errorf("got %q, %v", event, err)
	}
	_ = answer.Body.Close()
}

func TestLargeAnswersArePassedOn(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("large ", 100)
	for name, length := range map[string]int64{"known length": int64(len(large)), "uncompressed on the way": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport, _ := newTransport(t, idemclient.Config{MaxBody: 10}, func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(large)), ContentLength: length, Uncompressed: length < 0}, nil
			})
			if _, body, err := send(transport, newRequest(t, "POST", "x")); body != large || err != nil {
				t.Errorf("got %q, %v", body, err)
			}
		})
	}
}

func TestOnRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		transport, s := newTransport(t, idemclient.Config{
			OnRetry: func(r idemclient.Retry) { fmt.Fprint(&told, r.Attempt, r.Status, r.Err, r.Key, r.Request.Method, ";") },
		}, unavailable, fails(errLost), created)
		if _, _, err := send(transport, newRequest(t, "POST", "x")); err != nil {
			t.Fatal(err)
		}
		key := s.keys()[0]
		if want := fmt.Sprint(1, 503, nil, key, "POST", ";", 2, 0, errLost, key, "POST", ";"); strings.ReplaceAll(told.String(), " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("told %q, want %q", told.String(), want)
		}
	})
}

func TestReplayed(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"true": true, "": false, "false": false} {
		if got := idemclient.Replayed(&http.Response{Header: http.Header{"Idempotent-Replayed": {value}}}); got != want {
			t.Errorf("%q: got %v", value, got)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for field, cfg := range map[string]idemclient.Config{
		"KeyedMethods":   {KeyedMethods: []string{"post"}},
		"MaxAttempts":    {MaxAttempts: -1},
		"AttemptTimeout": {AttemptTimeout: -1},
		"Timeout":        {Timeout: -1},
		"BaseDelay":      {BaseDelay: -1},
		"MaxDelay":       {BaseDelay: 2, MaxDelay: 1},
		"Window":         {Window: -1},
		"MaxBody":        {MaxBody: -1},
	} {
		if _, err := idemclient.New(cfg); err == nil || !strings.Contains(err.Error(), "Config."+field) {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

// TestAnswersThatDoNotEnd: what is still to come of an answer that nobody wants
// holds up nothing.
func TestAnswersThatDoNotEnd(t *testing.T) {
	t.Parallel()
	for name, method := range map[string]string{"with a key": "POST", "without": "GET"} {
		inBubble(t, name, func(t *testing.T) {
			start := time.Now()
			transport, s := newTransport(t, idemclient.Config{}, stalls, created)
			status, _, err := send(transport, newRequest(t, method, "x"))
			if status != 201 || err != nil || len(s.seen) != 2 || time.Since(start) > 5*time.Second {
				t.Errorf("got %d, %v after %d attempts and %v", status, err, len(s.seen), time.Since(start))
			}
		})
	}
}

// stalls begins an answer that asks for a retry, and does not end it.
func stalls(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{}, Body: io.NopCloser(stalled{r.Context()}), ContentLength: -1}, nil
}

type stalled struct{ ctx context.Context }

func (s stalled) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, context.Cause(s.ctx)
}
