package idemhttp

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/dunglas/httpsfv"
)

// HeaderKey is the request header that carries the idempotency key.
const HeaderKey = "Idempotency-Key"

// MaxKeyLength is the longest key, in bytes.
const MaxKeyLength = 255

// ErrNoKey is returned by [ParseKey] for a request without the header.
var ErrNoKey = errors.New("the Idempotency-Key header is missing")

// ParseKey returns the idempotency key of a request: 1 to 255 printable ASCII
// characters, sent once. The structured-field string that the draft asks for
// (RFC 9651 section 3.3.3) and the bare form that most clients send are the
// same key: "abc" and abc. A bare key has no comma, because intermediaries join
// a header that was sent twice with one. Errors other than [ErrNoKey] say what
// is malformed and may be shown to the client.
func ParseKey(header http.Header) (string, error) {
	values := header[HeaderKey]
	switch len(values) {
	case 0:
		return "", ErrNoKey
	case 1:
	default:
		return "", errors.New("the Idempotency-Key header was sent more than once")
	}
	key := strings.Trim(values[0], " \t")
	if strings.HasPrefix(key, `"`) {
		item, err := httpsfv.UnmarshalItem([]string{key})
		if err != nil {
			return "", errors.New("the Idempotency-Key is not a well-formed quoted string (RFC 9651)")
		}
		key, _ = item.Value.(string) // it began with a quote: nothing else parses
	} else if strings.Contains(key, ",") {
		return "", errors.New("the Idempotency-Key was sent more than once, or has a comma and is not quoted")
	}
	switch {
	case key == "":
		return "", errors.New("the Idempotency-Key is empty")
	case len(key) > MaxKeyLength:
		return "", fmt.Errorf("the Idempotency-Key is longer than %d characters", MaxKeyLength)
	case strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }):
		return "", errors.New("the Idempotency-Key has characters other than printable ASCII")
	}
	return key, nil
}
