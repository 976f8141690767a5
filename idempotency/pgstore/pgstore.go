package pgstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/internal/compression"
)

// DB is the part of *[pgxpool.Pool] that a store uses.
//
// [pgxpool.Pool]: https://pkg.go.dev/github.com/jackc/pgx/v5/pgxpool#Pool
type DB interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// Defaults of the options.
const (
	DefaultTable          = "idempotency_records"
	DefaultRequestTimeout = time.Second
	DefaultIdleLimit      = time.Minute
	DefaultCompressAbove  = compression.DefaultAbove
)

// Store keeps records in a table. It is safe for concurrent use; make one with
// [New].
type Store struct {
	db       DB
	name     string // the table's, as it was given
	table    string // quoted
	timeout  time.Duration
	idle     time.Duration
	isoLevel pgx.TxIsoLevel
	codec    compression.Codec
	sql      statements
}

var (
	_ idempotency.OperatorStore = (*Store)(nil)
	_ idempotency.StepStore     = (*Store)(nil)
)

// Option configures a store.
type Option func(*Store)

// Table sets the table's name, default "idempotency_records". It may begin with a
// schema's and a dot. Without one the connection's search path decides.
func Table(name string) Option { return func(s *Store) { s.name = name } }

// RequestTimeout bounds each request of the store, the wait for a connection of
// the pool included: at most a day, to which a longer one is shortened, default 1
// second. It does not bound the statements that an execution in atomic mode makes.
func RequestTimeout(d time.Duration) Option {
	return func(s *Store) { s.timeout = min(d, longestTimeout) }
}

// longestTimeout keeps the limit of a large request from overflowing.
const longestTimeout = 24 * time.Hour

// IdleLimit bounds how long an execution in atomic mode may go without a
// statement before the server ends its transaction: a process that stands still
// blocks its key for no longer. Whole milliseconds, default one minute, 0 for the
// server's own setting.
func IdleLimit(d time.Duration) Option { return func(s *Store) { s.idle = d } }

// IsolationLevel sets the isolation level of executions in atomic mode. Default:
// that of the database, which is read committed unless somebody has changed it.
func IsolationLevel(level pgx.TxIsoLevel) Option { return func(s *Store) { s.isoLevel = level } }

// CompressAbove sets the size in bytes from which results are compressed if that
// makes them smaller. Negative for never, default 1 KiB.
func CompressAbove(bytes int) Option { return func(s *Store) { s.codec.Above = bytes } }

// New returns a store, and makes no request yet. It returns an error if db is nil
// or an option is out of bounds.
func New(db DB, options ...Option) (*Store, error) {
	if db == nil {
		return nil, errors.New("pgstore: db is missing")
	}
	s := &Store{
		db: db, name: DefaultTable, timeout: DefaultRequestTimeout, idle: DefaultIdleLimit,
		codec: compression.Codec{Above: DefaultCompressAbove},
	}
	for _, option := range options {
		option(s)
	}
	if s.timeout <= 0 {
		return nil, fmt.Errorf("pgstore: RequestTimeout is not positive: %v", s.timeout)
	}
	if s.idle < 0 || s.idle > 0 && s.idle < time.Millisecond {
		return nil, fmt.Errorf("pgstore: IdleLimit: want at least a millisecond, or 0 for none: %v", s.idle)
	}
	parts := strings.Split(s.name, ".")
	for _, part := range parts {
		if part == "" || len(parts) > 2 {
			return nil, fmt.Errorf("pgstore: Table: %q is not the name of a table", s.name)
		}
	}
	s.table = pgx.Identifier(parts).Sanitize()
	s.sql = newStatements(s.table)
	return s, nil
}

//go:embed schema.sql
var schema string

// Schema returns the statements that create the store's table and its index if
// they do not exist, for those who run migrations with a tool of their own.
func (s *Store) Schema() string {
	parts := strings.Split(s.name, ".")
	index := pgx.Identifier{parts[len(parts)-1] + "_expiration_idx"}.Sanitize()
	text := strings.ReplaceAll(schema, DefaultTable+"_expiration_idx", index)
	return strings.ReplaceAll(text, DefaultTable+" ", s.table+" ")
}

