package pgstore_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/idempotent-requests/idempotent-requests/evidence/postgresserver"
	"github.com/idempotent-requests/idempotent-requests/evidence/records"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/pgstore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/storetest"
)

func newPool(t testing.TB, url string, configure ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range configure {
		c(config)
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func onConnect(sql string) func(*pgxpool.Config) {
	return func(c *pgxpool.Config) {
		c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, sql)
			return err
		}
	}
}

var tables atomic.Int32

// newTable returns the name of a table that does not exist.
func newTable() string { return fmt.Sprint("records_", tables.Add(1)) }

// unhurried keeps a busy machine out of tests that are not about time.
var unhurried = pgstore.RequestTimeout(time.Minute)

// newStore returns a store on a table of its own.
func newStore(t testing.TB, pool pgstore.DB, options ...pgstore.Option) *pgstore.AtomicStore {
	t.Helper()
	options = append([]pgstore.Option{pgstore.Table(newTable()), unhurried}, options...)
	store, err := pgstore.NewAtomic(pool, options...)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestStore(t *testing.T) {
	t.Parallel()
	server := postgresserver.Shared(t)
	for name, test := range map[string]struct {
		configure []func(*pgxpool.Config)
		options   []pgstore.Option
	}{
		"as it is":   {},
		"compressed": {options: []pgstore.Option{pgstore.CompressAbove(0)}},
		"serializable by default": {configure: []func(*pgxpool.Config){
			onConnect("SET default_transaction_isolation = 'serializable'")}},
		"repeatable read by default": {configure: []func(*pgxpool.Config){
			onConnect("SET default_transaction_isolation = 'repeatable read'")}},
		"behind a pooler": {configure: []func(*pgxpool.Config){
			func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec }}},
		"simple protocol": {configure: []func(*pgxpool.Config){
			func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol }}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := newPool(t, server.URL, test.configure...)
			storetest.Run(t, func(t *testing.T) idempotency.Store { return newStore(t, pool, test.options...) })
		})
	}
}

var now = records.Now

