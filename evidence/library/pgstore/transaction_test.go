package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/idempotent-requests/idempotent-requests/evidence/postgresserver"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/pgstore"
)

// shop sells what there is of one article, in tables of its own.
type shop struct {
	pool   *pgxpool.Pool
	store  *pgstore.AtomicStore
	guard  *idempotency.Guard
	table  string
	orders string
	stock  string
}

func newShop(t testing.TB, articles int, configure ...func(*idempotency.Config)) *shop {
	t.Helper()
	return newShopOn(t, newPool(t, postgresserver.Shared(t).URL), articles, nil, configure...)
}

func newShopOn(t testing.TB, pool *pgxpool.Pool, articles int, options []pgstore.Option, configure ...func(*idempotency.Config)) *shop {
	t.Helper()
	name := newTable()
	s := &shop{
		pool: pool, table: name, orders: name + "_orders", stock: name + "_stock",
		store: newStore(t, pool, append([]pgstore.Option{pgstore.Table(name)}, options...)...),
	}
	_, err := pool.Exec(t.Context(), fmt.Sprintf(`
		CREATE TABLE %s (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL);
		CREATE TABLE %s (article text PRIMARY KEY, left_over int NOT NULL CHECK (left_over >= 0));
		INSERT INTO %[2]s VALUES ('kettle', %[3]d)`, s.orders, s.stock, articles))
	if err != nil {
		t.Fatal(err)
	}
	s.guard = s.newGuard(t, configure...)
	return s
}

// newGuard is another process on the same tables.
func (s *shop) newGuard(t testing.TB, configure ...func(*idempotency.Config)) *idempotency.Guard {
	t.Helper()
	cfg := idempotency.Config{Store: s.store, Mode: idempotency.Atomic, CacheEntries: -1, Wait: 5 * time.Minute, CompletionTimeout: time.Hour}
	for _, c := range configure {
		c(&cfg)
	}
	guard, err := idempotency.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

func request(t testing.TB, key string) idempotency.Request {
	t.Helper()
	k, err := idempotency.NewKey(idempotency.SharedScope(), "orders.create", key)
	if err != nil {
		t.Fatal(err)
	}
	return idempotency.Request{Key: k, Fingerprint: idempotency.NewFingerprint([]byte("one kettle"))}
}

// sell is an order in the execution's transaction.
func (s *shop) sell(ctx context.Context) (idempotency.Result, error) {
	e, _ := idempotency.FromContext(ctx)
	tx := pgstore.TxFrom(ctx)
	if _, err := tx.Exec(ctx, "UPDATE "+s.stock+" SET left_over = left_over - 1 WHERE article = 'kettle'"); err != nil {
		return idempotency.Result{}, err
	}
	var number int64
	if err := tx.QueryRow(ctx, "INSERT INTO "+s.orders+" (key) VALUES ($1) RETURNING number", e.ID()).Scan(&number); err != nil {
		return idempotency.Result{}, err
	}
	return idempotency.Result{Data: fmt.Appendf(nil, "order %d", number)}, nil
}

func (s *shop) wantLedger(t testing.TB, left, orders int) {
	t.Helper()
	var gotLeft, gotOrders int
	err := s.pool.QueryRow(context.Background(), fmt.Sprintf("SELECT left_over, (SELECT count(*) FROM %s) FROM %s", s.orders, s.stock)).Scan(&gotLeft, &gotOrders)
	if err != nil || gotLeft != left || gotOrders != orders {
		t.Errorf("%d kettles are left and %d orders are made, %v, want %d and %d", gotLeft, gotOrders, err, left, orders)
	}
}

func wantOutcome(t testing.TB, got idempotency.Outcome, err error, data string, replayed bool) {
	t.Helper()
	if err != nil || string(got.Data) != data || got.Replayed != replayed {
		t.Errorf("outcome: %q, replayed %v, error %v; want %q, replayed %v", got.Data, got.Replayed, err, data, replayed)
	}
}

func TestAtomicEffectsAndRecordAreCommittedTogether(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10)
	first, err := s.guard.Do(t.Context(), request(t, "k1"), s.sell)
	wantOutcome(t, first, err, "order 1", false)
	if first.Cost.RoundTrips != 3 {
		t.Errorf("%d round trips, want 3", first.Cost.RoundTrips)
	}
	duplicate, err := s.newGuard(t).Do(t.Context(), request(t, "k1"), s.sell)
	wantOutcome(t, duplicate, err, "order 1", true)
	if duplicate.Cost.RoundTrips != 1 {
		t.Errorf("a replay takes %d round trips, want 1", duplicate.Cost.RoundTrips)
	}
	s.wantLedger(t, 9, 1)

	// They have one transaction, so they carry its id.
	var same bool
	err = s.pool.QueryRow(t.Context(), fmt.Sprintf("SELECT (SELECT xmin::text FROM %s) = (SELECT xmin::text FROM %s)", s.table, s.orders)).Scan(&same)
	if err != nil || !same {
		t.Errorf("the record and the order were written by different transactions: %v", err)
	}

	other := request(t, "k1")
	other.Fingerprint = "another"
	if _, err := s.guard.Do(t.Context(), other, s.sell); !errors.Is(err, idempotency.ErrPayloadMismatch) {
		t.Errorf("another payload: %v", err)
	}
}