// Migrate creates the store's table and its index if they do not exist, and
// returns an error unless the table is then as the store needs it. Any number of
// processes may do so at the same time. The role needs the right to create in the
// schema. Migrate is not bounded by [RequestTimeout], but by ctx.
func (s *Store) Migrate(ctx context.Context) error {
	// Without arguments Exec takes several statements, which are one transaction.
	if _, err := s.db.Exec(ctx, fmt.Sprintf("SELECT pg_advisory_xact_lock(%d);\n%s", lockKey(s.table, ""), s.Schema())); err != nil {
		return fmt.Errorf("pgstore: create the table %s: %w", s.name, err)
	}
	return s.Check(ctx)
}

// Check returns an error unless the store's table exists, with the columns and
// the rights that the store needs. It changes nothing. It suits the start of a
// program that leaves migrations to others: without the table every call would
// be told that the store is unavailable.
func (s *Store) Check(ctx context.Context) error {
	if _, err := s.db.Exec(ctx, s.sql.check); err != nil {
		return s.explain(err)
	}
	return nil
}

// Sweep deletes records whose window has passed, at most limit of them, and
// returns how many it has deleted. Call it again while that is limit; any number
// of processes may do so at the same time. A record stays for an hour after its
// window, because clocks differ. Expired records that no one sweeps are treated as
// absent, and only take room.
func (s *Store) Sweep(ctx context.Context, limit int) (deleted int, err error) {
	if limit <= 0 {
		return 0, fmt.Errorf("pgstore: Sweep: the limit is not positive: %d", limit)
	}
	n, err := s.exec(ctx, 0, s.sql.sweep, time.Now().Add(-keepAfterWindow).Unix(), limit)
	return int(n), err
}

const keepAfterWindow = time.Hour

// Claim implements [idempotency.Store] with one round trip. It takes another one if
// it meets a record that came while it was under way.
func (s *Store) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	_, existing, err := s.TakeOver(ctx, c)
	return existing, err
}

// TakeOver implements [idempotency.StepStore] with as many round trips as Claim.
func (s *Store) TakeOver(ctx context.Context, c idempotency.Claim) (steps []idempotency.RecordedStep, existing *idempotency.Record, err error) {
	r := c.Record
	var observedOwner *string
	var observedLease *int64
	if c.TakeOver != nil {
		lease := c.TakeOver.LeaseUntil.UnixMilli()
		observedOwner, observedLease = &c.TakeOver.Owner, &lease
	}
	err = s.request(ctx, 0, func(ctx context.Context) error {
		var found row
		err := s.db.QueryRow(ctx, s.sql.claim, r.ID, r.Owner, string(r.Fingerprint), r.LeaseUntil.UnixMilli(), r.Expires.Unix(),
			c.Now.Unix(), observedOwner, observedLease, claimed(r)).Scan(&found)
		switch {
		case errors.Is(err, pgx.ErrNoRows): // condition: free-key
			return errMoved
		case err == nil && found.status == nil:
			steps, err = s.steps(found.steps)
		case err == nil:
			existing, err = s.record(&found, r.ID)
		}
		return err
	})
	return steps, existing, err
}

// RecordStep implements [idempotency.StepStore] with one round trip.
func (s *Store) RecordStep(ctx context.Context, r idempotency.Record, step idempotency.RecordedStep) (held bool, err error) {
	data, encoding, err := s.pack(step.Data)
	if err != nil {
		return false, err
	}
	n, err := s.exec(ctx, len(data), s.sql.step, r.ID, r.Owner, len(r.Steps), step.Name, data, encoding)
	return n > 0, err
}

// Renew implements [idempotency.Store] with one round trip.
func (s *Store) Renew(ctx context.Context, r idempotency.Record) (held bool, err error) {
	n, err := s.exec(ctx, 0, s.sql.renew, r.ID, r.Owner, r.LeaseUntil.UnixMilli(), r.Expires.Unix(), r.LeaseUntil.IsZero())
	return n > 0, err
}

// Complete implements [idempotency.Store] with one round trip, and a second one that
// reads the record in the way if there is one.
func (s *Store) Complete(ctx context.Context, completed idempotency.Record) (existing *idempotency.Record, err error) {
	data, encoding, err := s.pack(completed.Data)
	if err != nil {
		return nil, err
	}
	err = s.request(ctx, len(data), func(ctx context.Context) error {
		tag, err := s.db.Exec(ctx, s.sql.complete, completed.ID, completed.Owner, string(completed.Fingerprint), completed.Expires.Unix(),
			data, encoding, claimed(completed))
		if err != nil || tag.RowsAffected() > 0 {
			return err
		}
		idempotency.AddCost(ctx, idempotency.Cost{RoundTrips: 1})
		existing, err = s.scan(s.db.QueryRow(ctx, s.sql.met, completed.ID, string(completed.Fingerprint), completed.Owner), completed.ID)
		if err == nil && existing == nil {
			return errMoved
		}
		return err
	})
	if existing != nil && existing.Owner == completed.Owner && existing.Status == idempotency.Completed { // condition: own-completion
		return nil, err // completed by an attempt whose reply was lost
	}
	return existing, err
}

