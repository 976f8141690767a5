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

// MaxKeyLength is the length of the longest key, in bytes.
const MaxKeyLength = 255

// ErrNoKey is returned by [ParseKey] and Config.Key for a request without a key.
var ErrNoKey = errors.New("the request has no idempotency key")

// ParseKey returns the idempotency key of a request: 1 to 255 printable ASCII
// characters, not all of them spaces, sent once. The structured-field string that the
// draft asks for (RFC 9651 section 3.3.3) and the bare form that most clients
// send are the same key: "abc" and abc. A bare key has no comma, because
// intermediaries join a header that was sent twice with one. Errors other than
// [ErrNoKey] say what is malformed and may be shown to the client.
func ParseKey(header http.Header) (string, error) { return parseKey(header, HeaderKey) }

// KeyFromHeader returns a Config.Key that reads the header of the given name by
// the rules of [ParseKey].
func KeyFromHeader(name string) func(*http.Request, []byte) (string, error) {
	name = http.CanonicalHeaderKey(name)
	return func(r *http.Request, _ []byte) (string, error) { return parseKey(r.Header, name) }
}

func parseKey(header http.Header, name string) (string, error) {
	values := header[name]
	switch len(values) {
	case 0:
		return "", ErrNoKey
	case 1:
	default:
		return "", fmt.Errorf("the %s header was sent more than once", name)
	}
	key := strings.Trim(values[0], " \t")
	if strings.HasPrefix(key, `"`) {
		item, err := httpsfv.UnmarshalItem([]string{key})
		if err != nil {
			return "", fmt.Errorf("the %s is not a well-formed quoted string (RFC 9651)", name)
		}
		key, _ = item.Value.(string) // it began with a quote: nothing else parses
	} else if strings.Contains(key, ",") {
		return "", fmt.Errorf("the %s was sent more than once, or has a comma and is not quoted", name)
	}
	if err := checkKey(key, name); err != nil {
		return "", err
	}
	return key, nil
}

// checkKey returns an error that says why key is no idempotency key. name says
// where it comes from.
func checkKey(key, name string) error {
	switch {
	case strings.Trim(key, " ") == "":
		return fmt.Errorf("the %s is empty", name)
	case len(key) > MaxKeyLength:
		return fmt.Errorf("the %s is longer than %d characters", name, MaxKeyLength)
	case strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }):
		return fmt.Errorf("the %s has characters other than printable ASCII", name)
	}
	return nil
}
