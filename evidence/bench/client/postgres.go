package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/pgstore"
)

// newPool returns a pool whose connections end with the task that uses it.
func newPool(url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns, config.MaxConnIdleTime, config.HealthCheckPeriod = 16, time.Second, time.Second
	return pgxpool.NewWithConfig(context.Background(), config)
}

func newPostgresStore(url string) (idempotency.Store, error) {
	pool, err := newPool(url)
	if err != nil {
		return nil, err
	}
	store, err := pgstore.New(pool, pgstore.RequestTimeout(time.Minute)) // a busy machine is not what is measured
	if err != nil {
		return nil, err
	}
	return store, store.Migrate(context.Background())
}

// byHandPostgres keeps records in PostgreSQL by pgx: an INSERT that does nothing
// if the key is there, an UPDATE by the owner, and a SELECT for a duplicate.
type byHandPostgres struct{ pool *pgxpool.Pool }

func newByHandPostgres(url string) (byHandPostgres, error) {
	pool, err := newPool(url)
	if err != nil {
		return byHandPostgres{}, err
	}
	_, err = pool.Exec(context.Background(), `CREATE TABLE IF NOT EXISTS by_hand (
		id text PRIMARY KEY, owner text NOT NULL, fingerprint text NOT NULL, expires timestamptz NOT NULL, response bytea)`)
	return byHandPostgres{pool}, err
}

func (p byHandPostgres) claim(ctx context.Context, name string, r *byHandRecord) (*byHandRecord, error) {
	tag, err := p.pool.Exec(ctx, "INSERT INTO by_hand (id, owner, fingerprint, expires) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING",
		name, r.Owner, r.Fingerprint, time.Now().Add(byHandWindow))
	if err != nil || tag.RowsAffected() > 0 {
		return nil, err
	}
	existing := new(byHandRecord)
	var response []byte
	if err := p.pool.QueryRow(ctx, "SELECT owner, fingerprint, response FROM by_hand WHERE id = $1", name).
		Scan(&existing.Owner, &existing.Fingerprint, &response); err != nil || response == nil {
		return existing, err
	}
	return existing, json.Unmarshal(response, existing)
}

func (p byHandPostgres) complete(ctx context.Context, name string, r *byHandRecord) error {
	response, err := json.Marshal(r)
	if err != nil {
		return err
	}
	tag, err := p.pool.Exec(ctx, "UPDATE by_hand SET response = $3 WHERE id = $1 AND owner = $2", name, r.Owner, response)
	if err == nil && tag.RowsAffected() == 0 {
		err = errors.New("another has taken over")
	}
	return err
}