func TestAtomicNothingHappensWithoutAResult(t *testing.T) {
	t.Parallel()
	// One connection: the next call needs what the one before gave back.
	pool := newPool(t, postgresserver.Shared(t).URL, func(c *pgxpool.Config) { c.MaxConns = 1 })
	s := newShopOn(t, pool, 10, nil)
	boom := errors.New("boom")
	for _, end := range []func() (idempotency.Result, error){
		func() (idempotency.Result, error) { return idempotency.Result{}, boom },
		func() (idempotency.Result, error) { return idempotency.Result{Discard: true}, nil },
		func() (idempotency.Result, error) { panic(boom) },
	} {
		func() {
			defer func() { _ = recover() }()
			_, _ = s.guard.Do(t.Context(), request(t, "k1"), func(ctx context.Context) (idempotency.Result, error) {
				if _, err := s.sell(ctx); err != nil {
					t.Error(err)
				}
				return end()
			})
		}()
	}
	s.wantLedger(t, 10, 0)
	outcome, err := s.guard.Do(t.Context(), request(t, "k1"), s.sell)
	if err != nil || outcome.Replayed {
		t.Errorf("replayed %v, error %v: a retry must execute", outcome.Replayed, err)
	}
	s.wantLedger(t, 9, 1)
}

func TestAtomicConcurrentDuplicates(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10)
	var wg sync.WaitGroup
	answers := sync.Map{}
	const keys, duplicates = 5, 8
	for key := range keys {
		for range duplicates {
			wg.Go(func() {
				outcome, err := s.newGuard(t).Do(t.Context(), request(t, fmt.Sprint("k", key)), s.sell)
				if err != nil {
					t.Error(err)
					return
				}
				if first, _ := answers.LoadOrStore(key, string(outcome.Data)); first != string(outcome.Data) {
					t.Errorf("key %d was answered %q and %q", key, first, outcome.Data)
				}
			})
		}
	}
	wg.Wait()
	s.wantLedger(t, 10-keys, keys)
}

// A duplicate is told at once that the first one runs, and holds no connection.
func TestAtomicDuplicateWhileTheFirstRuns(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10, func(c *idempotency.Config) { c.Wait = 0 })
	_, err := s.guard.Do(t.Context(), request(t, "k1"), func(ctx context.Context) (idempotency.Result, error) {
		result, err := s.sell(ctx)
		_, busy := s.guard.Do(t.Context(), request(t, "k1"), s.sell)
		if _, ok := errors.AsType[*idempotency.InProgressError](busy); !ok {
			t.Errorf("a duplicate meanwhile: %v, want that it is in progress", busy)
		}
		if held := s.pool.Stat().AcquiredConns(); held != 1 {
			t.Errorf("%d connections are held, want 1", held)
		}
		return result, err
	})
	if err != nil {
		t.Error(err)
	}
	s.wantLedger(t, 9, 1)
}

