// Package session tells the demo's visitors apart: each sends a random UUID of
// its own in the Demo-Session header, and sees and affects nothing but what
// belongs to it. An application with accounts would take its authenticated
// principal instead.
package session

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/problemtype"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// Header is the request header that carries the session.
const Header = "Demo-Session"

// ID is a session: a UUID in its canonical form, lower case with hyphens.
type ID string

// Parse reads a UUID of 36 characters, in either case. It refuses the nil UUID,
// which is nobody's random choice.
func Parse(text string) (ID, error) {
	const canonicalLength = 36 // uuid.Parse takes other notations, too
	id, err := uuid.Parse(text)
	if err != nil || len(text) != canonicalLength || id == uuid.Nil {
		return "", errors.New("session: not a UUID")
	}
	return ID(id.String()), nil
}

// FromRequest returns the session of a request: the one that its context
// carries, or that of its header. The error is a *[problem.Problem] that says
// what is wrong with the header.
func FromRequest(r *http.Request) (ID, error) {
	if id, ok := FromContext(r.Context()); ok {
		return id, nil
	}
	values := r.Header.Values(Header)
	if len(values) == 0 {
		return "", &problem.Problem{
			Type:   problemtype.SessionMissing,
			Title:  "A session is required",
			Status: http.StatusBadRequest,
			Detail: "Send a Demo-Session header: a random UUID, the same for all requests that belong together.",
		}
	}
	if len(values) == 1 {
		if id, err := Parse(values[0]); err == nil {
			return id, nil
		}
	}
	return "", &problem.Problem{
		Type:   problemtype.SessionMalformed,
		Title:  "The session is malformed",
		Status: http.StatusBadRequest,
		Detail: "Send one Demo-Session header with a random UUID such as 3f1b6a5e-8c0d-4a57-9d3e-6a1f0c2b7e44.",
	}
}

// Scope returns the scope of the request's session, for the idempotency
// middleware. Its errors are those of [FromRequest].
func Scope(r *http.Request) (idempotency.Scope, error) {
	id, err := FromRequest(r)
	if err != nil {
		return idempotency.Scope{}, err
	}
	return id.Scope()
}

// Scope returns the scope in which the session's idempotency keys live.
func (id ID) Scope() (idempotency.Scope, error) { return idempotency.NewScope(string(id)) }

// NewContext returns a context that carries a request's session, for what works
// on the request's behalf and is not handed the session itself, such as an
// observer.
func NewContext(ctx context.Context, id ID) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

// FromContext returns the session that ctx carries, if any.
func FromContext(ctx context.Context) (ID, bool) {
	id, ok := ctx.Value(contextKey{}).(ID)
	return id, ok
}

type contextKey struct{}
