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
// or, without an Operation, the handlers of a group of routes, each of which is
// an operation of its own ([PatternOperation]):
//
//	router.Route("/payments", func(r chi.Router) {
//		r.With(protect).Post("/", createPayment)
//		r.With(protect).Post("/{id}/refunds", createRefund)
//		r.Get("/{id}", showPayment)
//	})
//
// A request with a key that is known gets the recorded response and
// "Idempotent-Replayed: true"; the handler does not run. A request that is
// refused gets a problem document (RFC 9457) whose type is one of the Type
// constants. Responses to requests with a key carry Idempotency-Expires, the end
// of the key's window. Requests with methods other than Config.Methods reach the
// handler unprotected.
//
// # What callers must do
//
// Tell clients apart: Config.Scope is required. Validate requests before the
// middleware if that is cheap, so that bad input claims nothing; but leave the
// body unread, or put it back. Pass the request's context on: it ends with the
// lease and carries the [idempotency.Execution]. Compress responses outside the
// middleware rather than inside, so that replays are compressed for the request
// that gets them.
//
// # What a handler can expect
//
// Its request has the whole body to read, although the middleware has read it for
// the fingerprint. It sees the response headers that outer middleware has set,
// and can change and remove them. Its response is buffered and sent after it has
// been recorded, so flushing has no effect and hijacking is not possible. A
// client that disconnects does not cancel it.
//
// A panic reaches net/http. The guard's recovery policy decides about the key
// before: under [idempotency.Reexecute] it is released, and under the other
// policies the execution counts as interrupted. The same goes for a response with
// a status of 5xx, and for a handler that returns without any response after its
// context has ended, which is answered with 503.
//
// # What a handler can do
//
// A handler can decide about its key by itself, whatever its status:
//
//	execution, _ := idempotency.FromContext(r.Context())
//	execution.Discard() // nothing has happened: a retry executes, under every policy
//	execution.Fail(err) // it may have happened: the recovery policy decides
//
// Both send the handler's response to the client and record nothing. A handler
// that sheds load with 503 does well to discard, because under
// [idempotency.Refuse] its key would otherwise be spent.
//
// # What is observed
//
// The guard's observer is also told of the requests that are refused before the
// guard, as [idempotency.ObservedRefused] with the cause: without a key, too
// large, malformed, or because Config.Scope has failed.
package idemhttp