func TestAtomicFailedStatement(t *testing.T) {
	t.Parallel()
	s := newShop(t, 0)
	outOfStock := func(err error) bool {
		e, ok := errors.AsType[*pgconn.PgError](err)
		return ok && e.Code == "23514"
	}
	_, err := s.guard.Do(t.Context(), request(t, "ignored"), func(ctx context.Context) (idempotency.Result, error) {
		if _, err := s.sell(ctx); !outOfStock(err) {
			t.Errorf("%v, want the constraint's violation", err)
		}
		return idempotency.Result{Data: []byte("sold")}, nil
	})
	if !errors.Is(err, idempotency.ErrPlan) || !strings.Contains(err.Error(), "savepoint") {
		t.Errorf("a result of a failed transaction: %v, want an error that leads to savepoints", err)
	}

	// By a savepoint an execution goes on, and its result is recorded.
	answer := func(ctx context.Context) (idempotency.Result, error) {
		tx := pgstore.TxFrom(ctx)
		err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE "+s.stock+" SET left_over = left_over - 1")
			return err
		})
		if !outOfStock(err) {
			return idempotency.Result{}, fmt.Errorf("%w, want the constraint's violation", err)
		}
		_, err = tx.Exec(ctx, "INSERT INTO "+s.orders+" (key) VALUES ('waiting list')")
		return idempotency.Result{Data: []byte("out of stock")}, err
	}
	outcome, err := s.guard.Do(t.Context(), request(t, "k1"), answer)
	wantOutcome(t, outcome, err, "out of stock", false)
	outcome, err = s.guard.Do(t.Context(), request(t, "k1"), answer)
	wantOutcome(t, outcome, err, "out of stock", true)
	s.wantLedger(t, 0, 1)
}

func TestAtomicTransactionIsNotTheExecutionsToEnd(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10)
	outcome, err := s.guard.Do(t.Context(), request(t, "k1"), func(ctx context.Context) (idempotency.Result, error) {
		tx := pgstore.TxFrom(ctx)
		result, err := s.sell(ctx)
		if err := tx.Commit(ctx); err == nil {
			t.Error("the execution committed")
		}
		if err := tx.Rollback(ctx); err == nil { // as a deferred one would
			t.Error("the execution rolled back")
		}
		return result, err
	})
	wantOutcome(t, outcome, err, "order 1", false)
	s.wantLedger(t, 9, 1)

	_, err = s.guard.Do(t.Context(), request(t, "k2"), func(ctx context.Context) (idempotency.Result, error) {
		_, err := pgstore.TxFrom(ctx).Exec(ctx, "ROLLBACK")
		return idempotency.Result{Data: []byte("sold")}, err
	})
	if !errors.Is(err, idempotency.ErrPlan) || !strings.Contains(err.Error(), "ended the transaction") {
		t.Errorf("a result after ROLLBACK: %v, want an error that says so", err)
	}
	s.wantLedger(t, 9, 1)
}

func TestTxFromElsewhereGivesErrors(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	tx := pgstore.TxFrom(ctx)
	_, exec := tx.Exec(ctx, "SELECT 1")
	_, query := tx.Query(ctx, "SELECT 1")
	_, begin := tx.Begin(ctx)
	_, copied := tx.CopyFrom(ctx, pgx.Identifier{"t"}, nil, nil)
	_, prepared := tx.Prepare(ctx, "s", "SELECT 1")
	b := new(pgx.Batch)
	b.Queue("SELECT 1")
	for what, err := range map[string]error{
		"Exec": exec, "Query": query, "Begin": begin, "CopyFrom": copied, "Prepare": prepared,
		"QueryRow": tx.QueryRow(ctx, "SELECT 1").Scan(), "SendBatch": tx.SendBatch(ctx, b).Close(),
		"Commit": tx.Commit(ctx), "Rollback": tx.Rollback(ctx),
	} {
		if err == nil || !strings.Contains(err.Error(), "no transaction") {
			t.Errorf("%s: %v, want an error that says that there is no transaction", what, err)
		}
	}
}

