package pgstore_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/postgresserver"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/pgstore"
)

// What idempotency costs beside the statements that an application would make
// anyway: an INSERT that tells duplicates apart with an UPDATE of its result, and
// a transaction with the effects alone.
func Benchmark(b *testing.B) {
	pool := newPool(b, postgresserver.Shared(b).URL)
	s := newShopOn(b, pool, 1<<30, nil)
	leased := s.leased(b)
	done := func(context.Context) (idempotency.Result, error) {
		return idempotency.Result{Data: []byte("answer")}, nil
	}
	key := 0
	next := func() idempotency.Request { key++; return request(b, fmt.Sprint(key)) }
	measure := func(name string, one func(ctx context.Context) error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := one(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	if _, err := pool.Exec(b.Context(), "CREATE TABLE "+s.table+"_bare (id text PRIMARY KEY, data bytea)"); err != nil {
		b.Fatal(err)
	}
	measure("bare INSERT and UPDATE", func(ctx context.Context) error {
		id := next().Key.ID()
		if _, err := pool.Exec(ctx, "INSERT INTO "+s.table+"_bare (id) VALUES ($1) ON CONFLICT DO NOTHING", id); err != nil {
			return err
		}
		_, err := pool.Exec(ctx, "UPDATE "+s.table+"_bare SET data = $2 WHERE id = $1", id, []byte("answer"))
		return err
	})
	measure("leased, first call", func(ctx context.Context) error {
		_, err := leased.Do(ctx, next(), done)
		return err
	})
	known := next()
	measure("leased, replay", func(ctx context.Context) error {
		_, err := leased.Do(ctx, known, done)
		return err
	})
	measure("bare transaction", func(ctx context.Context) error {
		tx, err := pool.Begin(ctx)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO "+s.orders+" (key) VALUES ('bare')"); err != nil {
			return err
		}
		return tx.Commit(ctx)
	})
	measure("atomic, first call", func(ctx context.Context) error {
		_, err := s.guard.Do(ctx, next(), s.insert)
		return err
	})
}

// insert has one effect, by one statement.
func (s *shop) insert(ctx context.Context) (idempotency.Result, error) {
	_, err := pgstore.TxFrom(ctx).Exec(ctx, "INSERT INTO "+s.orders+" (key) VALUES ('atomic')")
	return idempotency.Result{Data: []byte("answer")}, err
}
