package idemclient

import (
	"context"
	"net/http"
	"slices"
	"time"
)

type (
	firstSentKey struct{}
	givenKey     struct{} // by the caller
	usedKey      struct{} // by an attempt
)

// WithKey returns a context with the idempotency key of the one intent for which
// it is used. It is for requests that others make, such as a client library: the
// key takes the place of one in the request's header, and of the transport's own.
// Only requests with one of Config.KeyedMethods are given it. Two intents need two
// contexts.
func WithKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, givenKey{}, key)
}

// WithFirstSent returns a context that says when the request, which brings its
// key, was first sent, maybe by another process. Its window is counted from then.
// By default that is the present call.
func WithFirstSent(ctx context.Context, at time.Time) context.Context {
	return context.WithValue(ctx, firstSentKey{}, at)
}

// KeyOf returns the idempotency key of the request that this is the response to,
// or "".
func KeyOf(response *http.Response) string {
	if response.Request == nil {
		return ""
	}
	key, _ := response.Request.Context().Value(usedKey{}).(string)
	return key
}

// idempotent are the methods that may be repeated without a key, RFC 9110 section
// 9.2.2.
var idempotent = []string{"", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete}

// keyOf returns the request's key, a new one if need be, and reports whether the
// request may be sent more than once.
func (t *Transport) keyOf(request *http.Request) (key string, repeatable bool) {
	if request.Header.Get("Upgrade") != "" {
		return "", false
	}
	keyed := slices.Contains(t.cfg.KeyedMethods, request.Method)
	if given, _ := request.Context().Value(givenKey{}).(string); given != "" && keyed {
		return given, true
	}
	values, decided := request.Header[t.cfg.Header]
	switch {
	case len(values) > 0:
		return values[0], values[0] != ""
	case keyed && !decided:
		// What a redirect leads to is still the same intent.
		if from := request.Response; from != nil && KeyOf(from) != "" && from.Request.Method == request.Method {
			return KeyOf(from), true
		}
		return t.cfg.NewKey(), true
	}
	return "", !keyed && slices.Contains(idempotent, request.Method)
}
