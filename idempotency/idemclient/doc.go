// Package idemclient makes an [http.Client] that may repeat what it sends. Its
// [Transport] gives each unsafe request an Idempotency-Key, and sends it again
// with the same key and the same bytes until there is a final response:
//
//	transport, err := idemclient.New(idemclient.Config{})
//	// …
//	client := &http.Client{Transport: transport}
//	response, err := client.Post(url, "application/json", body)
//	// …
//	fmt.Println(response.Status, idemclient.Replayed(response))
//
// # What is sent again
//
// A request is sent again after a network error, a response that breaks off, and
// 408, 425, 429, 500, 502, 503 or 504, up to Config.MaxAttempts times. A response
// that was recorded earlier ([Replayed]) is final whatever its status is, because
// every further attempt would be given the same. Any other response is final, too.
//
// A 409 whose problem says that the first request is still running is asked about
// again for as long as there is time, and does not count as an attempt.
//
// The pauses grow exponentially with full jitter, on top of what Retry-After asks
// for. Attempts and time are bounded, and the request's context ends everything
// at once. If there is no time left to wait, the last response is returned at
// once. A server with other conventions is served by Config.ShouldRetry; [Stripe]
// has those of Stripe.
//
// POST and PATCH get a key. GET, HEAD, OPTIONS, TRACE, PUT and DELETE are
// idempotent by definition (RFC 9110 section 9.2.2): they are sent again without
// one. A PUT or DELETE that is repeated late undoes what others did in between; if
// that matters, name the method in Config.KeyedMethods, or send If-Match. Requests
// with other methods, and those that ask for an upgrade of the connection, are
// sent once.
//
// # What callers must do
//
// Use it only for APIs that honour Idempotency-Key. With any other it would make
// the duplicates that it is meant to prevent.
//
// Keep the key of an intent that must survive the process: write it down, then set
// the header yourself or use [WithKey], and say by [WithFirstSent] when it was
// first sent. A key of the transport's own making lasts for one call. When that
// call fails, calling again is a new intent with a new key: continue the old one
// with the key that [KeyOf] finds in the response, or that is in the [Error].
//
// Leave http.Client.Timeout unset and use the context, or Config.Timeout: an
// error that Client.Timeout makes no longer has the key.
package idemclient
