// Package crash holds the crash matrix: every path of the protocol is
// interrupted at every one of its steps, in every way a process or its
// connection can fail, and a client retries until it has an answer. What then
// has happened, and which guarantees held, is printed into
// docs/crash-matrix.md by
//
//	go test ./evidence/crash -update
//
// and compared with it by every other run of the tests.
//
// The steps are not listed anywhere: each path is run once undisturbed and
// every request that reaches the store is counted, so that a request added to
// the protocol is interrupted without anybody thinking of it. Each run leaves a
// Book of package ledger: the records before and after each request, the effects, and what
// callers were told. Its predicates, which believe no store and no guard, are the
// verdict, and they are shown to object if a store is broken on purpose.
//
// Begin with the stories, in the directory of that name: scripts for one fault each
// that read from top to bottom, with their outcome, played by the same processes on
// the same stores and judged by the same oracle.
package crash
