package main

import (
	"context"
	"fmt"
	"log"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemotel"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

func main() {
	guard := idempotency.Must(idempotency.New(idempotency.Config{
		Store:    memstore.New(),
		Observer: idempotency.Must(idemotel.NewObserver(idemotel.Config{})), // of the global providers
	}))
	number, outcome, err := idempotency.Do(context.Background(), guard, idempotency.Intent{
		Scope:     idempotency.SharedScope(),
		Operation: "mails.send",
		Key:       "welcome-alice",
		Payload:   "Welcome!",
	}, func(context.Context) (int, error) { return 1, nil })
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(number, outcome.Replayed)
}
