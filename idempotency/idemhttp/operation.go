package idemhttp

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// PatternOperation names an operation after the method and the pattern by which
// net/http's ServeMux, or another router that sets Request.Pattern, chose the
// handler: "POST /payments" is "POST.payments". The name of a pattern with other
// characters than letters, digits, hyphens and slashes ends with a part of its
// hash, so that two patterns never share a name:
// "POST /payments/{id}/refunds" is "POST.payments.id.refunds-4d0f3e9c". Without
// a pattern it returns "".
//
// Middleware that runs before its router has chosen a handler sees no pattern. In
// chi, use the middleware with With or in a Group, and not with Use on the
// outermost router.
func PatternOperation(r *http.Request) string {
	if r.Pattern == "" {
		return ""
	}
	path := strings.TrimPrefix(r.Pattern, r.Method+" ")
	readable := true
	name := r.Method + strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
			return c
		case c == '/':
			return '.'
		}
		readable = false
		if c == '{' || c == '}' {
			return -1
		}
		return '_'
	}, path)
	if readable && len(name) <= maxOperation {
		return name
	}
	hash := sha256.Sum256([]byte(r.Method + " " + path))
	suffix := "-" + hex.EncodeToString(hash[:4])
	return name[:min(len(name), maxOperation-len(suffix))] + suffix
}

// maxOperation is the length of the longest name that idempotency.NewKey accepts.
const maxOperation = 100
