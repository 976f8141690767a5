package crash_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/idempotent-requests/idempotent-requests/evidence/intercept"
	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/pgstore"
)

// postgres is a store on a real server. Each of its batches is one request, as is
// each statement of its own or of a transaction.
type postgres struct {
	line  *line
	world *world
	begun map[*process]*transaction // the latest of each process
	apart bool                      // effects are not in the transaction of their record
}

// newPostgres returns a store without records.
func newPostgres(w *world, l *line, apart bool) *postgres {
	if err := l.exec("TRUNCATE " + l.table + ", " + l.goods()); err != nil {
		panic(err)
	}
	return &postgres{l, w, make(map[*process]*transaction), apart}
}

func (s *postgres) open(p *process) idempotency.Store {
	// The limit of the server's own clock would not be of the time that the run has.
	store, err := pgstore.NewAtomic(batches{s, p}, pgstore.Table(s.line.table), pgstore.IdleLimit(0))
	if err != nil {
		panic(err) // the arguments are ours
	}
	if s.world.policy.mode == idempotency.Atomic {
		return intercept.AtomicStore(store, p.named)
	}
	return intercept.Store(store, p.named)
}

func (s *postgres) look(id string) (found ledger.State) {
	s.line.call(func(ctx context.Context, conn *pgx.Conn) {
		var status string
		err := conn.QueryRow(ctx, "SELECT status, owner, coalesce(in_progress_expiration, 0), expiration * 1000, "+
			"coalesce(array_to_string(step_names, ' '), '') FROM "+s.line.table+" WHERE id = $1", id).
			Scan(&status, &found.Owner, &found.Lease, &found.Expires, &found.Steps)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			panic(err)
		}
		found.Status = idempotency.Status(status)
	})
	return found
}

func (s *postgres) effects() (rows []planned) {
	if s.world.policy.mode != idempotency.Atomic {
		return nil
	}
	s.line.call(func(ctx context.Context, conn *pgx.Conn) {
		found, err := conn.Query(ctx, "SELECT receipt, token FROM "+s.line.goods()+" ORDER BY receipt")
		if err != nil {
			panic(err)
		}
		rows, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (r planned, err error) {
			return r, row.Scan(&r.id, &r.token)
		})
		if err != nil {
			panic(err)
		}
	})
	return rows
}

// batches are the requests of a process.
type batches struct {
	*postgres
	p *process
}

func (b batches) Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error) {
	return b.SendBatch(ctx, batchOf(sql, arguments)).Exec()
}

func (b batches) QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row {
	return b.SendBatch(ctx, batchOf(sql, arguments)).QueryRow()
}

// batchOf returns a batch of one statement.
func batchOf(sql string, arguments []any) *pgx.Batch {
	b := new(pgx.Batch)
	b.Queue(sql, arguments...)
	return b
}

func (b batches) SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults {
	results := new(results)
	name := labelOf(ctx)
	if name == stepCommit {
		name = stepRead // to find out whether a transaction was committed
	}
	lost := b.p.request(ctx, name, func(context.Context) {
		if name == stepBegin {
			results.tx = b.begin(b.p, batch, results)
			return
		}
		b.line.send(batch, results)
	})
	if lost != nil {
		results.tx.end()
		return pgx.FailedBatchResults(batch, lost)
	}
	return results
}

// line carries requests to a server that is outside of the bubbles in which runs
// take place, as [link] does.
type line struct {
	calls chan func(context.Context, *pgx.Conn)
	done  chan struct{}
	table string

	url  string
	idle []*pgx.Conn // for transactions
}

// goods is the table of effects.
func (l *line) goods() string { return l.table + "_goods" }

func newLine(t *testing.T, url string) *line {
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	l := &line{
		calls: make(chan func(context.Context, *pgx.Conn)), done: make(chan struct{}),
		table: fmt.Sprint("records_", prefixes.Add(1)), url: url,
	}
	store, err := pgstore.New(conn, pgstore.Table(l.table))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE "+l.goods()+" (receipt text PRIMARY KEY, token text NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer func() {
			for _, conn := range append(l.idle, conn) {
				_ = conn.Close(context.Background())
			}
		}()
		for call := range l.calls {
			call(context.Background(), conn)
			l.done <- struct{}{}
		}
	}()
	t.Cleanup(func() { close(l.calls) })
	return l
}

// call makes a request. No two may be made at the same time.
func (l *line) call(request func(context.Context, *pgx.Conn)) {
	l.calls <- request
	<-l.done
}

func (l *line) exec(sql string) (err error) {
	l.call(func(ctx context.Context, conn *pgx.Conn) { _, err = conn.Exec(ctx, sql) })
	return err
}

// send has a batch executed, and keeps its results.
func (l *line) send(batch *pgx.Batch, r *results) {
	l.call(func(ctx context.Context, conn *pgx.Conn) { r.read(ctx, conn, batch) })
}

// results are those of a batch that was executed.
type results struct {
	all    []result
	types  *pgtype.Map
	tx     *transaction // that the batch has begun, nil if none
	closed error
}

// read has a batch executed on a connection, and returns the transaction that it
// has begun, if any.
func (r *results) read(ctx context.Context, conn *pgx.Conn, batch *pgx.Batch) pgx.Tx {
	r.types = conn.TypeMap()
	reader := conn.SendBatch(ctx, batch)
	for range batch.QueuedQueries {
		r.all = append(r.all, resultOf(reader.Query()))
	}
	r.closed = reader.Close()
	return reader.Tx()
}

// resultOf reads rows, of which it keeps the last.
func resultOf(rows pgx.Rows, err error) result {
	one := result{err: err}
	for err == nil && rows.Next() {
		one.fields, one.row = slices.Clone(rows.FieldDescriptions()), make([][]byte, 0)
		for _, value := range rows.RawValues() {
			if value != nil {
				value = append([]byte{}, value...)
			}
			one.row = append(one.row, value)
		}
	}
	if err == nil {
		one.tag, one.err = rows.CommandTag(), rows.Err()
	}
	return one
}

type result struct {
	fields []pgconn.FieldDescription
	row    [][]byte
	tag    pgconn.CommandTag
	err    error
}

func (r *results) next() result {
	one := r.all[0]
	r.all = r.all[1:]
	return one
}

func (r *results) Exec() (pgconn.CommandTag, error) {
	one := r.next()
	return one.tag, one.err
}

func (r *results) Query() (pgx.Rows, error) { return nil, errors.New("not needed here") }
func (r *results) QueryRow() pgx.Row        { return resultRow{r.next(), r.types} }
func (r *results) Close() error             { return r.closed }
func (r *results) Tx() pgx.Tx               { return r.tx }

type resultRow struct {
	result
	types *pgtype.Map
}

func (r resultRow) Scan(into ...any) error {
	switch {
	case r.err != nil:
		return r.err
	case r.row == nil:
		return pgx.ErrNoRows
	}
	if scanner, ok := into[0].(pgx.RowScanner); ok {
		return scanner.ScanRow(resultRows{row: r})
	}
	return pgx.ScanRow(r.types, r.fields, r.row, into...)
}

// resultRows are the rows of a result, as a scanner of whole rows is given them.
type resultRows struct {
	pgx.Rows
	row resultRow
}

func (r resultRows) RawValues() [][]byte    { return r.row.row }
func (r resultRows) Scan(into ...any) error { return r.row.Scan(into...) }
