package idemhttp

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// DefaultMaxBody is the default of Config.MaxBody, in bytes.
const DefaultMaxBody = 1 << 20

// Config configures a middleware. Guard or Store, and Scope, are required.
type Config struct {
	// Guard executes once per key and records responses.
	Guard *idempotency.Guard

	// Store is where a guard with the defaults of [idempotency.Config] keeps its
	// records. Set it in the place of Guard if nothing else of a guard is to be chosen.
	Store idempotency.Store

	// Operation names what the handler does, such as "payments.create". The same
	// key under two names is two operations. Default: OperationFunc.
	Operation string

	// OperationFunc returns the name of the operation that a request asks for. A
	// name that [idempotency.NewKey] does not accept is answered with 500. It is for
	// a middleware that protects several routes. Default: [PatternOperation], which
	// names the operation after the method and the router's pattern.
	OperationFunc func(*http.Request) string

	// Scope returns the scope of the request's authenticated principal or,
	// knowingly, [idempotency.SharedScope]. If its error is a *[problem.Problem],
	// the client is answered with that. Any other is answered with 500.
	Scope func(*http.Request) (idempotency.Scope, error)

	// Methods are the methods to protect. Requests with other methods reach the
	// handler unprotected, with or without a key. The safe methods GET, HEAD,
	// OPTIONS and TRACE are refused. Default: POST and PATCH.
	Methods []string

	// Key returns the idempotency key of a request. It is for keys that are not in
	// the Idempotency-Key header; [KeyFromHeader] reads another header. Key gets the
	// whole body. It returns [ErrNoKey] if there is no key. If its error is a
	// *[problem.Problem], the client is answered with that. Any other error refuses
	// the key with 400, and its text is shown to the client. Keys longer than
	// [MaxKeyLength], blank ones and those that are not printable ASCII are refused,
	// too. Default: [ParseKey].
	Key func(r *http.Request, body []byte) (string, error)

	// OptionalKey lets requests without a key reach the handler unprotected. By
	// default they are refused with 400.
	OptionalKey bool

	// CheckKey makes further demands on keys, such as that they are UUIDs. Its
	// error refuses the key with 400, and its text is shown to the client. Default:
	// no further demands.
	CheckKey func(key string) error

	// Fingerprint computes the fingerprint, by which the middleware recognises a
	// key that comes with another payload: [FormFingerprint], the default,
	// [RawFingerprint], [JSONFingerprint], one from [JSONSubsetFingerprint] or
	// [JSONExceptFingerprint], or one of your own.
	Fingerprint FingerprintFunc

	// MaxBody is the size of the largest request body, in bytes. Default 1 MiB.
	MaxBody int64

	// LikelyDuplicate reports whether a request itself says that it repeats another
	// one. The guard then reads before it claims, which is cheaper if it is true.
	// Default: no request does.
	LikelyDuplicate func(*http.Request) bool

	// FirstSent chooses what to make of the Repeatability-First-Sent header, by which
	// clients say when they first sent a request. Default [FirstSentIgnored].
	FirstSent FirstSent

	// FirstSentSkew is by how much a client's clock may be ahead. A First-Sent that is
	// further in the future is refused, and one counts as that much older than it says,
	// so that a retry is refused that much before the end of the window. Default one
	// minute; a negative value means none. The guard's window has to be longer.
	FirstSentSkew time.Duration

	// Recorded reports whether a response is recorded. A response that is not
	// recorded releases the key, so that a retry executes again; but after a 5xx the
	// guard's recovery policy decides about the key. A handler can overrule it by
	// [idempotency.Execution.Discard] and [idempotency.Execution.Fail]. Recorded must
	// not modify the response. A 304 is never recorded. If Recorded or Redact panics, the
	// client gets the response, and duplicates are told that it was not kept, because
	// the effect has happened by then. Default: [DefaultRecorded].
	Recorded func(Response) bool

	// RecordedHeaders are the names of response headers that are recorded and
	// replayed beside Cache-Control, Content-Disposition, Content-Encoding,
	// Content-Language, Content-Type, ETag and Location. Headers that belong to one
	// connection, one moment or one client are refused, such as Set-Cookie, Date and
	// Authorization. A header that outer middleware has set is only recorded if the
	// handler changes it. Trailers are always recorded.
	RecordedHeaders []string

	// Redact returns the response to record in the place of the handler's, such as
	// one without a secret that is shown once. The first caller gets the handler's
	// own response, and duplicates get the redacted one. Redact may modify the
	// header and body that it is given. It cannot change the status. Default: the
	// response is recorded as it is.
	Redact func(Response) Response

	// Reconcile is required by a guard with the policy [idempotency.Reconcile]. It is
	// called instead of the handler after an earlier execution was interrupted. It
	// finds out whether the effect of that execution has happened, with the help of
	// the [idempotency.Execution] in the request's context. If it has, Reconcile
	// writes the response that the handler would have written and returns true. If
	// not, it returns false, and the handler runs. If it returns an error, or true
	// with a response that is not recorded, nothing runs, and the client is told to
	// retry.
	Reconcile func(http.ResponseWriter, *http.Request) (completed bool, err error)

	// WriteRefusal writes the response of a request that is refused, for
	// applications with an error format of their own. The header already has what
	// belongs to the refusal, such as Retry-After, and the status is p.Status unless
	// WriteRefusal sets another. Default: [problem.Write].
	WriteRefusal func(w http.ResponseWriter, r *http.Request, p *problem.Problem)

	// ProblemBase is the beginning of the types of problems; each continues with a
	// name such as "in-progress". Default: [DefaultProblemBase].
	ProblemBase string

	// Instance returns the problem's instance, a URI reference that identifies the
	// request in logs, or "" for none. Default: the X-Request-Id that outer
	// middleware has set on the response or, without one, that of the request.
	Instance func(*http.Request) string
}

