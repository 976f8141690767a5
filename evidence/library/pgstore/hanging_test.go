package pgstore_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/idempotent-requests/idempotent-requests/evidence/postgresserver"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/pgstore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/storetest"
)

// hanging is a database that does not answer one request before its context ends.
type hanging struct {
	pgstore.DB
	hangs, lost atomic.Bool
}

// hang reports whether this is the request that hangs. It then has the request made,
// unless it is lost, and returns when ctx has ended.
func (h *hanging) hang(ctx context.Context, make func(context.Context)) bool {
	if !h.hangs.Swap(false) {
		return false
	}
	if !h.lost.Load() {
		make(context.WithoutCancel(ctx))
	}
	<-ctx.Done()
	return true
}

func (h *hanging) Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error) {
	if h.hang(ctx, func(ctx context.Context) { _, _ = h.DB.Exec(ctx, sql, arguments...) }) {
		return pgconn.CommandTag{}, ctx.Err()
	}
	return h.DB.Exec(ctx, sql, arguments...)
}

func (h *hanging) QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row {
	if h.hang(ctx, func(ctx context.Context) { _ = h.DB.QueryRow(ctx, sql, arguments...).Scan() }) {
		return failedRow{ctx.Err()}
	}
	return h.DB.QueryRow(ctx, sql, arguments...)
}

func (h *hanging) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if h.hang(ctx, func(ctx context.Context) { _ = h.DB.SendBatch(ctx, b).Close() }) {
		return pgx.FailedBatchResults(b, ctx.Err())
	}
	return h.DB.SendBatch(ctx, b)
}

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

func TestARequestThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	const limit = 5 * time.Second // for other requests, too, on a busy machine
	pool := newPool(t, postgresserver.Shared(t).URL)
	storetest.RunHanging(t, limit, func(t *testing.T) (idempotency.Store, func(bool)) {
		db := &hanging{DB: pool}
		store := newStore(t, db, pgstore.RequestTimeout(limit))
		return store.Store, func(lost bool) {
			db.lost.Store(lost)
			db.hangs.Store(true)
		}
	})
}
