package idemhttp

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// PatternOperation names an operation after the method and the pattern by which
// the router chose the handler, as net/http's ServeMux and chi 5.5 leave it in
// Request.Pattern: "POST /payments" is "POST.payments". The name of a pattern
// with other characters than letters, digits, hyphens and slashes ends with a
// part of its hash, so that two patterns never share a name:
// "POST /payments/{id}/refunds" is "POST.payments.id.refunds-c70de432".
//
// PatternOperation returns "", which is answered with 500, if there is no pattern
// or if it ends with "/*", because the router has not chosen a handler yet. In
// chi, use the middleware in a Group or by With, and not by Use on a router.
func PatternOperation(r *http.Request) string {
	if r.Pattern == "" || strings.HasSuffix(r.Pattern, "/*") {
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
