package idemhttp

import (
	"mime"
	"net/http"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/canonicaljson"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// FingerprintFunc computes the fingerprint of a request. body is the whole body;
// r.Body has been read. If the error is a *[problem.Problem], the client is
// answered with that. Any other is answered with 500.
type FingerprintFunc func(r *http.Request, body []byte) (idempotency.Fingerprint, error)

// RawFingerprint covers the method, the path and query, the media type and the
// bytes of the body as they are.
func RawFingerprint(r *http.Request, body []byte) (idempotency.Fingerprint, error) {
	return rawFingerprint(r, mediaType(r), body), nil
}

func rawFingerprint(r *http.Request, media string, body []byte) idempotency.Fingerprint {
	return idempotency.NewFingerprint(
		[]byte(r.Method),
		[]byte(r.URL.EscapedPath()),
		[]byte(r.URL.RawQuery),
		[]byte(media),
		body,
	)
}

// JSONFingerprint is [RawFingerprint] over the canonical form of a JSON body
// (RFC 8785), so that the order of members, white space and the notation of
// numbers do not matter. A body that is not JSON, or that has no canonical form,
// is answered with 400; see [canonicaljson.Transform].
func JSONFingerprint(r *http.Request, body []byte) (idempotency.Fingerprint, error) {
	canonical, err := canonicaljson.Transform(body)
	if err != nil {
		return "", malformed(err.Error())
	}
	return RawFingerprint(r, canonical)
}

func malformed(reason string) error {
	return &problem.Problem{
		Type:   TypePayloadMalformed,
		Title:  "The request body is malformed",
		Status: http.StatusBadRequest,
		Detail: "The body is refused: " + reason + ".",
	}
}

func mediaType(r *http.Request) string {
	var value string
	if values := r.Header["Content-Type"]; len(values) > 0 {
		value = values[0]
	}
	if value == "application/json" { // the most frequent one, which parsing would not change
		return value
	}
	if parsed, _, err := mime.ParseMediaType(value); err == nil {
		return parsed
	}
	return value
}
