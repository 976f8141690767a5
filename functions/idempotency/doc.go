// Package idempotency makes operations safe to retry: however often a request
// arrives, its effect happens once and every caller gets the same answer.
//
// A [Key] names one intent of one caller. A [Guard] claims the key in a
// [Store], executes the operation and records the result; duplicates are given
// the recorded result, byte for byte. Packages dynamostore and memstore are
// stores, idemhttp is the middleware for net/http:
//
//	guard, err := idempotency.New(idempotency.Config{Store: store})
//	// …
//	protect, err := idemhttp.New(idemhttp.Config{
//		Guard:     guard,
//		Operation: "payments.create",
//		Scope:     callerOf, // who is calling; there is no default
//	})
//	// …
//	mux.Handle("POST /payments", protect(createPayment))
//
// # What is promised
//
// At most one result is recorded for a key within its window, and every replay
// is identical to it. At any instant at most one owner holds a running lease,
// as long as clocks differ by less than Config.Skew. An acknowledged effect is
// never lost, and happens twice only if the process died between the effect and
// its completion or ran on after its lease: then Config.Recovery decides.
// Where the store is unavailable nothing executes.
//
// # What callers must do
//
// Give each caller its own [Scope]. Pass the execution's context on to
// everything that works on its behalf: it ends with the lease. Hand
// [Execution.DerivedKey] to downstream systems that take idempotency keys, so
// that even an execution repeated after a crash has its effect there once.
package idempotency