// Release implements [idempotency.Store] with one round trip.
func (s *Store) Release(ctx context.Context, id, owner string) error {
	_, err := s.exec(ctx, 0, s.sql.release, id, owner)
	return err
}

// Load implements [idempotency.Store] with one round trip.
func (s *Store) Load(ctx context.Context, id string) (r *idempotency.Record, err error) {
	err = s.request(ctx, 0, func(ctx context.Context) error {
		r, err = s.scan(s.db.QueryRow(ctx, s.sql.load, id), id)
		return err
	})
	return r, err
}

// Look implements [idempotency.OperatorStore] with one round trip.
func (s *Store) Look(ctx context.Context, id string) (*idempotency.Record, error) {
	return s.Load(ctx, id)
}

// Settle implements [idempotency.OperatorStore] with one round trip.
func (s *Store) Settle(ctx context.Context, observed, settled idempotency.Record) (done bool, err error) {
	data, encoding, err := s.pack(settled.Data)
	if err != nil {
		return false, err
	}
	n, err := s.exec(ctx, len(data), s.sql.settle, settled.ID, settled.Owner, string(settled.Fingerprint), settled.Expires.Unix(), data, encoding,
		observed.Owner, observed.LeaseUntil.UnixMilli())
	return n > 0, err
}

// Forget implements [idempotency.OperatorStore] with one round trip.
func (s *Store) Forget(ctx context.Context, observed idempotency.Record) (done bool, err error) {
	err = s.request(ctx, 0, func(ctx context.Context) error {
		return s.db.QueryRow(ctx, s.sql.forget, observed.ID, observed.Owner, string(observed.Status), observed.LeaseUntil.UnixMilli()).Scan(&done)
	})
	return done && err == nil, err
}

// errMoved says that the record in the way of a write came or went while the write
// was under way, so that it was not seen.
var errMoved = errors.New("pgstore: the record in the way has changed meanwhile, again and again")

// maxAttempts bounds how often a request is made again because it met another
// one's transaction.
const maxAttempts = 5

// bytesPerTimeout is how many bytes a request may bring for each of its time
// limits.
const bytesPerTimeout = 512 << 10

// limit returns the time that a request has which brings that many bytes.
func (s *Store) limit(bytes int) time.Duration {
	return s.timeout * time.Duration(1+bytes/bytesPerTimeout)
}

// request makes a request that brings that many bytes, and makes it again if nothing
// came of it because of another transaction. It counts the first round trip of each.
func (s *Store) request(ctx context.Context, bytes int, once func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.limit(bytes))
	defer cancel()
	for attempt := 1; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		idempotency.AddCost(ctx, idempotency.Cost{RoundTrips: 1})
		err := once(ctx)
		if attempt < maxAttempts && (errors.Is(err, errMoved) || isSerializationFailure(err)) {
			continue
		}
		return s.explain(err)
	}
}

// exec makes a request of one statement, and returns how many rows it has changed.
func (s *Store) exec(ctx context.Context, bytes int, sql string, arguments ...any) (n int64, err error) {
	err = s.request(ctx, bytes, func(ctx context.Context) error {
		tag, err := s.db.Exec(ctx, sql, arguments...)
		n = tag.RowsAffected()
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// explain says what to do about an error that is the developer's.
func (s *Store) explain(err error) error {
	switch code(err) {
	case "":
		return err
	case "42P01", "42703", "42804", "42P10": // no such table, column, type or constraint
		return fmt.Errorf("pgstore: the table %s is missing or not as it should be; call Migrate or apply Schema: %w", s.name, err)
	case "42501":
		return fmt.Errorf("pgstore: the role needs SELECT, INSERT, UPDATE and DELETE on the table %s: %w", s.name, err)
	}
	return fmt.Errorf("pgstore: %w", err)
}

// code returns the SQLSTATE of a server's error, or "".
func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// isSerializationFailure reports whether a transaction was undone because of
// another one, and would do if it were repeated.
func isSerializationFailure(err error) bool {
	c := code(err)
	return c == "40001" || c == "40P01"
}
