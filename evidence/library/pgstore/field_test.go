package pgstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/idempotent-requests/idempotent-requests/evidence/postgresserver"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/pgstore"
)

func mustNotRun(t *testing.T) func(context.Context) (idempotency.Result, error) {
	return func(context.Context) (idempotency.Result, error) {
		t.Error("it executed")
		return idempotency.Result{}, nil
	}
}

// leased is a guard in leased mode on the same table.
func (s *shop) leased(t testing.TB) *idempotency.Guard {
	t.Helper()
	guard, err := idempotency.New(idempotency.Config{Store: s.store.Store, CacheEntries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

func TestExhaustedPool(t *testing.T) {
	t.Parallel()
	pool := newPool(t, postgresserver.Shared(t).URL, func(c *pgxpool.Config) { c.MaxConns = 1 })
	s := newShopOn(t, pool, 10, nil)
	patient := s.store
	impatient, err := pgstore.NewAtomic(pool, pgstore.Table(s.table), pgstore.RequestTimeout(200*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	s.store = impatient
	held, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, guard := range map[string]*idempotency.Guard{"atomic": s.newGuard(t), "leased": s.leased(t)} {
		if _, err := guard.Do(t.Context(), request(t, "k1"), mustNotRun(t)); !errors.Is(err, idempotency.ErrStore) {
			t.Errorf("%s: %v, want that the store is unavailable", name, err)
		}
	}
	held.Release()
	s.store = patient
	outcome, err := s.guard.Do(t.Context(), request(t, "k1"), s.sell)
	wantOutcome(t, outcome, err, "order 1", false)
}

// After a failover a pool may still lead to the old primary, which is read-only.
func TestStandbyExecutesNothing(t *testing.T) {
	t.Parallel()
	url := postgresserver.Shared(t).URL
	s := newShopOn(t, newPool(t, url), 10, nil)
	if _, err := s.guard.Do(t.Context(), request(t, "known"), s.sell); err != nil {
		t.Fatal(err)
	}
	name := s.table
	standby, err := pgstore.NewAtomic(newPool(t, url, onConnect("SET default_transaction_read_only = on")), pgstore.Table(name), unhurried)
	if err != nil {
		t.Fatal(err)
	}
	s.store = standby
	if _, err := s.leased(t).Do(t.Context(), request(t, "k1"), mustNotRun(t)); !errors.Is(err, idempotency.ErrStore) {
		t.Errorf("leased: %v, want that the store is unavailable", err)
	}
	if _, err := s.newGuard(t).Do(t.Context(), request(t, "k1"), s.sell); err == nil {
		t.Error("atomic: it succeeded")
	}
	outcome, err := s.newGuard(t).Do(t.Context(), request(t, "known"), mustNotRun(t)) // which only reads
	wantOutcome(t, outcome, err, "order 1", true)
	s.wantLedger(t, 9, 1)
}

func TestServerCrashes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a server of its own takes seconds to start")
	}
	server := postgresserver.Start(t)
	s := newShopOn(t, newPool(t, server.URL), 10, nil)
	outcome, err := s.guard.Do(t.Context(), request(t, "before"), s.sell)
	wantOutcome(t, outcome, err, "order 1", false)

	// It crashes while an execution runs, after the execution's effects.
	_, err = s.guard.Do(t.Context(), request(t, "during"), func(ctx context.Context) (idempotency.Result, error) {
		result, err := s.sell(ctx)
		server.Crash(t)
		return result, err
	})
	if !errors.Is(err, idempotency.ErrStore) {
		t.Errorf("during the crash: %v, want that the store is unavailable", err)
	}
	if _, err := s.guard.Do(t.Context(), request(t, "meanwhile"), mustNotRun(t)); !errors.Is(err, idempotency.ErrStore) {
		t.Errorf("without a server: %v, want that the store is unavailable", err)
	}

	server.Restart(t)
	outcome, err = s.guard.Do(t.Context(), request(t, "before"), mustNotRun(t))
	wantOutcome(t, outcome, err, "order 1", true)
	s.wantLedger(t, 9, 1) // the interrupted one has had no effect
	if outcome, err = s.guard.Do(t.Context(), request(t, "during"), s.sell); err != nil || outcome.Replayed {
		t.Errorf("the retry: replayed %v, %v, want an execution", outcome.Replayed, err)
	}
	s.wantLedger(t, 8, 2)
}

// wire cuts a connection at its commit.
type wire struct {
	net.Conn
	armed *atomic.Bool
	lost  bool // the request, and not only its reply
	cut   atomic.Bool
}

func (w *wire) Write(p []byte) (int, error) {
	if bytes.Contains(bytes.ToLower(p), []byte("commit")) && w.armed.CompareAndSwap(true, false) {
		w.cut.Store(true)
		if w.lost {
			_ = w.Conn.Close()
			return 0, io.ErrClosedPipe
		}
	}
	return w.Conn.Write(p)
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if w.cut.Load() { // what has come is the reply
		_ = w.Conn.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

func TestCommitThatIsCutOff(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]bool{"the reply is lost": false, "the request is lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var armed atomic.Bool
			s := newShopOn(t, newPool(t, postgresserver.Shared(t).URL, func(c *pgxpool.Config) {
				dial := c.ConnConfig.DialFunc
				c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := dial(ctx, network, address)
					return &wire{Conn: conn, armed: &armed, lost: lost}, err
				}
			}), 10, nil)
			armed.Store(true)
			outcome, err := s.guard.Do(t.Context(), request(t, "k1"), s.sell)
			if lost {
				if !errors.Is(err, idempotency.ErrStore) {
					t.Errorf("%v, want that the outcome is unknown", err)
				}
				s.wantLedger(t, 10, 0)
				if outcome, err := s.guard.Do(t.Context(), request(t, "k1"), s.sell); err != nil || outcome.Replayed {
					t.Errorf("the retry: replayed %v, %v, want an execution", outcome.Replayed, err)
				}
			} else {
				wantOutcome(t, outcome, err, "order 1", false)
				if armed.Load() {
					t.Error("nothing was cut off")
				}
			}
			s.wantLedger(t, 9, 1)
			outcome, err = s.guard.Do(t.Context(), request(t, "k1"), mustNotRun(t))
			if err != nil || !outcome.Replayed {
				t.Errorf("a duplicate: replayed %v, %v", outcome.Replayed, err)
			}
		})
	}
}

// A process that stands still blocks its key until the server ends its
// transaction, and has no effect when it moves again.
func TestExecutionThatStandsStill(t *testing.T) {
	t.Parallel()
	s := newShopOn(t, newPool(t, postgresserver.Shared(t).URL), 10, []pgstore.Option{pgstore.IdleLimit(5 * time.Second)})
	_, err := s.guard.Do(t.Context(), request(t, "k1"), func(ctx context.Context) (idempotency.Result, error) {
		result, err := s.sell(ctx)
		outcome, other := s.newGuard(t).Do(context.WithoutCancel(t.Context()), request(t, "k1"), s.sell) // waits until the key is free
		if other != nil || outcome.Replayed {
			t.Errorf("another process: replayed %v, %v, want an execution", outcome.Replayed, other)
		}
		return result, err
	})
	if err == nil {
		t.Error("the one that stood still was told that it had succeeded")
	}
	s.wantLedger(t, 9, 1)
}

// At a million records every step still finds its own by an index.
func TestAMillionRecords(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a million records take some seconds")
	}
	pool := newPool(t, postgresserver.Shared(t).URL, func(c *pgxpool.Config) { c.MaxConns = 1 })
	s := newShopOn(t, pool, 100, nil)
	table := s.table
	if _, err := pool.Exec(t.Context(), "ALTER TABLE "+table+" SET UNLOGGED"); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `INSERT INTO `+table+` (id, status, owner, validation, expiration, data)
		SELECT 'orders.create#old-' || n, 'COMPLETED', 'o', 'f', CASE WHEN n % 1000 = 0 THEN 1 ELSE 4102444800 END, 'answer'
		FROM generate_series(1, 1000000) n; ANALYZE `+table); err != nil {
		t.Fatal(err)
	}
	scans := func() (n int) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), "SELECT pg_stat_force_next_flush()"); err != nil {
			t.Fatal(err)
		}
		if err := pool.QueryRow(t.Context(), "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = $1", table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := scans()
	leased := s.leased(t)
	for _, key := range []string{"a", "b", "a", "b"} {
		if _, err := s.guard.Do(t.Context(), request(t, "atomic "+key), s.sell); err != nil {
			t.Error(err)
		}
		if _, err := leased.Do(t.Context(), request(t, "leased "+key), func(context.Context) (idempotency.Result, error) {
			return idempotency.Result{Data: []byte("done")}, nil
		}); err != nil {
			t.Error(err)
		}
	}
	for _, want := range []int{600, 400, 0} {
		if n, err := s.store.Sweep(t.Context(), 600); n != want || err != nil {
			t.Errorf("swept %d, %v, want %d", n, err, want)
		}
	}
	if n := scans() - before; n != 0 {
		t.Errorf("%d scans of the whole table", n)
	}
	s.wantLedger(t, 98, 2)
}
