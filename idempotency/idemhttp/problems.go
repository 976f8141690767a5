package idemhttp

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// The types of the problems with which a middleware answers. They are stable,
// and each leads to its description.
const (
	TypeKeyMissing       = typeBase + "key-missing"       // 400
	TypeKeyMalformed     = typeBase + "key-malformed"     // 400
	TypePayloadMalformed = typeBase + "payload-malformed" // 400
	TypePayloadTooLarge  = typeBase + "payload-too-large" // 413
	TypePayloadMismatch  = typeBase + "payload-mismatch"  // 422
	TypeInProgress       = typeBase + "in-progress"       // 409 with Retry-After
	TypeOutcomeUnknown   = typeBase + "outcome-unknown"   // 409
	TypeResponseNotKept  = typeBase + "response-not-kept" // 410
	TypeNotReconciled    = typeBase + "not-reconciled"    // 503 with Retry-After
	TypeStoreUnavailable = typeBase + "store-unavailable" // 503 with Retry-After
	TypeInternal         = typeBase + "internal"          // 500

	typeBase = "https://github.com/idempotent-requests/idempotent-requests/blob/main/docs/http-api.md#"
)

// shortly is what a client is told to wait when a system behind us does not
// answer, in seconds.
const shortly = "1"

// problemOf maps what a guard refuses with to HTTP. It is the only place where
// that is done.
func problemOf(err error) *problem.Problem {
	var inProgress *idempotency.InProgressError
	switch {
	case errors.As(err, &inProgress):
		return &problem.Problem{
			Type:   TypeInProgress,
			Title:  "The request is being processed",
			Status: http.StatusConflict,
			Detail: "A request with this Idempotency-Key is still running. Retry with the same key and payload to get its response.",
			Header: http.Header{"Retry-After": {seconds(inProgress.RetryAfter)}},
		}
	case errors.Is(err, idempotency.ErrPayloadMismatch):
		return &problem.Problem{
			Type:   TypePayloadMismatch,
			Title:  "The key was used with another payload",
			Status: http.StatusUnprocessableEntity,
			Detail: "This Idempotency-Key belongs to a different request. Use a new key for a new request, and the same payload for a retry.",
		}
	case errors.Is(err, idempotency.ErrOutcomeUnknown):
		return &problem.Problem{
			Type:   TypeOutcomeUnknown,
			Title:  "The outcome is unknown",
			Status: http.StatusConflict,
			Detail: "A request with this Idempotency-Key was interrupted and is not repeated. Find out whether it took effect before sending it with a new key.",
		}
	case errors.Is(err, idempotency.ErrResultNotKept):
		return &problem.Problem{
			Type:   TypeResponseNotKept,
			Title:  "The response was not kept",
			Status: http.StatusGone,
			Detail: "The request with this Idempotency-Key has been carried out, but its response was too large to be kept. It is not carried out again.",
		}
	case errors.Is(err, idempotency.ErrReconcile):
		return &problem.Problem{
			Type:   TypeNotReconciled,
			Title:  "The outcome is being found out",
			Status: http.StatusServiceUnavailable,
			Detail: "A request with this Idempotency-Key was interrupted, and what became of it is not known yet. Retry with the same key and payload.",
			Header: http.Header{"Retry-After": {shortly}},
		}
	case errors.Is(err, idempotency.ErrStore):
		return &problem.Problem{
			Type:   TypeStoreUnavailable,
			Title:  "The service is temporarily unavailable",
			Status: http.StatusServiceUnavailable,
			Detail: "Retry with the same Idempotency-Key and payload: what has been carried out is not carried out again.",
			Header: http.Header{"Retry-After": {shortly}},
		}
	}
	return internal()
}

func keyProblem(err error) *problem.Problem {
	if errors.Is(err, ErrNoKey) {
		return &problem.Problem{
			Type:   TypeKeyMissing,
			Title:  "An Idempotency-Key is required",
			Status: http.StatusBadRequest,
			Detail: "Send an Idempotency-Key header with a value of your own that is new for every request you want carried out, such as a random UUID, and the same for every retry.",
		}
	}
	return &problem.Problem{
		Type:   TypeKeyMalformed,
		Title:  "The Idempotency-Key is malformed",
		Status: http.StatusBadRequest,
		Detail: "Send one Idempotency-Key of 1 to 255 printable ASCII characters: " + err.Error() + ".",
	}
}

func tooLarge(limit int64) *problem.Problem {
	return &problem.Problem{
		Type:   TypePayloadTooLarge,
		Title:  "The request body is too large",
		Status: http.StatusRequestEntityTooLarge,
		Detail: "The limit is " + strconv.FormatInt(limit, 10) + " bytes.",
	}
}

func internal() *problem.Problem {
	return &problem.Problem{Type: TypeInternal, Status: http.StatusInternalServerError, Title: "Internal server error"}
}

// orProblem returns err where it is a problem meant for the client, else 500.
func orProblem(err error) *problem.Problem {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p
	}
	return internal()
}

// seconds rounds up: to retry early would only be refused again.
func seconds(d time.Duration) string {
	return strconv.Itoa(int(math.Ceil(d.Seconds())))
}
