package idemhttp

import (
	"mime"
	"net/http"

	"github.com/idempotent-requests/idempotent-requests/functions/idempotency"
	"github.com/idempotent-requests/idempotent-requests/functions/idempotency/canonicaljson"
	"github.com/idempotent-requests/idempotent-requests/functions/idempotency/problem"
)

// FingerprintFunc computes the fingerprint of a request whose body has been
// read. Where the error is a *[problem.Problem] the client is answered with it;
// any other is answered with 500.
type FingerprintFunc func(r *http.Request, body []byte) (idempotency.Fingerprint, error)

// RawFingerprint covers method, path and query, media type and the body's bytes
// as they are.
func RawFingerprint(r *http.Request, body []byte) (idempotency.Fingerprint, error) {
	return idempotency.NewFingerprint(
		[]byte(r.Method),
		[]byte(r.URL.EscapedPath()),
		[]byte(r.URL.RawQuery),
		[]byte(mediaType(r)),
		body,
	), nil
}

// JSONFingerprint is [RawFingerprint] over the canonical form of a JSON body, so
// that member order, white space and number notation do not matter. A body that
// is not JSON, or that canonicalisation cannot tell apart from another, is
// answered with 400; see package canonicaljson.
func JSONFingerprint(r *http.Request, body []byte) (idempotency.Fingerprint, error) {
	canonical, err := canonicaljson.Transform(body)
	if err != nil {
		return "", &problem.Problem{
			Type:   TypePayloadMalformed,
			Title:  "The request body is malformed",
			Status: http.StatusBadRequest,
			Detail: "The body is refused: " + err.Error() + ".",
		}
	}
	return RawFingerprint(r, canonical)
}

func mediaType(r *http.Request) string {
	value := r.Header.Get("Content-Type")
	if parsed, _, err := mime.ParseMediaType(value); err == nil {
		return parsed
	}
	return value
}
