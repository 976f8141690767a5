package idemhttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// Response headers.
const (
	// HeaderReplayed is "true" on a response that was recorded earlier.
	HeaderReplayed = "Idempotent-Replayed"
	// HeaderExpires is the end of the key's window, as an HTTP date.
	HeaderExpires = "Idempotency-Expires"
)

// DefaultMaxBody is the default of Config.MaxBody, in bytes.
const DefaultMaxBody = 1 << 20

// Config configures a middleware. Guard, Operation and Scope are required.
type Config struct {
	// Guard executes once per key and records responses.
	Guard *idempotency.Guard

	// Operation names what the handler does, such as "payments.create". The same
	// key under two names is two operations.
	Operation string

	// Scope tells callers apart: it returns the scope of the request's
	// authenticated principal, or knowingly [idempotency.SharedScope]. Where the
	// error is a *[problem.Problem] the client is answered with it; any other is
	// answered with 500.
	Scope func(*http.Request) (idempotency.Scope, error)

	// Fingerprint tells payloads apart: [RawFingerprint], the default,
	// [JSONFingerprint], one from [JSONSubsetFingerprint], or one of your own.
	Fingerprint FingerprintFunc

	// Reconcile is required by a guard whose policy is [idempotency.Reconcile]. It
	// is asked instead of the handler when an earlier execution was interrupted.
	// It finds out whether that one's effect has happened, with the help of the
	// [idempotency.Execution] in the request's context; if so, it answers as the
	// handler would have and returns true. If not, it returns false, and the
	// handler runs. On an error, or an answer that is not recorded, nothing runs
	// and the client is told to retry.
	Reconcile func(http.ResponseWriter, *http.Request) (completed bool, err error)

	// LikelyDuplicate reports whether a request says of itself that it repeats another one.
	// The guard then reads before it claims, which is cheaper if it is true.
	// Default: none does.
	LikelyDuplicate func(*http.Request) bool

	// OptionalKey lets requests without a key pass, unprotected. By default they
	// are refused.
	OptionalKey bool

	// CheckKey makes further demands on keys, such as that they are UUIDs: its
	// error refuses the key with 400 and is shown to the client. Default: every
	// key that [ParseKey] accepts will do.
	CheckKey func(key string) error

	// MaxBody is the largest request body, in bytes. Default 1 MiB.
	MaxBody int64

	// RecordedHeaders are response headers to record and replay beside Content-Type,
	// Content-Encoding, Location and ETag. Set-Cookie, Date and hop-by-hop
	// headers are refused.
	RecordedHeaders []string

	// Recorded decides by its status whether a response is kept; one that is not
	// releases the key, so that a retry executes again, unless it is a 5xx: what
	// becomes of that is up to the guard's recovery policy. A 304 is never kept.
	// Default [DefaultRecorded].
	Recorded func(status int) bool
}

// DefaultRecorded keeps what says that the operation ran: 2xx, 3xx, 402, 409
// and 410.
func DefaultRecorded(status int) bool {
	switch status {
	case http.StatusPaymentRequired, http.StatusConflict, http.StatusGone:
		return true
	}
	return status >= 200 && status < 400
}

