package idemhttp

import (
	"errors"
	"net/http"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// HeaderFirstSent is the request header by which a client says when it first sent the
// request, as an HTTP date (IMF-fixdate of RFC 9110 section 5.6.7). It is that of OASIS
// Repeatable Requests 1.0.
const HeaderFirstSent = "Repeatability-First-Sent"

// headerRepeatabilityResult is the response header by which the same specification has a
// server say whether it has accepted what the request says of itself.
const headerRepeatabilityResult = "Repeatability-Result"

// DefaultFirstSentSkew is the default of Config.FirstSentSkew.
const DefaultFirstSentSkew = time.Minute

// FirstSent is what a middleware makes of the Repeatability-First-Sent header. By it a
// retry that comes after the window, when the key may have been forgotten, is refused
// with 412 instead of executed anew. A malformed or future time is refused with 400. A
// response to a request with the header says by Repeatability-Result whether the time
// was accepted.
//
// It relies on the client's clock: a client whose clock is behind by more than the
// window is refused from the first.
type FirstSent int

const (
	// FirstSentIgnored leaves the header alone.
	FirstSentIgnored FirstSent = iota
	// FirstSentHeeded heeds the header of requests that have it. Others are executed
	// anew after the window.
	FirstSentHeeded
	// FirstSentRequired also refuses requests without the header with 400.
	FirstSentRequired
)

var errNoFirstSent = errors.New("idemhttp: the request does not say when it was first sent")

// firstSent returns the earliest time at which the request can have been first sent, or
// the zero time if that is not known.
func (e *execution) firstSent() (time.Time, error) {
	if e.cfg.FirstSent == FirstSentIgnored {
		return time.Time{}, nil
	}
	values := e.request.Header[HeaderFirstSent]
	switch {
	case len(values) > 1:
		return time.Time{}, firstSentMalformed("it was sent more than once")
	case len(values) == 1:
		at, err := time.Parse(http.TimeFormat, values[0])
		if err != nil {
			return time.Time{}, firstSentMalformed("it is no such date")
		}
		return at.Add(-e.cfg.FirstSentSkew), nil
	case e.cfg.FirstSent == FirstSentRequired:
		return time.Time{}, errNoFirstSent
	}
	return time.Time{}, nil
}

// judge says in the response whether what the request says of its first sending was
// accepted, if that is certain. err is why the request was refused, or nil.
func (e *execution) judge(accepted bool, err error) {
	if e.cfg.FirstSent == FirstSentIgnored || e.request.Header[HeaderFirstSent] == nil {
		return
	}
	switch {
	case accepted:
		e.outer.Header()[headerRepeatabilityResult] = []string{"accepted"}
	case errors.Is(err, idempotency.ErrWindowPassed), errors.Is(err, idempotency.ErrPayloadMismatch),
		problemOf(err).Type == TypeFirstSentMalformed, problemOf(err).Type == TypeKeyMalformed:
		e.outer.Header()[headerRepeatabilityResult] = []string{"rejected"}
	}
}
