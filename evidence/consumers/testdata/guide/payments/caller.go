package payments

import (
	"context"
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

type subject struct{}

// Authenticate returns a middleware that lets requests with a valid token pass,
// and puts the token's subject into their context.
func Authenticate(keys jwt.Keyfunc) func(http.Handler) http.Handler {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithExpirationRequired(),
		jwt.WithIssuer("https://login.example.com"), jwt.WithAudience("payments"))
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			var claims jwt.RegisteredClaims
			if _, err := parser.ParseWithClaims(token, &claims, keys); err != nil {
				http.Error(w, "the token is missing or invalid", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), subject{}, claims.Subject)))
		})
	}
}

// Caller returns the scope of the token's subject. A token without one is refused.
var Caller = idemhttp.ContextScope(subject{})