// New returns a middleware, or an error that names the field of cfg that is
// wrong.
func New(cfg Config) (func(http.Handler) http.Handler, error) {
	if cfg.Guard == nil {
		return nil, errors.New("idemhttp: Config.Guard is missing")
	}
	if cfg.Scope == nil {
		return nil, errors.New("idemhttp: Config.Scope is missing: say who is calling or, knowingly, return idempotency.SharedScope")
	}
	if _, err := idempotency.NewKey(idempotency.SharedScope(), cfg.Operation, "probe"); err != nil {
		return nil, fmt.Errorf("idemhttp: Config.Operation: %w", err)
	}
	if (cfg.Guard.Recovery() == idempotency.Reconcile) != (cfg.Reconcile != nil) {
		return nil, errors.New("idemhttp: Config.Reconcile is to be set if, and only if, the guard's recovery policy is idempotency.Reconcile")
	}
	if cfg.MaxBody < 0 {
		return nil, fmt.Errorf("idemhttp: Config.MaxBody is negative: %d", cfg.MaxBody)
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	kept, refused := recordedNames(cfg.RecordedHeaders)
	if kept == nil {
		return nil, fmt.Errorf("idemhttp: Config.RecordedHeaders: %q must not be replayed", refused)
	}
	cfg.RecordedHeaders = kept
	if cfg.Fingerprint == nil {
		cfg.Fingerprint = RawFingerprint
	}
	if cfg.LikelyDuplicate == nil {
		cfg.LikelyDuplicate = func(*http.Request) bool { return false }
	}
	if cfg.Recorded == nil {
		cfg.Recorded = DefaultRecorded
	}
	return func(next http.Handler) http.Handler {
		return &handler{cfg, next}
	}, nil
}

type handler struct {
	cfg  Config
	next http.Handler
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, err := ParseKey(r.Header)
	if errors.Is(err, ErrNoKey) && h.cfg.OptionalKey {
		h.next.ServeHTTP(w, r)
		return
	}
	if err == nil && h.cfg.CheckKey != nil {
		err = h.cfg.CheckKey(token)
	}
	if err != nil {
		problem.Write(w, keyProblem(err))
		return
	}
	request, body, err := h.request(w, r, token)
	if err != nil {
		problem.Write(w, orProblem(err))
		return
	}

	e := &execution{handler: h, request: r, body: body}
	if h.cfg.Reconcile != nil {
		request.Reconcile = e.reconcile
	}
	outcome, err := h.cfg.Guard.Do(r.Context(), request, e.run)

	if !outcome.Expires.IsZero() {
		w.Header()[HeaderExpires] = []string{httpDate(outcome.Expires)}
	}
	switch {
	case err == nil && outcome.Replayed:
		replay(w, outcome.Data)
	case err == nil, errors.Is(err, errServerError):
		maps.Copy(w.Header(), e.response.sent)
		send(w, e.response.status, e.response.body.Bytes())
	default:
		problem.Write(w, problemOf(err))
	}
}

// request reads what the guard needs to know: whose key it is, and what is
// asked for. Nothing is claimed until that is certain.
func (h *handler) request(w http.ResponseWriter, r *http.Request, token string) (idempotency.Request, []byte, error) {
	scope, err := h.cfg.Scope(r)
	if err != nil {
		return idempotency.Request{}, nil, err
	}
	key, err := idempotency.NewKey(scope, h.cfg.Operation, token)
	if err != nil {
		return idempotency.Request{}, nil, err
	}
	body, err := readAll(http.MaxBytesReader(w, r.Body, h.cfg.MaxBody), min(r.ContentLength, h.cfg.MaxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return idempotency.Request{}, nil, tooLarge(h.cfg.MaxBody)
	}
	if err != nil {
		return idempotency.Request{}, nil, malformed(errors.New("it could not be read to its end"))
	}
	fingerprint, err := h.cfg.Fingerprint(r, body)
	return idempotency.Request{Key: key, Fingerprint: fingerprint, LikelyDuplicate: h.cfg.LikelyDuplicate(r)}, body, err
}

// readAll is io.ReadAll for a body that says how long it is, negative if it does
// not: it is believed as far as that costs little.
func readAll(body io.Reader, length int64) ([]byte, error) {
	const believed = 64 << 10
	b := make([]byte, 0, min(max(length, 0), believed)+1)
	for {
		n, err := body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, err
		case len(b) == cap(b):
			b = append(b, 0)[:len(b)]
		}
	}
}

// execution is the handling of one request, as far as it comes to that.
type execution struct {
	*handler
	request  *http.Request
	body     []byte
	response *response
}

// errServerError ends an execution whose response is a 5xx: nobody can tell how
// far the handler came.
var errServerError = errors.New("idemhttp: the handler answered with a server error")

func (e *execution) run(ctx context.Context) (idempotency.Result, error) {
	e.response = newResponse()
	e.next.ServeHTTP(e.response, e.requestIn(ctx))
	return e.result()
}

func (e *execution) reconcile(ctx context.Context) (idempotency.Reconciliation, error) {
	e.response = newResponse()
	completed, err := e.cfg.Reconcile(e.response, e.requestIn(ctx))
	if err != nil || !completed {
		return idempotency.Reconciliation{}, err
	}
	result, err := e.result()
	if result.Discard {
		err = fmt.Errorf("idemhttp: Config.Reconcile answered with status %d, which is not recorded", e.response.status)
	}
	return idempotency.Reconciliation{Completed: true, Result: result}, err
}

// requestIn is the client's request, with the body to be read once more.
func (e *execution) requestIn(ctx context.Context) *http.Request {
	r := e.request.WithContext(ctx)
	r.Body = io.NopCloser(bytes.NewReader(e.body))
	r.ContentLength = int64(len(e.body))
	return r
}

func (e *execution) result() (idempotency.Result, error) {
	w := e.response
	w.finish()
	switch {
	case w.status != http.StatusNotModified && w.status <= 599 && e.cfg.Recorded(w.status):
		return idempotency.Result{Data: encodeResponse(w.status, w.sent, e.cfg.RecordedHeaders, w.body.Bytes())}, nil
	case w.status >= 500:
		return idempotency.Result{}, errServerError
	}
	return idempotency.Result{Discard: true}, nil
}

func replay(w http.ResponseWriter, recorded []byte) {
	response, err := decodeResponse(recorded)
	if err != nil {
		problem.Write(w, problemOf(idempotency.ErrResultNotKept))
		return
	}
	response.setHeader(w.Header())
	w.Header()[HeaderReplayed] = []string{"true"}
	send(w, response.status, response.body)
}
