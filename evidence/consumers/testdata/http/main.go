package main

import (
	"fmt"
	"log"
	"net/http"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

func main() {
	// A key belongs to the user of its request, whose password is checked before this.
	protect := idempotency.Must(idemhttp.New(idemhttp.Config{Store: memstore.New(), Operation: "payments.create", Scope: idemhttp.BasicAuthScope}))

	charges := 0
	http.Handle("POST /payments", protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		charges++ // the effect that must happen once
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "charge %d\n", charges)
	})))
	log.Fatal(http.ListenAndServe("localhost:8080", nil))
}
