package idemhttp

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// DefaultProblemBase is the default of Config.ProblemBase. It leads to a page that
// describes the problems.
const DefaultProblemBase = "https://github.com/idempotent-requests/idempotent-requests/blob/main/docs/problems.md#"

// The types of the problems with which a middleware refuses requests, if
// Config.ProblemBase is the default. They are stable.
const (
	TypeKeyMissing         = DefaultProblemBase + "key-missing"          // 400
	TypeKeyMalformed       = DefaultProblemBase + "key-malformed"        // 400
	TypePayloadMalformed   = DefaultProblemBase + "payload-malformed"    // 400
	TypeFirstSentMissing   = DefaultProblemBase + "first-sent-missing"   // 400
	TypeFirstSentMalformed = DefaultProblemBase + "first-sent-malformed" // 400
	TypeNotAcceptable      = DefaultProblemBase + "not-acceptable"       // 406
	TypeWindowPassed       = DefaultProblemBase + "window-passed"        // 412
	TypePayloadTooLarge    = DefaultProblemBase + "payload-too-large"    // 413
	TypePayloadMismatch    = DefaultProblemBase + "payload-mismatch"     // 422
	TypeInProgress         = DefaultProblemBase + "in-progress"          // 409 with Retry-After
	TypeOutcomeUnknown     = DefaultProblemBase + "outcome-unknown"      // 409
	TypeResponseNotKept    = DefaultProblemBase + "response-not-kept"    // 410
	TypeInterrupted        = DefaultProblemBase + "interrupted"          // 503 with Retry-After
	TypeNotReconciled      = DefaultProblemBase + "not-reconciled"       // 503 with Retry-After
	TypeStoreUnavailable   = DefaultProblemBase + "store-unavailable"    // 503 with Retry-After
	TypeInternal           = DefaultProblemBase + "internal"             // 500
)

const (
	// retryAfterUnavailable is the Retry-After of a 503, in seconds.
	retryAfterUnavailable = "1"

	// maxRetryAfter bounds the Retry-After of a 409 while the first request runs. It
	// usually ends long before its lease, and a client that was told to wait for a
	// minute gives up.
	maxRetryAfter = 5 * time.Second
)

// refuse answers with what err says to the client.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := *problemOf(err)
	if name, ours := strings.CutPrefix(p.Type, DefaultProblemBase); ours {
		p.Type = h.cfg.ProblemBase + name
	}
	if p.Instance == "" {
		p.Instance = h.instance(w, r)
	}
	if h.cfg.WriteRefusal == nil {
		problem.Write(w, &p)
		return
	}
	p.SetHeader(w.Header())
	refusal := &refusalWriter{ResponseWriter: w, status: p.StatusCode()}
	h.cfg.WriteRefusal(refusal, r, &p)
	refusal.commit()
}

// refusalWriter responds with a status other than 200 where Config.WriteRefusal sets none.
type refusalWriter struct {
	http.ResponseWriter
	status    int
	committed bool
}

// WriteHeader implements http.ResponseWriter.
func (w *refusalWriter) WriteHeader(status int) {
	w.committed = w.committed || status >= 200
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *refusalWriter) Write(p []byte) (int, error) {
	w.commit()
	return w.ResponseWriter.Write(p)
}

func (w *refusalWriter) commit() {
	if !w.committed {
		w.WriteHeader(w.status)
	}
}

func (h *handler) instance(w http.ResponseWriter, r *http.Request) string {
	if h.cfg.Instance != nil {
		return h.cfg.Instance(r)
	}
	id := w.Header().Get("X-Request-Id")
	if id == "" {
		id = r.Header.Get("X-Request-Id")
	}
	const longest = 200 // the client may have chosen it
	if len(id) > longest {
		return ""
	}
	return url.PathEscape(id)
}

