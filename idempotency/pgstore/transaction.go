package pgstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// AtomicStore is a [Store] for guards in atomic mode: what an execution writes in
// the transaction that [TxFrom] returns is committed together with its record, by
// one commit, or not at all.
//
// While an execution runs, another one of the same key is told so at once,
// without waiting for a lock: it holds no connection while it waits.
type AtomicStore struct{ *Store }

var _ idempotency.AtomicStore = (*AtomicStore)(nil)

// NewAtomic returns an atomic store. It returns the errors of [New].
func NewAtomic(db DB, options ...Option) (*AtomicStore, error) {
	s, err := New(db, options...)
	if err != nil {
		return nil, err
	}
	return &AtomicStore{s}, nil
}

// TxFrom returns the transaction of ctx's execution in atomic mode. It is begun
// and ended by the guard: its methods Commit and Rollback return an error and do
// nothing. Begin makes a savepoint, by which an execution can go on after a
// statement that may fail; without one a failed statement fails the transaction,
// and with it the execution.
//
// If ctx belongs to no such execution, the transaction returned has nothing but
// errors to give.
func TxFrom(ctx context.Context) pgx.Tx {
	if e, ok := ctx.Value(executionKey{}).(*execution); ok {
		return guardedTx{e.tx}
	}
	return noTx{}
}

type executionKey struct{}

// execution is one that runs, and the transaction in which it does.
type execution struct {
	tx    pgx.Tx
	ended bool
}

// Begin implements [idempotency.AtomicStore] with one round trip, which begins
// the transaction, looks for a record in the way, and takes a lock on the key that
// lasts as long as the transaction.
func (s *AtomicStore) Begin(ctx context.Context, a idempotency.Attempt) (context.Context, *idempotency.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	within, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	idempotency.AddCost(ctx, idempotency.Cost{RoundTrips: 1})
	b := new(pgx.Batch)
	b.BeginTx(pgx.TxOptions{IsoLevel: s.isoLevel})
	if s.idle > 0 {
		b.Queue("SELECT set_config('idle_in_transaction_session_timeout', $1, true)", strconv.FormatInt(s.idle.Milliseconds(), 10))
	}
	b.Queue("SELECT pg_try_advisory_xact_lock($1)", lockKey(s.table, a.Record.ID))
	b.Queue(s.sql.met, a.Record.ID, string(a.Record.Fingerprint), "")
	results := s.db.SendBatch(within, b)
	existing, locked, err := s.readBegin(results, a.Record.ID)
	e := &execution{tx: results.Tx()}
	switch {
	case err != nil:
		s.rollback(e)
		if isSerializationFailure(err) {
			return nil, nil, fmt.Errorf("%w: %w", idempotency.ErrConflict, err)
		}
		return nil, nil, s.explain(err)
	case existing != nil && a.Now.Before(existing.Expires):
		s.rollback(e)
		return nil, existing, nil
	case !locked:
		s.rollback(e)
		return nil, nil, fmt.Errorf("%w: %w", idempotency.ErrConflict, errKeyLocked)
	}
	return context.WithValue(ctx, executionKey{}, e), nil, nil
}

var errKeyLocked = errors.New("pgstore: another transaction holds the key")

func (s *AtomicStore) readBegin(results pgx.BatchResults, id string) (existing *idempotency.Record, locked bool, err error) {
	defer func() {
		if closing := results.Close(); err == nil {
			err = closing
		}
	}()
	if _, err := results.Exec(); err != nil { // BEGIN
		return nil, false, err
	}
	if s.idle > 0 {
		if _, err := results.Exec(); err != nil {
			return nil, false, err
		}
	}
	if err := results.QueryRow().Scan(&locked); err != nil {
		return nil, false, err
	}
	existing, err = s.scan(results.QueryRow(), id)
	return existing, locked, err
}

