package idemclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// Transport is an [http.RoundTripper] that gives requests keys and sends them
// again. Make one with [New]. It is safe for concurrent use.
type Transport struct {
	cfg Config
}

var _ http.RoundTripper = (*Transport)(nil)

// New returns a transport, or an error that names the field of cfg that is
// wrong.
func New(cfg Config) (*Transport, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Transport{cfg}, nil
}

var (
	// ErrWindowPassed: the server may have forgotten the key, so the request was
	// not sent (again). Find out whether it took effect before sending it with a
	// new key.
	ErrWindowPassed = errors.New("idemclient: the key's window has passed")

	// ErrBodyTooLarge: the request's body exceeds Config.MaxBody and its GetBody
	// is not set, so it could not be sent twice. Nothing was sent.
	ErrBodyTooLarge = errors.New("idemclient: the request's body is too large to be kept for retries: set Request.GetBody, or raise Config.MaxBody")
)

// Error is returned when no response was received. It is unknown whether the
// request took effect: to find out, send it again with this Key.
type Error struct {
	// Key is the idempotency key the request was sent with, if any.
	Key string
	// Attempts is how often the request was sent; 0 if it was not.
	Attempts int
	// Err is the cause: the error of the last attempt, [ErrWindowPassed] or
	// [ErrBodyTooLarge].
	Err error
}