// The columns are a contract with every version that is deployed beside this one.
func TestColumns(t *testing.T) {
	t.Parallel()
	pool := newPool(t, postgresserver.Shared(t).URL)
	table := newTable()
	store := newStore(t, pool, pgstore.Table(table))
	row := func() map[string]any {
		t.Helper()
		rows, err := pool.Query(t.Context(), "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToMap)
		if err != nil {
			t.Fatal(err)
		}
		return row
	}
	r := records.InProgress("owner-1")
	records.MustClaim(t, store, r)
	want := map[string]any{
		"id": r.ID, "status": "INPROGRESS", "owner": "owner-1", "validation": string(r.Fingerprint),
		"expiration": now.Unix() + 3600, "in_progress_expiration": now.UnixMilli() + 10_123,
		"claimed": now.UnixMilli() - 1, "data": nil, "data_encoding": nil,
		"step_names": nil, "step_data": nil, "step_encodings": nil,
	}
	if diff := cmp.Diff(want, row()); diff != "" {
		t.Errorf("in progress (-want +got):\n%s", diff)
	}
	records.MustComplete(t, store, records.Completed(r, []byte("answer")))
	want["status"], want["data"], want["in_progress_expiration"] = "COMPLETED", []byte("answer"), nil
	if diff := cmp.Diff(want, row()); diff != "" {
		t.Errorf("completed (-want +got):\n%s", diff)
	}
}

func TestResponsesOfAnySizeAreReplayed(t *testing.T) {
	t.Parallel()
	pool := newPool(t, postgresserver.Shared(t).URL)
	table := newTable()
	store := newStore(t, pool, pgstore.Table(table))
	for i, data := range [][]byte{{}, {0}, records.Random(5 << 20), bytes.Repeat([]byte("abc"), 1000)} {
		r := records.InProgress("owner-1")
		r.ID = fmt.Sprint("payments.create#", i)
		records.MustClaim(t, store, r)
		records.MustComplete(t, store, records.Completed(r, data))
		asks := r
		asks.Owner = "duplicate"
		got, err := store.Claim(t.Context(), idempotency.Claim{Record: asks, Now: now})
		if err != nil || got == nil || !bytes.Equal(got.Data, data) || got.Data == nil {
			t.Errorf("%d bytes came back as %+v, %v", len(data), got, err)
		}
		if got, err := store.Load(t.Context(), r.ID); err != nil || !bytes.Equal(got.Data, data) {
			t.Errorf("loaded %v, %v", got, err)
		}
	}
	var size int
	var encoding string
	if err := pool.QueryRow(t.Context(), "SELECT length(data), data_encoding FROM "+table+" WHERE id = 'payments.create#3'").Scan(&size, &encoding); err != nil || size > 200 || encoding != "zstd" {
		t.Errorf("3000 bytes of three are stored as %d, encoding %q, %v", size, encoding, err)
	}
}

func TestMismatchGetsNoData(t *testing.T) {
	t.Parallel()
	store := newStore(t, newPool(t, postgresserver.Shared(t).URL))
	r := records.InProgress("owner-1")
	records.MustClaim(t, store, r)
	records.MustComplete(t, store, records.Completed(r, []byte("answer")))
	asks := records.InProgress("duplicate")
	asks.Fingerprint = "another"
	for name, ask := range map[string]func() (*idempotency.Record, error){
		"Claim": func() (*idempotency.Record, error) {
			return store.Claim(t.Context(), idempotency.Claim{Record: asks, Now: now})
		},
		"Complete": func() (*idempotency.Record, error) {
			return store.Complete(t.Context(), records.Completed(asks, []byte("late")))
		},
		"Begin": func() (*idempotency.Record, error) {
			_, existing, err := store.Begin(t.Context(), idempotency.Attempt{Record: records.Completed(asks, nil), Now: now})
			return existing, err
		},
	} {
		if got, err := ask(); err != nil || got == nil || got.Data != nil || got.Fingerprint != r.Fingerprint {
			t.Errorf("%s met %+v, %v, want the record without its data", name, got, err)
		}
	}
}

// Between a look at a lease that is over and the takeover its owner may have
// renewed it after all.
func TestARenewedLeaseIsNotTakenOver(t *testing.T) {
	t.Parallel()
	store := newStore(t, newPool(t, postgresserver.Shared(t).URL))
	observed := records.InProgress("slow")
	records.MustClaim(t, store, observed)
	renewed := observed
	renewed.LeaseUntil = observed.LeaseUntil.Add(time.Minute)
	if held, err := store.Renew(t.Context(), renewed); !held || err != nil {
		t.Fatal(held, err)
	}
	existing, err := store.Claim(t.Context(), idempotency.Claim{Record: records.InProgress("heir"), Now: now, TakeOver: &observed})
	if err != nil || existing == nil || existing.Owner != "slow" || !existing.LeaseUntil.Equal(renewed.LeaseUntil) {
		t.Errorf("met %+v, %v, want the renewed record", existing, err)
	}
}

func TestSweepDeletesWhatHasExpiredAndNoMoreThanAsked(t *testing.T) {
	t.Parallel()
	pool := newPool(t, postgresserver.Shared(t).URL)
	table := newTable()
	store := newStore(t, pool, pgstore.Table(table))
	put := func(id string, expires time.Time) {
		t.Helper()
		r := records.Completed(records.InProgress("owner"), []byte("answer"))
		r.ID, r.Expires = id, expires
		records.MustComplete(t, store, r)
	}
	for i := range 10 {
		put(fmt.Sprint("old-", i), time.Now().Add(-2*time.Hour))
	}
	put("just expired", time.Now().Add(-time.Minute)) // not yet everybody's clock may say so
	put("live", time.Now().Add(time.Hour))
	for _, want := range []int{4, 4, 2, 0} {
		if n, err := store.Sweep(t.Context(), 4); n != want || err != nil {
			t.Errorf("deleted %d, %v, want %d", n, err, want)
		}
	}
	rows, _ := pool.Query(t.Context(), "SELECT id FROM "+table+" ORDER BY id")
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if diff := cmp.Diff([]string{"just expired", "live"}, left); diff != "" || err != nil {
		t.Errorf("left (-want +got):\n%s%v", diff, err)
	}
	if _, err := store.Sweep(t.Context(), 0); err == nil {
		t.Error("a limit of 0 is accepted")
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	pool := newPool(t, postgresserver.Shared(t).URL)
	ctx := t.Context()

	t.Run("by many at once, in another schema", func(t *testing.T) {
		t.Parallel()
		schema := `odd "` + newTable()
		if _, err := pool.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{schema}.Sanitize()); err != nil {
			t.Fatal(err)
		}
		errs := make(chan error)
		for range 8 {
			go func() {
				store, err := pgstore.New(pool, pgstore.Table(schema+".Records"), unhurried)
				if err == nil {
					err = store.Migrate(ctx)
				}
				errs <- err
			}()
		}
		for range 8 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		var indexes int
		if err := pool.QueryRow(ctx, "SELECT count(*) FROM pg_indexes WHERE schemaname = $1 AND tablename = 'Records'", schema).Scan(&indexes); indexes != 2 || err != nil {
			t.Errorf("%d indexes, %v, want the primary key's and the sweep's", indexes, err)
		}
	})
	t.Run("a forgotten table is told", func(t *testing.T) {
		t.Parallel()
		store, err := pgstore.New(pool, pgstore.Table("nowhere"), unhurried)
		if err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"Check": store.Check(ctx),
			"Claim": func() error {
				_, err := store.Claim(ctx, idempotency.Claim{Record: records.InProgress("a"), Now: now})
				return err
			}(),
		} {
			if err == nil || !strings.Contains(err.Error(), "Migrate") {
				t.Errorf("%s: %v, want an error that says to migrate", what, err)
			}
		}
	})
	t.Run("a table of another shape is told", func(t *testing.T) {
		t.Parallel()
		table := newTable()
		if _, err := pool.Exec(ctx, "CREATE TABLE "+table+" (id text PRIMARY KEY, data bytea, expiration bigint)"); err != nil {
			t.Fatal(err)
		}
		store, err := pgstore.New(pool, pgstore.Table(table), unhurried)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Migrate(ctx); err == nil || !strings.Contains(err.Error(), "not as it should be") {
			t.Errorf("%v, want an error that says so", err)
		}
	})
	t.Run("a missing right is told", func(t *testing.T) {
		t.Parallel()
		table := newTable()
		newStore(t, pool, pgstore.Table(table))
		role := table + "_reader"
		if _, err := pool.Exec(ctx, "CREATE ROLE "+role+"; GRANT SELECT, INSERT, UPDATE ON "+table+" TO "+role); err != nil {
			t.Fatal(err)
		}
		store, err := pgstore.New(newPool(t, postgresserver.Shared(t).URL, onConnect("SET ROLE "+role)), pgstore.Table(table), unhurried)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Check(ctx); err == nil || !strings.Contains(err.Error(), "DELETE") {
			t.Errorf("%v, want an error that names the rights", err)
		}
	})
}

