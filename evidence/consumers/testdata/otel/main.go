package main

import (
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemotel"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

func main() {
	observer := idempotency.Must(idemotel.NewObserver(idemotel.Config{})) // the global providers
	idempotency.Must(idempotency.New(idempotency.Config{Store: memstore.New(), Observer: observer}))
}
