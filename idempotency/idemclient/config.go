package idemclient

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// Defaults of [Config].
const (
	DefaultMaxAttempts    = 5
	DefaultAttemptTimeout = 15 * time.Second
	DefaultTimeout        = 90 * time.Second
	DefaultBaseDelay      = 250 * time.Millisecond
	DefaultMaxDelay       = 5 * time.Second
	DefaultWindow         = 24 * time.Hour
	DefaultMaxBody        = 6 << 20
)

// Config configures a [Transport]. The zero Config is a good one for servers that
// follow the contract of package idemhttp; [Stripe] returns one for Stripe's.
type Config struct {
	// Base sends the requests. Default [http.DefaultTransport].
	Base http.RoundTripper

	// Header is the request header that carries the key. Default
	// [idemhttp.HeaderKey].
	Header string

	// NewKey makes the key of a request that has none. Default: a random UUID.
	NewKey func() string

	// KeyedMethods are the methods whose requests are given a key. Default POST
	// and PATCH. A request that brings its own key is keyed, whatever its method.
	KeyedMethods []string

	// MaxAttempts bounds how often a request is sent, the first time included. An
	// attempt that found an earlier request still running does not count. Default 5;
	// 1 for a key and no retries at all.
	MaxAttempts int

	// AttemptTimeout bounds the time from sending to the response's header or, for
	// a response that is held in memory, its end. Default 15 seconds.
	AttemptTimeout time.Duration

	// Timeout bounds the time of all attempts and the pauses between them. The
	// default of 90 seconds is longer than idempotency.DefaultLease and its
	// allowance for skew, so that a request is still being sent when the lease of a
	// server that crashed is over.
	Timeout time.Duration

	// BaseDelay bounds the first pause; the bound doubles with each further one,
	// up to MaxDelay. Defaults 250 milliseconds and 5 seconds.
	BaseDelay, MaxDelay time.Duration

	// FirstSent sends [idemhttp.HeaderFirstSent] with every request that has a key: the
	// time of its first attempt, or that of [WithFirstSent]. A server that heeds it
	// refuses a retry that comes after its window with 412. It needs a clock that is
	// right to within the server's tolerance. Default: no such header.
	FirstSent bool

	// Window is how long the server remembers a key, counted from when it was
	// first sent. Past it nothing is sent again, because it would be executed again:
	// calls fail with [ErrWindowPassed]. The Idempotency-Expires of a
	// response takes precedence. Default 24 hours.
	Window time.Duration

	// MaxBody is the largest body held in memory, in bytes: that of a request
	// without GetBody, which is refused beyond it with [ErrBodyTooLarge]; and that
	// of a response to a keyed request which has a length, so that one that breaks
	// off is asked for again. Responses beyond it, and streams, are passed on as
	// they come. Default 6 MiB.
	MaxBody int64

	// ShouldRetry decides about a response, before any other rule, for servers with
	// conventions of their own. It may read the body of an error,
	// up to 64 KiB. Default: the rules in the package documentation.
	ShouldRetry func(*http.Response) Verdict

	// InProgressType is the type of the problem (RFC 9457) in a 409 by which the
	// server says that the first request is still running. Default
	// [idemhttp.TypeInProgress].
	InProgressType string

	// OnRetry is told of each attempt that will be followed by another, for logs
	// and metrics. It is called on the request's own goroutine. Default: nobody.
	OnRetry func(Retry)
}

// Retry is an attempt that failed and is followed by another.
type Retry struct {
	// Request is the request as the caller made it.
	Request *http.Request
	// Key is its idempotency key, if any.
	Key string
	// Attempt is 1 for the first.
	Attempt int
	// Status is that of the response, or 0 if there was none.
	Status int
	// Err is why there was no response, or nil.
	Err error
	// Wait is the pause before the next attempt.
	Wait time.Duration
}

func (c Config) withDefaults() (Config, error) {
	if c.Base == nil {
		c.Base = http.DefaultTransport
	}
	if c.NewKey == nil {
		c.NewKey = uuid.NewString
	}
	if c.Header == "" {
		c.Header = idemhttp.HeaderKey
	}
	if strings.ContainsAny(c.Header, " \t\r\n:") {
		return c, fmt.Errorf("idemclient: Config.Header: %q is no header", c.Header)
	}
	c.Header = http.CanonicalHeaderKey(c.Header)
	if c.KeyedMethods == nil {
		c.KeyedMethods = []string{http.MethodPost, http.MethodPatch}
	}
	c.KeyedMethods = slices.Clone(c.KeyedMethods)
	for _, method := range c.KeyedMethods {
		if method == "" || method != strings.ToUpper(method) {
			return c, fmt.Errorf("idemclient: Config.KeyedMethods: %q is no method", method)
		}
	}
	if c.MaxAttempts < 0 {
		return c, fmt.Errorf("idemclient: Config.MaxAttempts is negative: %d", c.MaxAttempts)
	}
	if c.MaxAttempts == 0 {
		c.MaxAttempts = DefaultMaxAttempts
	}
	for _, d := range []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"AttemptTimeout", &c.AttemptTimeout, DefaultAttemptTimeout},
		{"Timeout", &c.Timeout, DefaultTimeout},
		{"BaseDelay", &c.BaseDelay, DefaultBaseDelay},
		{"MaxDelay", &c.MaxDelay, DefaultMaxDelay},
		{"Window", &c.Window, DefaultWindow},
	} {
		if *d.value < 0 {
			return c, fmt.Errorf("idemclient: Config.%s is negative: %v", d.name, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	if c.MaxDelay < c.BaseDelay {
		return c, fmt.Errorf("idemclient: Config.MaxDelay (%v) is shorter than Config.BaseDelay (%v)", c.MaxDelay, c.BaseDelay)
	}
	if c.MaxBody < 0 {
		return c, fmt.Errorf("idemclient: Config.MaxBody is negative: %d", c.MaxBody)
	}
	if c.MaxBody == 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.InProgressType == "" {
		c.InProgressType = idemhttp.TypeInProgress
	}
	if c.OnRetry == nil {
		c.OnRetry = func(Retry) {}
	}
	return c, nil
}
