package idemclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
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

// Error is how a call ends without an answer. Whether the request took effect
// is unknown: to find out, send it again with this Key.
type Error struct {
	// Key is the idempotency key the request was sent with, if any.
	Key string
	// Attempts is how often it was sent; 0 where it was not.
	Attempts int
	// Err is the cause: what ended the last attempt, [ErrWindowPassed] or
	// [ErrBodyTooLarge].
	Err error
}

// Error implements error. The key is no part of the text.
func (e *Error) Error() string {
	if e.Attempts == 0 {
		return fmt.Sprintf("not sent: %v", e.Err)
	}
	return fmt.Sprintf("no answer after %d attempts: %v", e.Attempts, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Replayed tells whether the answer was recorded earlier: the request had been
// executed before, and was not executed now.
func Replayed(answer *http.Response) bool {
	return answer.Header.Get(idemhttp.HeaderReplayed) == "true"
}

// KeyOf returns the idempotency key of the request that this is the answer to,
// or "".
func KeyOf(answer *http.Response) string {
	if answer.Request == nil {
		return ""
	}
	return answer.Request.Header.Get(idemhttp.HeaderKey)
}

// CloseIdleConnections closes those of the base transport, if it can. It is what
// [http.Client.CloseIdleConnections] calls.
func (t *Transport) CloseIdleConnections() {
	if base, ok := t.cfg.Base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

type firstSentKey struct{}

// WithFirstSent says when the request, which brings its key, was first sent,
// maybe by another process. Its window is counted from there. By default that is
// the present call.
func WithFirstSent(ctx context.Context, at time.Time) context.Context {
	return context.WithValue(ctx, firstSentKey{}, at)
}

// RoundTrip implements http.RoundTripper. A request whose header has
// "Idempotency-Key" with no value at all (nil), or an empty one, is to have no
// key: it is sent as it is, and once if its method needs one. Errors after which
// a request may have been executed are an *[Error].
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

// idempotent methods may be repeated without a key, RFC 9110 section 9.2.2.
var idempotent = []string{"", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete}

// keyOf returns the request's key, a new one if need be, and whether the request
// may be sent more than once.
func (t *Transport) keyOf(request *http.Request) (key string, repeatable bool) {
	if request.Header.Get("Upgrade") != "" {
		return "", false
	}
	values, decided := request.Header[idemhttp.HeaderKey]
	keyed := slices.Contains(t.cfg.KeyedMethods, request.Method)
	switch {
	case len(values) > 0:
		return values[0], values[0] != ""
	case keyed && !decided:
		// What a redirect leads to is still the same intent.
		if from := request.Response; from != nil && KeyOf(from) != "" && from.Request.Method == request.Method {
			return KeyOf(from), true
		}
		return t.cfg.NewKey(), true
	}
	return "", !keyed && slices.Contains(idempotent, request.Method)
}

// call is one request with all its attempts.
type call struct {
	*Transport
	request *http.Request
	body    *body
	key     string
	start   time.Time
	// forgotten is when the server forgets the key, as it last said itself.
	forgotten time.Time
	// end ends the latest attempt, and with it what is still to come of its answer.
	end context.CancelCauseFunc
}

func (c *call) do() (*http.Response, error) {
	ctx := c.request.Context()
	c.forgotten = c.start.Add(c.cfg.Window)
	if first, told := ctx.Value(firstSentKey{}).(time.Time); told {
		c.forgotten = first.Add(c.cfg.Window)
	}
	if c.windowPassed(0) {
		c.body.close()
		return nil, &Error{Key: c.key, Err: ErrWindowPassed}
	}
	for attempt := 1; ; attempt++ {
		answer, retryable, err := c.attempt()
		if err == nil && !retryable {
			return answer, nil
		}
		wait := c.pause(attempt, answer)
		if attempt == c.cfg.MaxAttempts || !c.timeFor(ctx, wait) || err != nil && !mayPass(ctx, err) {
			if err != nil {
				return nil, &Error{c.key, attempt, err}
			}
			return answer, nil
		}
		retry := Retry{Request: c.request, Key: c.key, Attempt: attempt, Err: err, Wait: wait}
		if answer != nil {
			retry.Status = answer.StatusCode
			discard(answer.Body, c.end)
		}
		if c.windowPassed(wait) {
			return nil, &Error{c.key, attempt, errors.Join(ErrWindowPassed, err)}
		}
		c.cfg.OnRetry(retry)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, &Error{c.key, attempt, context.Cause(ctx)}
		}
	}
}

// windowPassed tells whether the key will be forgotten after the wait.
func (c *call) windowPassed(wait time.Duration) bool {
	return c.key != "" && !time.Now().Add(wait).Before(c.forgotten)
}

// timeFor tells whether another attempt can begin after the wait.
func (c *call) timeFor(ctx context.Context, wait time.Duration) bool {
	next := time.Now().Add(wait)
	deadline, bounded := ctx.Deadline()
	return next.Before(c.start.Add(c.cfg.Timeout)) && (!bounded || next.Before(deadline))
}

// pause is how long to wait after an attempt: as long as the answer asks for,
// and a random time on top, so that callers told the same do not all come back
// at once.
func (c *call) pause(attempt int, answer *http.Response) time.Duration {
	bound := c.cfg.MaxDelay
	if doublings := attempt - 1; doublings < 62 && c.cfg.BaseDelay <= c.cfg.MaxDelay>>doublings {
		bound = c.cfg.BaseDelay << doublings
	}
	return retryAfter(answer) + rand.N(bound+1)
}

// mayPass tells whether an attempt that ended by this error may fare better the
// next time.
func mayPass(ctx context.Context, err error) bool {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return ctx.Err() == nil && !untrusted
}

// attempt sends the request once.
func (c *call) attempt() (answer *http.Response, retryable bool, err error) {
	reader, err := c.body.next()
	if err != nil {
		return nil, false, err
	}
	parent := c.request.Context()
	ctx, cancel := context.WithCancelCause(parent)
	c.end = cancel
	timeout := min(c.cfg.AttemptTimeout, time.Until(c.start.Add(c.cfg.Timeout)))
	late := fmt.Errorf("idemclient: no answer within %v: %w", timeout, os.ErrDeadlineExceeded)
	timer := time.AfterFunc(timeout, func() { cancel(late) })
	request := c.request.Clone(ctx)
	request.Body = reader
	if c.body != nil {
		request.GetBody, request.ContentLength = c.body.again, c.body.length
	}
	if _, brought := request.Header[idemhttp.HeaderKey]; c.key != "" && !brought {
		request.Header.Set(idemhttp.HeaderKey, c.key)
	}

	answer, err = c.cfg.Base.RoundTrip(request)
	if err == nil {
		answer.Request = request
		answer.Body = &endingBody{answer.Body, cancel}
		retryable, err = c.read(answer)
	}
	inTime := timer.Stop()
	if err == nil && inTime {
		c.note(answer)
		return answer, retryable, nil
	}
	if !inTime && parent.Err() == nil {
		err = late
	}
	if answer != nil {
		_ = answer.Body.Close() // its error is no news
	}
	cancel(nil)
	return nil, false, err
}

// note remembers until when the server says that it remembers the key.
func (c *call) note(answer *http.Response) {
	if expires, err := http.ParseTime(answer.Header.Get(idemhttp.HeaderExpires)); err == nil {
		c.forgotten = time.Now().Add(fromNow(answer, expires))
	}
}
