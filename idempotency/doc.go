// Package idempotency makes operations safe to retry: however often a request
// arrives, its effect happens once and every caller gets the same result.
//
// A [Key] names one intent of one caller. A [Guard] executes the operation and
// records its result in a [Store] under the key; duplicates get the recorded
// result, byte for byte. Packages dynamostore, pgstore, valkeystore and memstore are
// stores, package kmsseal encrypts what is recorded, and package idemhttp is the
// middleware for net/http:
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
// under a fencing token. If the owner dies in between, the [Recovery] policy decides
// what becomes of the key.
//
// In [Atomic] mode, for effects that are writes to the store, the operation
// plans its writes, and they and the record are one transaction. There is
// nothing to recover.
//
// # Several effects
//
// An execution with more than one effect can run each by [Step]. What a step returned
// is recorded on the execution's record, and an execution that follows an
// interrupted one gets it instead of running the step again.
//
// # What is promised
//
// Each promise has tests that fail when it is broken.
//
// At most one result is recorded for a key within its window, and every replay
// is identical to it (TestDuplicateIsReplayed, TestHazardZombieOverwrites).
//
// At any instant at most one owner holds a running lease, as long as clocks
// differ by less than Config.Skew (TestHazardSkewedClock,
// TestHazardLeaseEndsBeforeTheRecord, and the concurrent tests of storetest).
//
// An acknowledged effect is never lost. In Leased mode an effect happens twice only
// if its execution died or outlived its lease between the effect and the record, or,
// under [Reexecute], ended by an error or a panic after the effect; in idemhttp a
// server error counts as one (TestHazardUnsavedEffect,
// TestHazardDisconnectLosesTheCompletion, TestHazardOneHungRequest). Under [Refuse]
// it never happens twice. With [Reconcile] it does not, provided Reconcile reports
// correctly and executions heed their contexts (TestReconcileCompletesWhatHasHappened,
// TestFailureAfterTheEffectIsReconciled). In Atomic mode it never happens twice
// (TestAtomicConcurrentDuplicates, TestAtomicLostReply in dynamostore).
//
// A result that nobody wrote is not recorded (TestHazardSilenceRecorded).
//
// If the store is unavailable nothing executes
// (TestStoreUnavailableExecutesNothing).
//
// No caller gets another scope's result, nor can tell that the key exists
// there (TestHazardStrangersShare, TestDifferentPartsMakeDifferentKeys).
//
// A record past its window is never used (TestWindowPassed). With Request.FirstSent a
// retry that comes after the window is never executed (TestLateRetryIsRefused).
//
// A step that was recorded does not run again within its key's window
// (TestRecordedStepNeverRunsAgain).
//
// With Config.Seal nobody who reads or writes the store learns a result or makes one
// up, and nothing is executed whose result could not be sealed
// (TestWhatDoesNotOpenIsRefused, TestNothingRunsThatCannotBeSealed).
//
// What cannot be promised, and the evidence beyond these tests, is in
// docs/guarantees.md of the repository.
//
// # Operating
//
// A key whose execution was interrupted, under [Refuse] or because no retry comes, is
// looked at, settled and forgotten by [Guard.Look], [Guard.Settle] and [Guard.Forget],
// or by the command in cmd/idempotency. docs/runbook.md says when to do what.
//
// # What callers must do
//
// Give each caller its own [Scope]. Pass the execution's context on to
// everything that works on its behalf: it ends with the lease, and some time before
// the caller's deadline. When it has ended, return an error. Pass
// [Execution.DerivedKey] to downstream systems that take idempotency keys, so
// that even an execution repeated after a crash has its effect there once.
// Choose a window longer than any client retries.
package idempotency
