// Package idemhttp makes net/http handlers idempotent, following
// draft-ietf-httpapi-idempotency-key-header. A middleware from [New] wraps the
// handler of one operation:
//
//	protect, err := idemhttp.New(idemhttp.Config{
//		Guard: guard, Operation: "payments.create",
//		Scope: callerOf,
//	})
//	// …
//	mux.Handle("POST /payments", protect(createPayment))
//
// A request that carries a known Idempotency-Key is given the recorded response
// with "Idempotent-Replayed: true"; the handler does not run. What is refused
// is answered with a problem document (RFC 9457) whose type is one of the Type
// constants. Answers to keyed requests carry Idempotency-Expires, the end of
// the key's window.
//
// # What callers must do
//
// Tell callers apart: Config.Scope is required. Validate requests before the
// middleware where that is cheap, so that bad input claims nothing. Pass the
// request's context on: it ends with the lease and carries the
// [idempotency.Execution].
//
// # What a handler can expect
//
// Its request has the whole body to read, though the middleware has read it for
// the fingerprint. Its response is buffered and sent once it is recorded, so
// flushing has no effect and hijacking is not possible. A client that
// disconnects does not cancel it. A panic releases the key and goes on.
package idemhttp