// Error implements error. The key is no part of the text.
func (e *Error) Error() string {
	if e.Attempts == 0 {
		return fmt.Sprintf("not sent: %v", e.Err)
	}
	return fmt.Sprintf("no response after %d attempts: %v", e.Attempts, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Replayed reports whether the response was recorded earlier: the request had been
// executed before, and was not executed now.
func Replayed(response *http.Response) bool {
	return response.Header.Get(idemhttp.HeaderReplayed) == "true"
}

// CloseIdleConnections closes those of the base transport, if it can.
// [http.Client.CloseIdleConnections] calls it.
func (t *Transport) CloseIdleConnections() {
	if base, ok := t.cfg.Base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

// RoundTrip implements http.RoundTripper. A request whose header has the key's
// header with no value at all (nil), or an empty one, is sent without a key, and
// only once if its method needs one. Errors after which a request may have been
// executed are an *[Error].
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	key, repeatable := t.keyOf(request)
	if !repeatable {
		return t.cfg.Base.RoundTrip(request)
	}
	body, err := t.bodyOf(request)
	if err != nil {
		return nil, &Error{Key: key, Err: err}
	}
	c := &call{Transport: t, request: request, body: body, key: key, start: time.Now()}
	return c.do()
}

// call is one request with all its attempts.
type call struct {
	*Transport
	request *http.Request
	body    *body
	key     string
	start   time.Time
	// firstSent is the start, or when another call of the same intent began.
	firstSent time.Time
	// failed and running count the attempts that failed and those that met an
	// earlier request still running.
	failed, running int
	// forgotten is when the server forgets the key, as it last said itself.
	forgotten time.Time
	// end ends the latest attempt, and with it the rest of its response.
	end context.CancelCauseFunc
}

func (c *call) do() (*http.Response, error) {
	ctx := c.request.Context()
	c.firstSent = c.start
	if first, told := ctx.Value(firstSentKey{}).(time.Time); told {
		c.firstSent = first
	}
	c.forgotten = c.firstSent.Add(c.cfg.Window)
	if c.windowPassed(0) {
		c.body.close()
		return nil, &Error{Key: c.key, Err: ErrWindowPassed}
	}
	for {
		response, verdict, err := c.attempt()
		if err == nil && verdict == Final {
			return response, nil
		}
		wait, again := c.pause(ctx, response, verdict)
		attempts := c.failed + c.running
		if !again || err != nil && !mayPass(ctx, err) {
			if err != nil {
				return nil, &Error{c.key, attempts, err}
			}
			return response, nil
		}
		retry := Retry{Request: c.request, Key: c.key, Attempt: attempts, Err: err, Wait: wait}
		if response != nil {
			retry.Status = response.StatusCode
			discard(response.Body, c.end)
		}
		if c.windowPassed(wait) {
			return nil, &Error{c.key, attempts, errors.Join(ErrWindowPassed, err)}
		}
		c.cfg.OnRetry(retry)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, &Error{c.key, attempts, context.Cause(ctx)}
		}
	}
}

// windowPassed reports whether the key will be forgotten after the wait.
func (c *call) windowPassed(wait time.Duration) bool {
	return c.key != "" && !time.Now().Add(wait).Before(c.forgotten)
}

// timeLeft returns how long another attempt may still begin.
func (c *call) timeLeft(ctx context.Context) time.Duration {
	left := time.Until(c.start.Add(c.cfg.Timeout))
	if deadline, bounded := ctx.Deadline(); bounded {
		left = min(left, time.Until(deadline))
	}
	return left
}

// pause counts an attempt and returns how long to wait after it: as long as the
// response asks for, and a random time on top, so that callers that were told the
// same do not all come back at once. again is false if there is no further
// attempt.
//
// While an earlier request is still running, its Retry-After is no more than a
// guess, often what is left of a lease; the request itself usually ends sooner. So
// it is heeded up to Config.MaxDelay, and what time there is is used up.
func (c *call) pause(ctx context.Context, response *http.Response, verdict Verdict) (wait time.Duration, again bool) {
	left := c.timeLeft(ctx)
	if verdict == InProgress {
		c.running++
		wait = min(retryAfter(response), c.cfg.MaxDelay) + c.backoff(c.running)
		again = c.cfg.MaxAttempts > 1
		if wait >= left {
			wait = left / 2
			again = again && wait >= minDelay
		}
		return wait, again
	}
	c.failed++
	wait = retryAfter(response) + c.backoff(c.failed)
	return wait, c.failed < c.cfg.MaxAttempts && wait < left
}

// minDelay is the shortest pause that uses up the time left.
const minDelay = 100 * time.Millisecond

// backoff returns a random time up to a bound that doubles with each attempt.
func (c *call) backoff(attempt int) time.Duration {
	bound := c.cfg.MaxDelay
	if doublings := attempt - 1; doublings < 62 && c.cfg.BaseDelay <= c.cfg.MaxDelay>>doublings {
		bound = c.cfg.BaseDelay << doublings
	}
	return rand.N(bound + 1)
}

// mayPass reports whether an attempt that ended by this error may fare better the
// next time.
func mayPass(ctx context.Context, err error) bool {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return ctx.Err() == nil && !untrusted
}

// attempt sends the request once.
func (c *call) attempt() (response *http.Response, verdict Verdict, err error) {
	reader, err := c.body.next()
	if err != nil {
		return nil, Final, err
	}
	parent := c.request.Context()
	ctx, cancel := context.WithCancelCause(context.WithValue(parent, usedKey{}, c.key))
	c.end = cancel
	timeout := min(c.cfg.AttemptTimeout, time.Until(c.start.Add(c.cfg.Timeout)))
	late := fmt.Errorf("idemclient: no response within %v: %w", timeout, os.ErrDeadlineExceeded)
	timer := time.AfterFunc(timeout, func() { cancel(late) })
	request := c.request.Clone(ctx)
	request.Body = reader
	if c.body != nil {
		request.GetBody, request.ContentLength = c.body.again, c.body.length
	}
	if c.key != "" {
		request.Header[c.cfg.Header] = []string{c.key}
		if c.cfg.FirstSent {
			request.Header[idemhttp.HeaderFirstSent] = []string{c.firstSent.UTC().Format(http.TimeFormat)}
		}
	}

	response, err = c.cfg.Base.RoundTrip(request)
	if err == nil {
		response.Request = request
		response.Body = &endingBody{response.Body, cancel}
		verdict, err = c.read(response)
	}
	inTime := timer.Stop()
	if err == nil && inTime {
		c.note(response)
		return response, verdict, nil
	}
	if !inTime && parent.Err() == nil {
		err = late
	}
	if response != nil {
		_ = response.Body.Close() // its error is no news
	}
	cancel(nil)
	return nil, Final, err
}

// note remembers until when the server says that it remembers the key.
func (c *call) note(response *http.Response) {
	if expires, err := http.ParseTime(response.Header.Get(idemhttp.HeaderExpires)); err == nil {
		c.forgotten = time.Now().Add(fromNow(response, expires))
	}
}
