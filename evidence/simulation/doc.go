// Package simulation runs a whole system of clients, processes with guards, a
// network and a store, in which nearly everything goes wrong, and hands over the
// [ledger.Book] of what happened.
//
// One seed decides everything: how many processes and clients there are, how
// their clocks differ, what each handler does, and the fate of every message.
//
// # How far a run is reproducible
//
// [Run] works inside a testing/synctest bubble, in which time only passes while
// everybody waits. That alone would not make a run reproducible, because
// goroutines that are ready at the same time run in any order. So all messages to
// and from the store pass through a scheduler, which lets one of them arrive,
// waits until every goroutine has settled, and only then lets the next one
// arrive. What happens to a message is drawn from a generator of its own, seeded
// by the run's seed and the message's place in its call, so that the order of
// drawing does not matter.
//
// Two sources of chance are out of reach: fencing tokens, of which only equality
// matters and which traces do not show, and the guard's jitter. The latter is
// absorbed: a repeated call of the store is held back until the longest pause
// that the guard could have drawn is over. The test that runs seeds twice and
// compares traces is what this rests on.
//
// [RunConcurrently] gives all that up for real concurrency: the same system and
// the same faults, with goroutines that run as they like.
package simulation