// Response is a response that a handler has written.
type Response struct {
	// Status is the status code.
	Status int
	// Header holds the header fields.
	Header http.Header
	// Body is the content, encoded as Content-Encoding says.
	Body []byte
}

// DefaultRecorded reports whether the status shows that the operation ran: 2xx,
// 3xx, 402, 409 and 410 do.
func DefaultRecorded(r Response) bool {
	switch r.Status {
	case http.StatusPaymentRequired, http.StatusConflict, http.StatusGone:
		return true
	}
	return r.Status >= 200 && r.Status < 400
}

// safeMethods are those of RFC 9110 section 9.2.1. They have no effect that could
// happen twice.
var safeMethods = []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace}

// New returns a middleware, or an error that names the field of cfg that is
// wrong.
func New(cfg Config) (func(http.Handler) http.Handler, error) {
	if cfg.Store != nil {
		if cfg.Guard != nil {
			return nil, errors.New("idemhttp: Config.Guard and Config.Store are both set")
		}
		guard, err := idempotency.New(idempotency.Config{Store: cfg.Store})
		if err != nil {
			return nil, fmt.Errorf("idemhttp: Config.Store: %w", err)
		}
		cfg.Guard = guard
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	names, err := recordedNames(cfg.RecordedHeaders)
	if err != nil {
		return nil, err
	}
	cfg.RecordedHeaders = names
	if cfg.OperationFunc == nil {
		cfg.OperationFunc = PatternOperation
	}
	if cfg.Methods == nil {
		cfg.Methods = []string{http.MethodPost, http.MethodPatch}
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	if cfg.Fingerprint == nil {
		cfg.Fingerprint = FormFingerprint
	}
	if cfg.LikelyDuplicate == nil {
		cfg.LikelyDuplicate = func(*http.Request) bool { return false }
	}
	if cfg.FirstSentSkew == 0 {
		cfg.FirstSentSkew = DefaultFirstSentSkew
	}
	cfg.FirstSentSkew = max(cfg.FirstSentSkew, 0)
	if window := cfg.Guard.Window(); cfg.FirstSent != FirstSentIgnored && cfg.FirstSentSkew >= window {
		return nil, fmt.Errorf("idemhttp: Config.FirstSentSkew (%v) is no shorter than the guard's window (%v): every request would come too late", cfg.FirstSentSkew, window)
	}
	if cfg.Recorded == nil {
		cfg.Recorded = DefaultRecorded
	}
	if cfg.ProblemBase == "" {
		cfg.ProblemBase = DefaultProblemBase
	}
	return func(next http.Handler) http.Handler {
		return &handler{cfg, next}
	}, nil
}

func (c Config) check() error {
	switch {
	case c.Guard == nil:
		return errors.New("idemhttp: Config.Guard is missing, and so is Config.Store")
	case c.Scope == nil:
		return errors.New("idemhttp: Config.Scope is missing: say who is calling or, knowingly, return idempotency.SharedScope")
	case c.Operation != "" && c.OperationFunc != nil:
		return errors.New("idemhttp: Config.Operation and Config.OperationFunc are both set")
	case c.MaxBody < 0:
		return fmt.Errorf("idemhttp: Config.MaxBody is negative: %d", c.MaxBody)
	case (c.Guard.Recovery() == idempotency.Reconcile) != (c.Reconcile != nil):
		return errors.New("idemhttp: Config.Reconcile must be set if, and only if, the guard's recovery policy is idempotency.Reconcile")
	}
	if c.Operation != "" {
		if _, err := idempotency.NewKey(idempotency.SharedScope(), c.Operation, "probe"); err != nil {
			return fmt.Errorf("idemhttp: Config.Operation: %w", err)
		}
	}
	if c.FirstSent < FirstSentIgnored || c.FirstSent > FirstSentRequired {
		return fmt.Errorf("idemhttp: Config.FirstSent %d is unknown", c.FirstSent)
	}
	if c.Methods != nil && len(c.Methods) == 0 {
		return errors.New("idemhttp: Config.Methods is empty: nothing would be protected")
	}
	for _, method := range c.Methods {
		if !isToken(method) || slices.Contains(safeMethods, method) {
			return fmt.Errorf("idemhttp: Config.Methods: %q is not an unsafe method", method)
		}
	}
	if _, err := url.Parse(c.ProblemBase); err != nil {
		return fmt.Errorf("idemhttp: Config.ProblemBase: %w", err)
	}
	return nil
}
