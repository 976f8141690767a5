package idemhttp

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// BasicAuthScope is a [Config].Scope: the user of HTTP basic authentication (RFC
// 7617). It does not verify the password. That is done before the middleware, which
// a request without a user that was verified must not reach. A request without a
// user is answered with 500.
func BasicAuthScope(r *http.Request) (idempotency.Scope, error) {
	user, _, ok := r.BasicAuth()
	if !ok {
		return idempotency.Scope{}, errors.New("idemhttp: BasicAuthScope: the request has no user: authenticate before the middleware")
	}
	return idempotency.NewScope(user)
}

// ContextScope returns a [Config].Scope: the value that the request's context has
// under key, a string or a [fmt.Stringer]. The authentication before the middleware
// has put the caller there, which a client cannot do by itself. A request without
// such a value is answered with 500.
func ContextScope(key any) func(*http.Request) (idempotency.Scope, error) {
	return func(r *http.Request) (idempotency.Scope, error) {
		switch principal := r.Context().Value(key).(type) {
		case string:
			return idempotency.NewScope(principal)
		case fmt.Stringer:
			return idempotency.NewScope(principal.String())
		default:
			return idempotency.Scope{}, fmt.Errorf("idemhttp: ContextScope: the request's context has %T under %T, want a string or a fmt.Stringer: authenticate before the middleware", principal, key)
		}
	}
}
