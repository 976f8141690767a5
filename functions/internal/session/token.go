package session

import (
	"crypto/sha256"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/problemtype"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// OfSubject returns the session of a caller who is known by a token: the UUID of
// version 8 that the subject's SHA-256 makes. It is the same for all tokens of
// the subject, and its owner chooses nothing of it.
func OfSubject(subject string) (ID, error) {
	if subject == "" {
		return "", errors.New("session: the subject is empty")
	}
	const version = 8 // RFC 9562, section 5.8
	return ID(uuid.NewHash(sha256.New(), uuid.Nil, []byte(subject), version).String()), nil
}

// FromToken has callers be known by the token that the HTTP API's authorizer has
// verified: next finds the session of its subject, whatever the request's
// Demo-Session says. A request that has not passed an authorizer is answered 401.
func FromToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := OfSubject(subjectOf(r))
		if err != nil {
			problem.Write(w, &problem.Problem{
				Type:   problemtype.Unauthenticated,
				Title:  "A token is required",
				Status: http.StatusUnauthorized,
				Detail: "Send an Authorization header with a bearer token that has a subject.",
				Header: http.Header{"Www-Authenticate": {"Bearer"}},
			})
			return
		}
		next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), id)))
	})
}

func subjectOf(r *http.Request) string {
	event := idemlambda.EventOf(r)
	if event == nil {
		return ""
	}
	authorizer, err := event.Authorizer()
	if err != nil {
		return ""
	}
	subject, _ := authorizer.Claims["sub"].(string)
	return subject
}
