package crash_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/pgstore"
)

// idleLimit is how long the server waits for the next statement of a transaction.
const idleLimit = 5 * time.Second

// errConnection is returned to a process that uses a connection which is gone.
var errConnection = errors.New("the connection is closed")

// transaction is one of a process, on a connection of its own. The server rolls
// it back if the process dies, if the connection breaks, as it does if one
// request fails, or if nothing is heard of it for idleLimit.
type transaction struct {
	pgx.Tx
	store *postgres
	p     *process
	conn  *pgx.Conn
	idle  *time.Timer
	over  bool // guarded by the world's lock of requests
}

// begin begins a process's transaction by a batch. The caller holds the lock of
// requests.
func (s *postgres) begin(p *process, batch *pgx.Batch, r *results) *transaction {
	t := &transaction{store: s, p: p}
	s.line.call(func(ctx context.Context, _ *pgx.Conn) {
		t.conn = s.line.take(ctx)
		t.Tx = r.read(ctx, t.conn, batch)
	})
	t.idle = time.AfterFunc(idleLimit, t.end)
	s.begun[p] = t
	return t
}

// take returns a connection that nobody uses.
func (l *line) take(ctx context.Context) *pgx.Conn {
	if last := len(l.idle) - 1; last >= 0 {
		conn := l.idle[last]
		l.idle = l.idle[:last]
		return conn
	}
	conn, err := pgx.Connect(ctx, l.url)
	if err != nil {
		panic(err)
	}
	return conn
}

// died ends what a process has begun.
func (s *postgres) died(p *process) {
	s.world.requests.Lock()
	t := s.begun[p]
	s.world.requests.Unlock()
	t.end()
}

// end has the transaction rolled back, unless it is over, and its connection
// closed.
func (t *transaction) end() {
	if t == nil {
		return
	}
	t.store.world.requests.Lock()
	defer t.store.world.requests.Unlock()
	if t.over {
		return
	}
	t.over = true
	t.idle.Stop()
	t.store.line.call(func(ctx context.Context, _ *pgx.Conn) {
		_ = t.Tx.Rollback(ctx) // over when this returns, which Close does not promise
		_ = t.conn.Close(ctx)
	})
}

// request makes a request of the transaction; last reports whether that ends it.
func (t *transaction) request(ctx context.Context, name string, last bool, run func(context.Context) error) (err error) {
	_ = t.Conn() // the lock orders what the process has just read of it before what comes
	lost := t.p.request(ctx, name, func(context.Context) {
		if t.over {
			err = errConnection
			return
		}
		t.idle.Stop()
		t.store.line.call(func(ctx context.Context, _ *pgx.Conn) {
			err = run(ctx)
			if last {
				t.store.line.idle = append(t.store.line.idle, t.conn)
			}
		})
		if t.over = last; !last {
			t.idle.Reset(idleLimit)
		}
	})
	if lost != nil {
		t.end()
		return lost
	}
	return err
}

// Exec makes a statement of the execution, or writes the record.
func (t *transaction) Exec(ctx context.Context, sql string, arguments ...any) (tag pgconn.CommandTag, err error) {
	name := stepEffect
	if labelOf(ctx) == stepCommit {
		name = stepRecord
	}
	err = t.request(ctx, name, false, func(ctx context.Context) (err error) {
		tag, err = t.Tx.Exec(ctx, sql, arguments...)
		return err
	})
	return tag, err
}

func (t *transaction) QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row {
	row := resultRow{types: t.conn.TypeMap()}
	err := t.request(ctx, stepRead, false, func(ctx context.Context) error {
		row.result = resultOf(t.Tx.Query(ctx, sql, arguments...))
		return nil
	})
	if err != nil {
		row.err = err
	}
	return row
}

func (t *transaction) Commit(ctx context.Context) error {
	return t.request(ctx, stepCommit, true, t.Tx.Commit)
}

func (t *transaction) Rollback(ctx context.Context) error {
	t.store.world.requests.Lock()
	over := t.over
	t.store.world.requests.Unlock()
	if over {
		return pgx.ErrTxClosed
	}
	return t.request(ctx, stepRollback, true, t.Tx.Rollback)
}

// Conn returns the connection, for what it says of itself.
func (t *transaction) Conn() *pgx.Conn {
	t.store.world.requests.Lock()
	defer t.store.world.requests.Unlock()
	return t.conn
}

// pay has the effect of an execution in its transaction. It bounds its statement,
// which the store does not.
func (s *postgres) pay(p *process, ctx context.Context, e idempotency.Execution) (receipt string, err error) {
	ctx, cancel := context.WithTimeout(ctx, pgstore.DefaultRequestTimeout)
	defer cancel()
	id := p.world.number()
	exec := pgstore.TxFrom(ctx).Exec
	if s.apart {
		exec = func(ctx context.Context, sql string, arguments ...any) (tag pgconn.CommandTag, err error) {
			lost := p.request(ctx, stepEffect, func(context.Context) {
				s.line.call(func(ctx context.Context, conn *pgx.Conn) { tag, err = conn.Exec(ctx, sql, arguments...) })
			})
			return tag, errors.Join(lost, err)
		}
	}
	_, err = exec(ctx, "INSERT INTO "+s.line.goods()+" (receipt, token) VALUES ($1, $2)", id, e.FencingToken())
	if err != nil {
		return "", fmt.Errorf("%w: %w", ledger.ErrOperation, err)
	}
	return ledger.Receipt(id, p.caller), nil
}