// problemOf maps errors to HTTP. It is the only place where that is done. Errors
// that the client can do nothing about are a 500 without details.
func problemOf(err error) *problem.Problem {
	var inProgress *idempotency.InProgressError
	var own *problem.Problem
	var mistake *configError
	switch {
	case errors.Is(err, idempotency.ErrReconcile): // whatever has caused it
		return &problem.Problem{
			Type:   TypeNotReconciled,
			Title:  "The outcome is not known yet",
			Status: http.StatusServiceUnavailable,
			Detail: "A request with this idempotency key was interrupted, and it could not be found out whether it took effect. Retry with the same key and payload.",
			Header: http.Header{"Retry-After": {retryAfterUnavailable}},
		}
	case errors.As(err, &own) && own != nil:
		return own
	case errors.As(err, &mistake), errors.Is(err, idempotency.ErrPlan):
	case errors.Is(err, idempotency.ErrSeal):
	case errors.Is(err, ErrNoKey):
		return &problem.Problem{
			Type:   TypeKeyMissing,
			Title:  "An idempotency key is required",
			Status: http.StatusBadRequest,
			Detail: "Choose a new key for each request that you want carried out, such as a random UUID, and send the same key with every retry of it.",
		}
	case errors.As(err, &inProgress):
		return &problem.Problem{
			Type:   TypeInProgress,
			Title:  "The request is being processed",
			Status: http.StatusConflict,
			Detail: "A request with this idempotency key is still running. Retry with the same key and payload to get its response.",
			Header: http.Header{"Retry-After": {seconds(min(inProgress.RetryAfter, maxRetryAfter))}},
		}
	case errors.Is(err, idempotency.ErrWindowPassed):
		return &problem.Problem{
			Type:   TypeWindowPassed,
			Title:  "The request comes too late",
			Status: http.StatusPreconditionFailed,
			Detail: "The request was first sent longer ago than its idempotency key is remembered, and is not carried out now. Find out whether it took effect before you send it with a new key.",
		}
	case errors.Is(err, idempotency.ErrFirstSentFuture):
		return firstSentMalformed("it is in the future")
	case errors.Is(err, errNoFirstSent):
		return &problem.Problem{
			Type:   TypeFirstSentMissing,
			Title:  "The time of the first sending is required",
			Status: http.StatusBadRequest,
			Detail: "Send " + HeaderFirstSent + ", the time at which the request was first sent, and send the same time with every retry of it.",
		}
	case errors.Is(err, idempotency.ErrPayloadMismatch):
		return &problem.Problem{
			Type:   TypePayloadMismatch,
			Title:  "The key was used with another payload",
			Status: http.StatusUnprocessableEntity,
			Detail: "This idempotency key belongs to a different request. Use a new key for a new request, and the same payload for a retry.",
		}
	case errors.Is(err, idempotency.ErrOutcomeUnknown):
		return &problem.Problem{
			Type:   TypeOutcomeUnknown,
			Title:  "The outcome is unknown",
			Status: http.StatusConflict,
			Detail: "A request with this idempotency key was interrupted and is not repeated. Find out whether it took effect before you send it with a new key.",
		}
	case errors.Is(err, errEncoding):
		return &problem.Problem{
			Type:   TypeNotAcceptable,
			Title:  "The recorded response has another content coding",
			Status: http.StatusNotAcceptable,
			Detail: "The request with this idempotency key has been carried out. Its response was recorded with a content coding that this request does not accept. Retry with the Accept-Encoding of the first request.",
		}
	case errors.Is(err, idempotency.ErrResultNotKept), errors.Is(err, errNotBinaryHTTP):
		return &problem.Problem{
			Type:   TypeResponseNotKept,
			Title:  "The response was not kept",
			Status: http.StatusGone,
			Detail: "The request with this idempotency key has been carried out, but its response could not be kept. It is not carried out again.",
		}
	case errors.Is(err, errNoResponse):
		return &problem.Problem{
			Type:   TypeInterrupted,
			Title:  "The request was interrupted",
			Status: http.StatusServiceUnavailable,
			Detail: "The request did not end in time, and it may have taken effect. Retry with the same key and payload.",
			Header: http.Header{"Retry-After": {retryAfterUnavailable}},
		}
	case errors.Is(err, idempotency.ErrStore), errors.Is(err, idempotency.ErrSealUnavailable), errors.Is(err, idempotency.ErrNoTime):
		return &problem.Problem{
			Type:   TypeStoreUnavailable,
			Title:  "The service is temporarily unavailable",
			Status: http.StatusServiceUnavailable,
			Detail: "Retry with the same key and payload. What has been carried out is not carried out again.",
			Header: http.Header{"Retry-After": {retryAfterUnavailable}},
		}
	}
	return &problem.Problem{Type: TypeInternal, Status: http.StatusInternalServerError, Title: "Internal server error"}
}

// configError is an error of a function in Config. Whatever it wraps, it is not an
// error of the guard.
type configError struct {
	field string
	cause error
}

func (e *configError) Error() string { return "idemhttp: Config." + e.field + ": " + e.cause.Error() }
func (e *configError) Unwrap() error { return e.cause }

// observable returns err for the observer. What is not the client's fault is worth
// an error in the log.
func observable(err error) error {
	if problemOf(err).StatusCode() >= 500 {
		return fault{err}
	}
	return err
}

// fault is an error with a level for [idempotency.Event].
type fault struct{ error }

func (f fault) Unwrap() error   { return f.error }
func (fault) Level() slog.Level { return slog.LevelError }

func keyMalformed(err error) error {
	if p, ok := errors.AsType[*problem.Problem](err); ok && p != nil {
		return p
	}
	return &problem.Problem{
		Type:   TypeKeyMalformed,
		Title:  "The idempotency key is malformed",
		Status: http.StatusBadRequest,
		Detail: "An idempotency key has 1 to 255 printable ASCII characters and is sent once: " + err.Error() + ".",
	}
}

func firstSentMalformed(reason string) *problem.Problem {
	return &problem.Problem{
		Type:   TypeFirstSentMalformed,
		Title:  "The time of the first sending is malformed",
		Status: http.StatusBadRequest,
		Detail: HeaderFirstSent + " is the time at which the request was first sent, such as \"" + http.TimeFormat + "\", and is sent once: " + reason + ".",
	}
}

func payloadTooLarge(limit int64) error {
	return &problem.Problem{
		Type:   TypePayloadTooLarge,
		Title:  "The request body is too large",
		Status: http.StatusRequestEntityTooLarge,
		Detail: "The limit is " + strconv.FormatInt(limit, 10) + " bytes.",
	}
}

// seconds rounds up, because an earlier retry would be refused again.
func seconds(d time.Duration) string {
	return strconv.Itoa(int(math.Ceil(d.Seconds())))
}
