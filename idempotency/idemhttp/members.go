package idemhttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/canonicaljson"
)

// JSONMembers names members of a JSON body by JSON pointers (RFC 6901), such as
// "/amount", "/card/token" or "/lines/0".
type JSONMembers struct {
	// Required are the members that every body has. A body without one of them is
	// answered with 400.
	Required []string
	// Optional are members that a body may lack. Their absence differs from every
	// value, null included.
	Optional []string
}

// JSONSubsetFingerprint returns a function like [JSONFingerprint] that covers
// only the given members of a JSON body. Everything else in the body may differ
// between a request and its duplicates, so members that are added to the API
// later have to be added here, too; [JSONExceptFingerprint] needs no such care. A
// member whose name differs from that of a given one only in case is answered
// with 400, because encoding/json takes one for the other. JSONSubsetFingerprint
// returns an error if no member is required, or if a pointer is malformed.
func JSONSubsetFingerprint(members JSONMembers) (FingerprintFunc, error) {
	if len(members.Required) == 0 {
		return nil, errors.New("idemhttp: JSONMembers.Required is empty: the fingerprint would be the same for all bodies without the optional members")
	}
	required, err := parsePointers(members.Required)
	if err != nil {
		return nil, err
	}
	optional, err := parsePointers(members.Optional)
	if err != nil {
		return nil, err
	}
	return func(r *http.Request, body []byte) (idempotency.Fingerprint, error) {
		document, err := decodeJSON(body)
		if err != nil {
			return "", err
		}
		// Each member is null if it is absent, and an array of one if it is present.
		subset := make([]any, 0, len(required)+len(optional))
		for i, path := range required {
			member, found, err := lookUp(document, path)
			if err != nil {
				return "", err
			}
			if !found {
				return "", malformed(fmt.Sprintf("it has no member %s", members.Required[i]))
			}
			subset = append(subset, []any{member})
		}
		for _, path := range optional {
			member, found, err := lookUp(document, path)
			if err != nil {
				return "", err
			}
			if found {
				subset = append(subset, []any{member})
			} else {
				subset = append(subset, nil)
			}
		}
		return fingerprintJSON(r, subset)
	}, nil
}

// JSONExceptFingerprint returns a function like [JSONFingerprint] that covers all
// of a JSON body but the members to which the pointers lead, such as the time at
// which the request was sent. They may be absent. It returns an error if there is
// no pointer, or if one is malformed.
func JSONExceptFingerprint(pointers ...string) (FingerprintFunc, error) {
	if len(pointers) == 0 {
		return nil, errors.New("idemhttp: JSONExceptFingerprint without a pointer; use JSONFingerprint")
	}
	paths, err := parsePointers(pointers)
	if err != nil {
		return nil, err
	}
	return func(r *http.Request, body []byte) (idempotency.Fingerprint, error) {
		document, err := decodeJSON(body)
		if err != nil {
			return "", err
		}
		for _, path := range paths {
			remove(document, path)
		}
		return fingerprintJSON(r, document)
	}, nil
}

func decodeJSON(body []byte) (document any, err error) {
	canonical, err := canonicaljson.Transform(body)
	if err != nil {
		return nil, malformed(err.Error())
	}
	return document, json.Unmarshal(canonical, &document)
}

func fingerprintJSON(r *http.Request, document any) (idempotency.Fingerprint, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return "", err
	}
	if text, err = canonicaljson.Transform(text); err != nil {
		return "", err
	}
	return RawFingerprint(r, text)
}

func parsePointers(pointers []string) ([][]string, error) {
	paths := make([][]string, len(pointers))
	for i, pointer := range pointers {
		path, err := parsePointer(pointer)
		if err != nil {
			return nil, err
		}
		paths[i] = path
	}
	return paths, nil
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

// step returns the member or element of value that token names, and reports
// whether there is one.
func step(value any, token string) (any, bool) {
	switch v := value.(type) {
	case map[string]any:
		member, found := v[token]
		return member, found
	case []any:
		if i, ok := index(token, len(v)); ok {
			return v[i], true
		}
	}
	return nil, false
}

// lookUp returns the value to which path leads, and reports whether there is one.
// A name on the way that differs from the path's only in case is an error.
func lookUp(value any, path []string) (found any, ok bool, err error) {
	for _, token := range path {
		members, _ := value.(map[string]any)
		for name := range members {
			if name != token && strings.EqualFold(name, token) {
				return nil, false, malformed(fmt.Sprintf("the member name %.40q differs from %.40q only in case", name, token))
			}
		}
		if value, ok = step(value, token); !ok {
			return nil, false, nil
		}
	}
	return value, true, nil
}

// remove deletes the member to which path leads, if there is one. An element of
// an array becomes null, so that the others keep their places.
func remove(value any, path []string) {
	parents, last := path[:len(path)-1], path[len(path)-1]
	for _, token := range parents {
		var ok bool
		if value, ok = step(value, token); !ok {
			return
		}
	}
	switch v := value.(type) {
	case map[string]any:
		delete(v, last)
	case []any:
		if i, ok := index(last, len(v)); ok {
			v[i] = nil
		}
	}
}

// index parses a token as an index of an array of the given length.
func index(token string, length int) (int, bool) {
	i, err := strconv.Atoi(token)
	return i, err == nil && i >= 0 && i < length && token == strconv.Itoa(i)
}
