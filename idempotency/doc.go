// Package idempotency makes operations safe to retry: however often a request
// arrives, its effect happens once and every caller gets the same answer.
//
// A [Key] names one intent of one caller. A [Guard] executes the operation and
// records its result in a [Store] under the key; duplicates are given the
// recorded result, byte for byte. Packages dynamostore, valkeystore and memstore
// are stores, idemhttp is the middleware for net/http:
//
//	store, err := dynamostore.New(dynamodb.NewFromConfig(cfg), "idempotency")
//	guard, err := idempotency.New(idempotency.Config{Store: store})
//	protect, err := idemhttp.New(idemhttp.Config{
//		Guard: guard, Operation: "payments.create",
//		Scope: callerOf, // who is calling; there is no default
//	})
//	mux.Handle("POST /payments", protect(createPayment))
//
// Package idemlambda is for queues, streams and other events of AWS Lambda. Any
// other function is executed once by [Do] or, in bytes, by [Guard.Do]. Package
// idemclient is for those who call.
//
// # Two modes
//
// In [Leased] mode, for effects anywhere, the key is claimed by one conditional
// write, the operation is executed under a lease, and its result is recorded
// under a fencing token. What becomes of a key whose owner died in between is
// decided by [Recovery].
//
// In [Atomic] mode, for effects that are writes to the store, the operation
// plans its writes, and they and the record are one transaction. There is
// nothing to recover.
//
// # What is promised
//
// Behind each promise stand tests that fail when it is broken.
//
// At most one result is recorded for a key within its window, and every replay
// is identical to it (TestDuplicateIsReplayed, TestHazardZombieOverwrites).
//
// At any instant at most one owner holds a running lease, as long as clocks
// differ by less than Config.Skew (TestHazardSkewedClock, and the concurrent
// tests of storetest).
//
// An acknowledged effect is never lost, and happens twice only if the process
// died between the effect and its completion, or ran on after its lease
// (TestHazardUnsavedEffect, TestHazardDisconnectLosesTheCompletion). In Atomic
// mode it never happens twice (TestAtomicConcurrentDuplicates, TestAtomicLostReply
// in dynamostore), and with [Reconcile] it does not if reconciliation finds the
// truth (TestReconcileCompletesWhatHasHappened,
// TestFailureAfterTheEffectIsReconciled).
//
// Where the store is unavailable nothing executes
// (TestStoreUnavailableExecutesNothing).
//
// No caller is given another scope's result, nor can tell that the key exists
// there (TestHazardStrangersShare, TestDifferentPartsMakeDifferentKeys).
//
// A record past its window is never used (TestWindowPassed).
//
// What cannot be promised, and the evidence beyond these tests, is in
// docs/guarantees.md of the repository.
//
// # What callers must do
//
// Give each caller its own [Scope]. Pass the execution's context on to
// everything that works on its behalf: it ends with the lease. Hand
// [Execution.DerivedKey] to downstream systems that take idempotency keys, so
// that even an execution repeated after a crash has its effect there once.
// Choose a window longer than any client retries.
package idempotency