// Commit implements [idempotency.AtomicStore] with two round trips: one writes
// the record, one commits.
func (s *AtomicStore) Commit(ctx context.Context, completed idempotency.Record, now time.Time) (*idempotency.Record, error) {
	e, ok := ctx.Value(executionKey{}).(*execution)
	if !ok {
		return nil, errors.New("pgstore: Commit needs a context from Begin")
	}
	if e.ended {
		return nil, errors.New("pgstore: the transaction has ended")
	}
	conn := e.tx.Conn().PgConn()
	switch status := conn.TxStatus(); {
	case conn.IsClosed():
		return nil, errors.New("pgstore: the transaction's connection was lost")
	case status == 'E':
		return nil, fmt.Errorf("%w: pgstore: a statement of the execution failed, and with it the transaction, but the execution returned a result; "+
			"return the error or, to go on after it, make a savepoint by the transaction's Begin", idempotency.ErrPlan)
	case status != 'T':
		return nil, fmt.Errorf("%w: pgstore: the execution has ended the transaction", idempotency.ErrPlan)
	}
	data, encoding, err := s.pack(completed.Data)
	if err != nil {
		return nil, err
	}
	// The effects are complete. A caller that hangs up changes that no more.
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limit(len(data)))
	defer cancel()

	idempotency.AddCost(ctx, idempotency.Cost{RoundTrips: 1})
	tag, err := e.tx.Exec(within, s.sql.commit, completed.ID, completed.Owner, string(completed.Fingerprint), completed.Expires.Unix(),
		data, encoding, now.Unix(), claimed(completed))
	if err != nil {
		return nil, s.refusal(err)
	}
	if tag.RowsAffected() == 0 { // written by one that took no lock on the key
		idempotency.AddCost(ctx, idempotency.Cost{RoundTrips: 1})
		return s.scan(e.tx.QueryRow(within, s.sql.met, completed.ID, string(completed.Fingerprint), ""), completed.ID)
	}
	idempotency.AddCost(ctx, idempotency.Cost{RoundTrips: 1})
	e.ended = true
	err = e.tx.Commit(within)
	if err == nil || code(err) != "" || errors.Is(err, pgx.ErrTxCommitRollback) {
		return nil, s.refusal(err)
	}
	return s.settle(ctx, completed, now, err)
}

// refusal returns an error of the commit: as one that asks for another execution
// if it is of the kind that comes of concurrent transactions, and as a mistake in
// the program if a deferred constraint is violated, of which no retry makes more.
func (s *AtomicStore) refusal(err error) error {
	switch {
	case isSerializationFailure(err):
		return fmt.Errorf("%w: %w", idempotency.ErrRefused, err)
	case strings.HasPrefix(code(err), "23"):
		return fmt.Errorf("%w: pgstore: %w", idempotency.ErrPlan, err)
	}
	return s.explain(err)
}

// settle finds out whether a commit has happened whose reply did not come.
func (s *AtomicStore) settle(ctx context.Context, completed idempotency.Record, now time.Time, lost error) (*idempotency.Record, error) {
	r, err := s.Load(context.WithoutCancel(ctx), completed.ID)
	switch {
	case err != nil || r == nil || !now.Before(r.Expires):
		return nil, fmt.Errorf("pgstore: whether the transaction was committed is unknown: %w", lost)
	case r.Owner == completed.Owner:
		return nil, nil
	}
	return r, nil
}

// End implements [idempotency.AtomicStore]. It rolls back what was not committed.
func (s *AtomicStore) End(ctx context.Context) {
	if e, ok := ctx.Value(executionKey{}).(*execution); ok {
		s.rollback(e)
	}
}

// rollback ends a transaction and gives its connection back to the pool. If the
// server does not answer, pgx closes the connection, which has the same effect.
func (s *AtomicStore) rollback(e *execution) {
	if e.ended {
		return
	}
	e.ended = true
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	_ = e.tx.Rollback(ctx)
}

// lockKey returns the advisory lock of a record, or with an empty id that of the
// table. Two records that share one would only wait for each other.
func lockKey(table, id string) int64 {
	sum := sha256.Sum256([]byte("idempotency\x00" + table + "\x00" + id))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

var (
	errNotYours = errors.New("pgstore: the transaction is ended by the guard; return an error from the execution to roll it back")
	errNoTx     = errors.New("pgstore: there is no transaction: the context belongs to no execution of a guard in atomic mode with an AtomicStore of this package")
)

// guardedTx is a transaction that its user does not end.
type guardedTx struct{ pgx.Tx }

func (guardedTx) Commit(context.Context) error   { return errNotYours }
func (guardedTx) Rollback(context.Context) error { return errNotYours }

// noTx stands for a transaction where there is none.
type noTx struct{}

func (noTx) Begin(context.Context) (pgx.Tx, error) { return nil, errNoTx }
func (noTx) Commit(context.Context) error          { return errNoTx }
func (noTx) Rollback(context.Context) error        { return errNoTx }
func (noTx) CopyFrom(context.Context, pgx.Identifier, []string, pgx.CopyFromSource) (int64, error) {
	return 0, errNoTx
}
func (noTx) SendBatch(_ context.Context, b *pgx.Batch) pgx.BatchResults {
	return pgx.FailedBatchResults(b, errNoTx)
}
func (noTx) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }
func (noTx) Prepare(context.Context, string, string) (*pgconn.StatementDescription, error) {
	return nil, errNoTx
}
func (noTx) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, errNoTx
}
func (noTx) Query(context.Context, string, ...any) (pgx.Rows, error) { return nil, errNoTx }
func (noTx) QueryRow(context.Context, string, ...any) pgx.Row        { return noRow{} }
func (noTx) Conn() *pgx.Conn                                         { return nil }

type noRow struct{}

func (noRow) Scan(...any) error { return errNoTx }
