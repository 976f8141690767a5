// Package pgstore keeps idempotency records in PostgreSQL, from version 12 on, by
// means of pgx.
//
//	store, err := pgstore.NewAtomic(pool) // or New, for a guard in leased mode
//	// …
//	err = store.Migrate(ctx)
//
// # Leased mode
//
// Each step of the protocol is one round trip, and a replay is one. So is the record
// of a step of an execution; see [idempotency.Step]. A replay locks nothing, so that
// duplicates of one key do not wait for each other. A claim takes a second round trip
// if another one has come while it was under way, and a completion if it is refused.
//
// # Atomic mode
//
// The execution makes its effects in a transaction that it finds in its context,
// and they are committed together with the record:
//
//	_, err := pgstore.TxFrom(ctx).Exec(ctx, "UPDATE accounts SET balance = balance - $1 WHERE id = $2", …)
//
// That takes one round trip more than a transaction of the application's own. An
// error, a panic or a discarded result rolls back. Under an isolation level at
// which transactions can fail to be serialised, an execution whose commit fails so
// runs again, in another transaction, three times at most.
//
// An execution holds a connection from its beginning to its end, so a pool runs as
// many executions at once as it has connections. It must not take a second one
// from the same pool: when every connection is held by an execution that waits
// for another, none goes on until its context ends.
//
// # When the database is not there
//
// Every request, the wait for a connection included, ends within
// [RequestTimeout]. With a pool that is exhausted, a server that is down, and one
// that takes no writes because it is a standby, a claim fails and nothing is
// executed. The pool connects anew by itself.
//
// What is promised rests on the server losing nothing that it has acknowledged: a
// failover to a replica that lags loses the last commits, and a lost record lets
// its operation run again. Synchronous replication (synchronous_standby_names), the
// synchronous standby of a Multi-AZ deployment of Amazon RDS, or storage that the
// instances share, as in Amazon Aurora, prevents that. So does fsync, which must be on, and
// synchronous_commit, which must not be off. In atomic mode a loss takes effects
// and record together, and the retry makes both again.
//
// A commit whose reply is lost is looked up once. If its outcome stays unknown the
// caller is told that the store is unavailable, and its retry is given the result
// or executes.
//
// # Expiry
//
// The callers' clocks decide whether a record has expired. Call [Store.Sweep] from
// time to time, or schedule the same statement in the database, to delete what
// has. Every step finds its record by the primary key, so that the table's size
// does not matter, and it need not be partitioned.
//
// # PgBouncer
//
// Transaction pooling suits: nothing outlives a transaction. Unless the pooler
// tracks prepared statements, set pgx's DefaultQueryExecMode to
// QueryExecModeExec.
//
// [idempotency.Step]: https://pkg.go.dev/github.com/idempotent-requests/idempotent-requests/idempotency#Step
package pgstore
