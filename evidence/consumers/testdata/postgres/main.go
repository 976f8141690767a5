package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/pgstore"
)

func main() {
	ctx := context.Background()
	pool := idempotency.Must(pgxpool.New(ctx, os.Getenv("DATABASE_URL")))
	if _, err := pool.Exec(ctx, "CREATE TABLE IF NOT EXISTS mails (number int GENERATED ALWAYS AS IDENTITY)"); err != nil {
		log.Fatal(err)
	}
	store := idempotency.Must(pgstore.NewAtomic(pool))
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: store, Mode: idempotency.Atomic}))

	for range 2 {
		number, outcome, err := idempotency.Do(ctx, guard, idempotency.Intent{
			Scope:     idempotency.SharedScope(),
			Operation: "mails.queue",
			Key:       "welcome-alice",
			Payload:   "Welcome!",
		}, func(ctx context.Context) (number int, err error) {
			// Committed together with the record, or not at all.
			err = pgstore.TxFrom(ctx).QueryRow(ctx, "INSERT INTO mails DEFAULT VALUES RETURNING number").Scan(&number)
			return number, err
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(number, outcome.Replayed)
	}
}
