package pgstore_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/idempotent-requests/idempotent-requests/evidence/postgresserver"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/pgstore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/storetest"
)

// hanging is a database that does not answer one batch before its context ends.
type hanging struct {
	pgstore.DB
	hangs, lost atomic.Bool
}

func (h *hanging) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if !h.hangs.Swap(false) {
		return h.DB.SendBatch(ctx, b)
	}
	if !h.lost.Load() {
		if err := h.DB.SendBatch(context.WithoutCancel(ctx), b).Close(); err != nil {
			return pgx.FailedBatchResults(b, err)
		}
	}
	<-ctx.Done()
	return pgx.FailedBatchResults(b, ctx.Err())
}

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