func TestOptionsOutOfBoundsAreRefused(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "host=/nowhere")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for name, make := range map[string]func() (*pgstore.Store, error){
		"db":             func() (*pgstore.Store, error) { return pgstore.New(nil) },
		"Table":          func() (*pgstore.Store, error) { return pgstore.New(pool, pgstore.Table("a.b.c")) },
		"Table: ":        func() (*pgstore.Store, error) { return pgstore.New(pool, pgstore.Table("")) },
		"RequestTimeout": func() (*pgstore.Store, error) { return pgstore.New(pool, pgstore.RequestTimeout(0)) },
		"IdleLimit":      func() (*pgstore.Store, error) { return pgstore.New(pool, pgstore.IdleLimit(time.Microsecond)) },
	} {
		if store, err := make(); store != nil || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, %v, want an error that names it", name, store, err)
		}
	}
}

// The time of a large request is a multiple of the limit, which has one itself.
func TestTheLongestTimeLimit(t *testing.T) {
	t.Parallel()
	store := newStore(t, newPool(t, postgresserver.Shared(t).URL), pgstore.RequestTimeout(math.MaxInt64), pgstore.CompressAbove(-1))
	r := records.InProgress("owner-1")
	records.MustClaim(t, store, r)
	records.MustComplete(t, store, records.Completed(r, make([]byte, 600<<10)))
}

// What steps returned does not stay in the table when it is not needed any more.
func TestStepsLeaveTheTable(t *testing.T) {
	t.Parallel()
	pool := newPool(t, postgresserver.Shared(t).URL)
	table := newTable()
	store := newStore(t, pool, pgstore.Table(table))
	for name, end := range map[string]func(idempotency.Record) error{
		"completion": func(r idempotency.Record) error {
			_, err := store.Complete(t.Context(), records.Completed(r, []byte("answer")))
			return err
		},
		"settlement": func(r idempotency.Record) error {
			settled := records.Completed(r, []byte("answer"))
			settled.Owner = "operator"
			_, err := store.Settle(t.Context(), r, settled)
			return err
		},
	} {
		r := records.InProgress("a")
		r.ID = "payments.create#" + name
		records.MustClaim(t, store, r)
		if held, err := store.RecordStep(t.Context(), r, idempotency.RecordedStep{Name: "charge", Data: []byte("charged")}); !held || err != nil {
			t.Fatal(held, err)
		}
		if err := end(r); err != nil {
			t.Fatal(err)
		}
		var gone bool
		if err := pool.QueryRow(t.Context(), "SELECT num_nonnulls(step_names, step_data, step_encodings) = 0 FROM "+table+" WHERE id = $1", r.ID).
			Scan(&gone); err != nil || !gone {
			t.Errorf("%s: the steps are gone: %v, %v", name, gone, err)
		}
	}
}

// A table from before there were steps is refused, until it is migrated.
func TestMigrateAddsSteps(t *testing.T) {
	t.Parallel()
	pool := newPool(t, postgresserver.Shared(t).URL)
	table := newTable()
	store := newStore(t, pool, pgstore.Table(table))
	if _, err := pool.Exec(t.Context(), "ALTER TABLE "+table+" DROP COLUMN step_names, DROP COLUMN step_data, DROP COLUMN step_encodings"); err != nil {
		t.Fatal(err)
	}
	if err := store.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "call Migrate") {
		t.Errorf("Check: %v, want a hint to call Migrate", err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := records.InProgress("a")
	records.MustClaim(t, store, r)
	if held, err := store.RecordStep(t.Context(), r, idempotency.RecordedStep{Name: "charge"}); !held || err != nil {
		t.Error(held, err)
	}
}
