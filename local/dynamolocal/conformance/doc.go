// Package conformance is the contract that an implementation of DynamoDB has to keep for this project, as a suite of
// tests that know nothing but the unmodified AWS SDK.
//
// The embedded engine calls [Run] in its own tests. The same suite runs against moto's server and against any other
// endpoint, DynamoDB itself included: `make conformance` (moto.sh here, and the package remote) does that, so that the
// engine is held to something that its authors did not write.
//
// What a case expects is what DynamoDB's API reference and developer guide say, and the answers that DynamoDB is known
// to give where they are silent. Messages are compared by the part that is well known, never in full.
//
// # Where a reference is wrong
//
// A case names the targets that fail it, and why, in its wrong field. Such a case is run all the same and must still
// fail: what it complained about is logged, and a target that has been corrected fails the suite until the entry is
// removed. Nothing is skipped.
package conformance
