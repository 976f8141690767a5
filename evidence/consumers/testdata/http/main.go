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
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: memstore.New()}))
	protect := idempotency.Must(idemhttp.New(idemhttp.Config{
		Guard:       guard,
		Operation:   "payments.create",
		Scope:       caller,
		Fingerprint: idemhttp.JSONFingerprint,
	}))

	charges := 0
	http.Handle("POST /payments", protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		charges++ // the effect that must happen once
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "charge %d\n", charges)
	})))
	log.Fatal(http.ListenAndServe("localhost:8080", nil))
}

// caller returns who is calling: keys of different callers never meet.
func caller(r *http.Request) (idempotency.Scope, error) {
	user, _, _ := r.BasicAuth() // checked by the middleware before
	return idempotency.NewScope(user)
}
