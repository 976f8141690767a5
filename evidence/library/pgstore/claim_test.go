package pgstore_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/idempotent-requests/idempotent-requests/evidence/postgresserver"
	"github.com/idempotent-requests/idempotent-requests/evidence/records"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/pgstore"
)

// Duplicates of one key do not take turns: a record in the way is read while somebody
// holds a lock on it.
func TestARecordInTheWayIsReadWithoutALock(t *testing.T) {
	t.Parallel()
	url := postgresserver.Shared(t).URL
	pool, table := newPool(t, url), newTable()
	store := newStore(t, pool, pgstore.Table(table))
	// It would fail if it had to wait.
	impatient, err := pgstore.New(newPool(t, url, onConnect("SET lock_timeout = '1ms'")), pgstore.Table(table), unhurried)
	if err != nil {
		t.Fatal(err)
	}
	r := records.InProgress("owner-1")
	records.MustClaim(t, store, r)
	asks := records.InProgress("duplicate")
	for _, status := range []idempotency.Status{idempotency.InProgress, idempotency.Completed} {
		if status == idempotency.Completed {
			records.MustComplete(t, store, records.Completed(r, []byte("answer")))
		}
		err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "SELECT FROM "+table+" FOR UPDATE"); err != nil {
				return err
			}
			existing, err := impatient.Claim(t.Context(), idempotency.Claim{Record: asks, Now: now})
			if err != nil || existing == nil || existing.Status != status || existing.Owner != "owner-1" {
				t.Errorf("%s: met %+v, %v", status, existing, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// asking counts the requests for a row.
type asking struct {
	pgstore.DB
	n atomic.Int32
}

func (a *asking) QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row {
	a.n.Add(1)
	return a.DB.QueryRow(ctx, sql, arguments...)
}

// A claim begins while the transaction of another step has not ended, and so does not
// see what that has done. It waits for it, and then goes by what is there.
func TestAClaimMeetsWhatCameMeanwhile(t *testing.T) {
	t.Parallel()
	first, ours := records.InProgress("first"), records.InProgress("ours")
	old := first
	old.Expires = now
	renewed := first
	renewed.LeaseUntil = first.LeaseUntil.Add(time.Minute)
	for name, test := range map[string]struct {
		before    func(*testing.T, idempotency.Store) // what the claim sees
		takeOver  *idempotency.Record
		meanwhile func(*testing.T, idempotency.Store)
		undone    bool                // what happened meanwhile
		want      *idempotency.Record // in the way, nil if the claim is made
	}{
		"another claim": {
			meanwhile: func(t *testing.T, s idempotency.Store) { records.MustClaim(t, s, first) },
			want:      &first,
		},
		"another claim, undone": {
			meanwhile: func(t *testing.T, s idempotency.Store) { records.MustClaim(t, s, first) },
			undone:    true,
		},
		"another claim, of a key past its window": {
			before: func(t *testing.T, s idempotency.Store) {
				records.MustComplete(t, s, records.Completed(old, []byte("old")))
			},
			meanwhile: func(t *testing.T, s idempotency.Store) { records.MustClaim(t, s, first) },
			want:      &first,
		},
		"another takeover": {
			before:   func(t *testing.T, s idempotency.Store) { records.MustClaim(t, s, first) },
			takeOver: &first,
			meanwhile: func(t *testing.T, s idempotency.Store) {
				existing, err := s.Claim(t.Context(), idempotency.Claim{Record: records.InProgress("second"), Now: now, TakeOver: &first})
				if existing != nil || err != nil {
					t.Fatal(existing, err)
				}
			},
			want: new(records.InProgress("second")),
		},
		"a renewal": {
			before:   func(t *testing.T, s idempotency.Store) { records.MustClaim(t, s, first) },
			takeOver: &first,
			meanwhile: func(t *testing.T, s idempotency.Store) {
				if held, err := s.Renew(t.Context(), renewed); !held || err != nil {
					t.Fatal(held, err)
				}
			},
			want: &renewed,
		},
		"a completion": {
			before:   func(t *testing.T, s idempotency.Store) { records.MustClaim(t, s, first) },
			takeOver: &first,
			meanwhile: func(t *testing.T, s idempotency.Store) {
				records.MustComplete(t, s, records.Completed(first, []byte("answer")))
			},
			want: new(records.Completed(first, []byte("answer"))),
		},
		"a release": {
			before:   func(t *testing.T, s idempotency.Store) { records.MustClaim(t, s, first) },
			takeOver: &first,
			meanwhile: func(t *testing.T, s idempotency.Store) {
				if err := s.Release(t.Context(), first.ID, first.Owner); err != nil {
					t.Fatal(err)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, table := newPool(t, postgresserver.Shared(t).URL), newTable()
			db := &asking{DB: pool}
			store := newStore(t, db, pgstore.Table(table))
			if test.before != nil {
				test.before(t, store)
			}
			tx, err := pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(context.Background()) }()
			other, err := pgstore.New(tx, pgstore.Table(table), unhurried)
			if err != nil {
				t.Fatal(err)
			}
			test.meanwhile(t, other)

			db.n.Store(0)
			type reply struct {
				existing *idempotency.Record
				err      error
			}
			replies := make(chan reply, 1)
			go func() {
				existing, err := store.Claim(t.Context(), idempotency.Claim{Record: ours, Now: now, TakeOver: test.takeOver})
				replies <- reply{existing, err}
			}()
			awaitLock(t, pool, table, func() bool { return len(replies) > 0 })
			if !test.undone {
				if err := tx.Commit(t.Context()); err != nil {
					t.Fatal(err)
				}
			} else if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}

			got, most := <-replies, int32(2)
			switch {
			case got.err != nil:
				t.Error(got.err)
			case test.want == nil:
				most = 1
				if held, err := store.Load(t.Context(), ours.ID); got.existing != nil || err != nil || held == nil || held.Owner != ours.Owner {
					t.Errorf("met %+v, and there is %+v, %v: want a claim", got.existing, held, err)
				}
				db.n.Add(-1)
			case got.existing == nil || got.existing.Owner != test.want.Owner || got.existing.Status != test.want.Status ||
				!got.existing.LeaseUntil.Equal(test.want.LeaseUntil) && test.want.Status == idempotency.InProgress || string(got.existing.Data) != string(test.want.Data):
				t.Errorf("met %+v, want %+v", got.existing, test.want)
			}
			if n := db.n.Load(); n != most {
				t.Errorf("%d requests, want %d", n, most)
			}
		})
	}
}

// awaitLock returns when a statement on the table waits for a lock.
func awaitLock(t *testing.T, pool *pgxpool.Pool, table string, ended func() bool) {
	t.Helper()
	for waits := false; !waits; time.Sleep(time.Millisecond) {
		if ended() {
			t.Fatal("it has not waited for a lock")
		}
		err := pool.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND position($1 in query) > 0)",
			pgx.Identifier{table}.Sanitize()).Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// restless is a database in which the record in the way of a claim has always just
// changed.
type restless struct{ asking }

func (r *restless) QueryRow(context.Context, string, ...any) pgx.Row {
	r.n.Add(1)
	return failedRow{pgx.ErrNoRows}
}

func TestAClaimThatNeverSeesWhatIsInItsWayFails(t *testing.T) {
	t.Parallel()
	db := &restless{}
	db.DB = newPool(t, postgresserver.Shared(t).URL)
	store, err := pgstore.New(db, unhurried)
	if err != nil {
		t.Fatal(err)
	}
	existing, err := store.Claim(t.Context(), idempotency.Claim{Record: records.InProgress("a"), Now: now})
	if existing != nil || err == nil {
		t.Errorf("met %+v, %v, want an error", existing, err)
	}
	if n := db.n.Load(); n < 2 || n > 10 {
		t.Errorf("%d requests were made, want a few", n)
	}
}
