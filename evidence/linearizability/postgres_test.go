package linearizability_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/idempotent-requests/idempotent-requests/evidence/postgresserver"
	"github.com/idempotent-requests/idempotent-requests/evidence/simulation"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/pgstore"
)

// As TestConcurrentHistoriesInRealTime, on a real PostgreSQL server.
func TestConcurrentHistoriesInPostgreSQL(t *testing.T) {
	t.Parallel()
	const second = 10 * time.Millisecond
	pool, err := pgxpool.New(t.Context(), postgresserver.Shared(t).URL+" pool_max_conns=30")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	for name, recovery := range map[string]idempotency.Recovery{
		"reexecute": idempotency.Reexecute, "refuse": idempotency.Refuse, "reconcile": idempotency.Reconcile,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(4) {
				store, err := pgstore.New(pool, pgstore.Table(fmt.Sprintf("records_%s_%d", name, seed)), pgstore.RequestTimeout(time.Minute))
				if err != nil {
					t.Fatal(err)
				}
				if err := store.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
				cfg := simulation.Config{Recovery: recovery, Seed: seed + 1, Store: store}
				verify(t, cfg.Seed, simulation.RunConcurrently(t, cfg, second, nil))
			}
		})
	}
}
