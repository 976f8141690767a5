// Package idemclient makes an [http.Client] that may repeat what it sends. Its
// [Transport] gives each unsafe request an Idempotency-Key, sends it again with
// the same key and the same bytes where no final answer came, and so gets the
// one answer that there is:
//
//	transport, err := idemclient.New(idemclient.Config{})
//	// …
//	client := &http.Client{Transport: transport}
//	answer, err := client.Post(url, "application/json", body)
//	// …
//	fmt.Println(answer.Status, idemclient.Replayed(answer))
//
// # What is sent again
//
// A request is sent again after a network error, an answer that breaks off, 408,
// 425, 429, 500, 502, 503, 504, and after a 409 whose problem says that the
// first request is still running. Any other answer is final. The pauses grow
// exponentially with full jitter, on top of what Retry-After asks for; attempts
// and time are bounded, and the request's context ends everything at once. Where
// there is no time left to wait, the last answer is returned at once.
//
// POST and PATCH get a key. GET, HEAD, OPTIONS, TRACE, PUT and DELETE are
// idempotent by definition (RFC 9110 section 9.2.2): they are sent again without
// one. Mind that a PUT or DELETE that is repeated late undoes what others did in
// between; where that matters, name the method in Config.KeyedMethods, or send
// If-Match. Requests with other methods, and those that ask for an upgrade of
// the connection, are sent once.
//
// # What callers must do
//
// Use it only for APIs that honour Idempotency-Key. To any other it would make
// the duplicates that it is meant to prevent.
//
// Keep the key of what must survive the process: set the header yourself, from
// what you have written down before, and say by [WithFirstSent] when it was first
// sent. A key of the transport's own making lasts for one call. When that call
// fails, calling again is a new intent with a new key: continue the old one with
// the key that [KeyOf] finds in the answer, or that is in the [Error].
//
// Leave http.Client.Timeout unset and use the context, or Config.Timeout: an
// error that Client.Timeout makes no longer tells the key.
package idemclient
