// Command core links the guard and the store in memory, and nothing else.
package main

import (
	"context"
	"fmt"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

func main() {
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: memstore.New()}))
	fmt.Println(idempotency.Do(context.Background(), guard, idempotency.Intent{
		Scope: idempotency.SharedScope(), Operation: "bells.ring", Key: "k1", Payload: struct{}{},
	}, func(context.Context) (string, error) { return "rung", nil }))
}
