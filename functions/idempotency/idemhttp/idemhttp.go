package idemhttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/idempotent-requests/idempotent-requests/functions/idempotency"
	"github.com/idempotent-requests/idempotent-requests/functions/idempotency/problem"
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
	// Guard claims keys and records responses.
	Guard *idempotency.Guard

	// Operation names what the handler does, such as "payments.create". The same
	// key under two names is two operations.
	Operation string

	// Scope tells callers apart: it returns the scope of the request's
	// authenticated principal, or knowingly [idempotency.SharedScope]. Where the
	// error is a *[problem.Problem] the client is answered with it; any other is
	// answered with 500.
	Scope func(*http.Request) (idempotency.Scope, error)

	// Fingerprint tells payloads apart. Default [RawFingerprint].
	Fingerprint FingerprintFunc

	// OptionalKey lets requests without a key pass, unprotected. By default they
	// are refused.
	OptionalKey bool

	// MaxBody is the largest request body, in bytes. Default 1 MiB.
	MaxBody int64

	// KeptHeaders are response headers to record and replay beside Content-Type,
	// Content-Encoding, Location and ETag. Set-Cookie, Date and hop-by-hop
	// headers are refused.
	KeptHeaders []string

	// Recorded decides by its status whether a response is kept; one that is not
	// releases the key, so that a retry executes again. A 304 is never kept.
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
	if cfg.MaxBody < 0 {
		return nil, fmt.Errorf("idemhttp: Config.MaxBody is negative: %d", cfg.MaxBody)
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	kept, refused := keptNames(cfg.KeptHeaders)
	if kept == nil {
		return nil, fmt.Errorf("idemhttp: Config.KeptHeaders: %q must not be replayed", refused)
	}
	cfg.KeptHeaders = kept
	if cfg.Fingerprint == nil {
		cfg.Fingerprint = RawFingerprint
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
	if err != nil {
		problem.Write(w, keyProblem(err))
		return
	}
	request, body, err := h.request(w, r, token)
	if err != nil {
		problem.Write(w, orProblem(err))
		return
	}

	var executed *response
	outcome, err := h.cfg.Guard.Do(r.Context(), request, func(ctx context.Context) (idempotency.Result, error) {
		executed = h.execute(ctx, r, body)
		if executed.status == http.StatusNotModified || executed.status > 599 || !h.cfg.Recorded(executed.status) {
			return idempotency.Result{Discard: true}, nil
		}
		return idempotency.Result{
			Data: encodeResponse(executed.status, executed.kept(h.cfg.KeptHeaders), executed.body.Bytes()),
		}, nil
	})

	if !outcome.Expires.IsZero() {
		w.Header().Set(HeaderExpires, outcome.Expires.UTC().Format(http.TimeFormat))
	}
	switch {
	case err != nil:
		problem.Write(w, problemOf(err))
	case outcome.Replayed:
		replay(w, outcome.Data)
	default:
		send(w, executed.status, executed.sent, executed.body.Bytes())
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
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.cfg.MaxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return idempotency.Request{}, nil, tooLarge(h.cfg.MaxBody)
	}
	if err != nil {
		return idempotency.Request{}, nil, unreadable()
	}
	fingerprint, err := h.cfg.Fingerprint(r, body)
	return idempotency.Request{Key: key, Fingerprint: fingerprint}, body, err
}

func (h *handler) execute(ctx context.Context, r *http.Request, body []byte) *response {
	r = r.WithContext(ctx)
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	w := newResponse()
	h.next.ServeHTTP(w, r)
	w.finish()
	return w
}

func replay(w http.ResponseWriter, recorded []byte) {
	status, header, body, err := decodeResponse(recorded)
	if err != nil {
		problem.Write(w, problemOf(idempotency.ErrResultNotKept))
		return
	}
	w.Header().Set(HeaderReplayed, "true")
	send(w, status, header, body)
}
