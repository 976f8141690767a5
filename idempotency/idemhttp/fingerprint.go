package idemhttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/canonicaljson"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
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
		return "", malformed(err)
	}
	return RawFingerprint(r, canonical)
}

// JSONSubsetFingerprint returns a function like [JSONFingerprint] that covers
// only the members of a JSON body which the pointers lead to (RFC 6901, such as
// "/amount" or "/card/token"): whatever else the body says may differ between a
// request and its duplicates. A member that is absent differs from every value,
// null included. It refuses an empty list and malformed pointers.
func JSONSubsetFingerprint(pointers ...string) (FingerprintFunc, error) {
	if len(pointers) == 0 {
		return nil, errors.New("idemhttp: a fingerprint of nothing would call all payloads the same")
	}
	paths := make([][]string, len(pointers))
	for i, pointer := range pointers {
		path, err := parsePointer(pointer)
		if err != nil {
			return nil, err
		}
		paths[i] = path
	}
	return func(r *http.Request, body []byte) (idempotency.Fingerprint, error) {
		canonical, err := canonicaljson.Transform(body)
		if err != nil {
			return "", malformed(err)
		}
		var document any
		if err := json.Unmarshal(canonical, &document); err != nil {
			return "", malformed(err)
		}
		// Null where there is nothing, and an array of one where there is something.
		subset := make([]any, len(paths))
		for i, path := range paths {
			if member, found := lookUp(document, path); found {
				subset[i] = []any{member}
			}
		}
		text, err := json.Marshal(subset)
		if err != nil {
			return "", err
		}
		if text, err = canonicaljson.Transform(text); err != nil {
			return "", err
		}
		return RawFingerprint(r, text)
	}, nil
}

func parsePointer(pointer string) ([]string, error) {
	tokens := strings.Split(pointer, "/")
	if tokens[0] != "" || len(tokens) < 2 {
		return nil, fmt.Errorf("idemhttp: JSON pointer %q: want one that begins with a slash", pointer)
	}
	for i, token := range tokens {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(token), "~") {
			return nil, fmt.Errorf("idemhttp: JSON pointer %q: want ~0 for a tilde and ~1 for a slash", pointer)
		}
		tokens[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
	}
	return tokens[1:], nil
}

func lookUp(value any, path []string) (any, bool) {
	for _, token := range path {
		switch v := value.(type) {
		case map[string]any:
			member, found := v[token]
			if !found {
				return nil, false
			}
			value = member
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) || token != strconv.Itoa(i) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, true
}

func malformed(err error) error {
	return &problem.Problem{
		Type:   TypePayloadMalformed,
		Title:  "The request body is malformed",
		Status: http.StatusBadRequest,
		Detail: "The body is refused: " + err.Error() + ".",
	}
}

func mediaType(r *http.Request) string {
	var value string
	if values := r.Header["Content-Type"]; len(values) > 0 {
		value = values[0]
	}
	if value == "application/json" { // the usual one is what it is parsed to
		return value
	}
	if parsed, _, err := mime.ParseMediaType(value); err == nil {
		return parsed
	}
	return value
}