// Two executions that each see the other's state before, of which serialisability
// allows one.
func TestAtomicRunsAgainWhenItCannotBeSerialised(t *testing.T) {
	t.Parallel()
	s := newShopOn(t, newPool(t, postgresserver.Shared(t).URL), 10, []pgstore.Option{pgstore.IsolationLevel(pgx.Serializable)})
	var both sync.WaitGroup
	both.Add(2)
	var mu sync.Mutex
	runs := 0
	order := func(ctx context.Context) (idempotency.Result, error) {
		mu.Lock()
		runs++
		first := runs <= 2
		mu.Unlock()
		tx := pgstore.TxFrom(ctx)
		var orders int
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM "+s.orders).Scan(&orders); err != nil {
			return idempotency.Result{}, err
		}
		if first {
			both.Done()
			both.Wait()
		}
		_, err := tx.Exec(ctx, "INSERT INTO "+s.orders+" (key) VALUES ($1)", fmt.Sprint(orders))
		return idempotency.Result{Data: fmt.Append(nil, orders)}, err
	}
	var calls sync.WaitGroup
	seen := sync.Map{}
	for i := range 2 {
		calls.Go(func() {
			outcome, err := s.guard.Do(t.Context(), request(t, fmt.Sprint("k", i)), order)
			if err != nil {
				// The failure may also come to a statement of the execution's own, which
				// returns it: nothing has happened, and the caller's retry executes.
				if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "40001" {
					t.Error(err)
				}
				outcome, err = s.guard.Do(t.Context(), request(t, fmt.Sprint("k", i)), order)
			}
			if _, taken := seen.LoadOrStore(string(outcome.Data), true); taken || err != nil {
				t.Errorf("two orders saw %s before them, %v", outcome.Data, err)
			}
		})
	}
	calls.Wait()
	s.wantLedger(t, 10, 2)
	if runs < 3 {
		t.Errorf("%d executions: nothing had to be repeated", runs)
	}
}

// The execution cannot know of it, and a retry would fail in the same way.
func TestAtomicDeferredConstraintIsAMistakeInTheProgram(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10)
	if _, err := s.pool.Exec(t.Context(), "ALTER TABLE "+s.orders+" ADD CONSTRAINT once_in_"+s.orders+" UNIQUE (key) DEFERRABLE INITIALLY DEFERRED"); err != nil {
		t.Fatal(err)
	}
	_, err := s.guard.Do(t.Context(), request(t, "k1"), func(ctx context.Context) (idempotency.Result, error) {
		_, err := pgstore.TxFrom(ctx).Exec(ctx, "INSERT INTO "+s.orders+" (key) VALUES ('same'), ('same')")
		return idempotency.Result{Data: []byte("sold twice")}, err
	})
	if !errors.Is(err, idempotency.ErrPlan) || !strings.Contains(err.Error(), "once") {
		t.Errorf("%v, want an error that names the constraint", err)
	}
	s.wantLedger(t, 10, 0)
}

func TestAtomicAfterTheWindow(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10)
	if _, err := s.guard.Do(t.Context(), request(t, "k1"), s.sell); err != nil {
		t.Fatal(err)
	}
	tomorrow := s.newGuard(t, func(c *idempotency.Config) {
		c.Clock = func() time.Time { return time.Now().Add(25 * time.Hour) }
	})
	outcome, err := tomorrow.Do(t.Context(), request(t, "k1"), s.sell)
	wantOutcome(t, outcome, err, "order 2", false)
	outcome, err = tomorrow.Do(t.Context(), request(t, "k1"), s.sell)
	wantOutcome(t, outcome, err, "order 2", true)
	s.wantLedger(t, 8, 2)
}

// One that takes no lock on the key, such as a version in leased mode, has
// recorded it in the meantime: the effects are rolled back.
func TestAtomicMeetsARecordAtItsCommit(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10)
	outcome, err := s.guard.Do(t.Context(), request(t, "k1"), func(ctx context.Context) (idempotency.Result, error) {
		if _, err := s.leased(t).Do(context.WithoutCancel(t.Context()), request(t, "k1"), func(context.Context) (idempotency.Result, error) {
			return idempotency.Result{Data: []byte("elsewhere")}, nil
		}); err != nil {
			t.Error(err)
		}
		return s.sell(ctx)
	})
	wantOutcome(t, outcome, err, "elsewhere", true)
	s.wantLedger(t, 10, 0)
}
