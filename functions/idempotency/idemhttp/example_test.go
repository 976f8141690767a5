package idemhttp_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/functions/idempotency"
	"github.com/idempotent-requests/idempotent-requests/functions/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/functions/idempotency/memstore"
)

func Example() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	protect, err := idemhttp.New(idemhttp.Config{
		Guard:     guard,
		Operation: "payments.create",
		// Here a gateway in front has authenticated the caller.
		Scope: func(r *http.Request) (idempotency.Scope, error) {
			return idempotency.NewScope(r.Header.Get("X-Account"))
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	payments := 0
	mux := http.NewServeMux()
	mux.Handle("POST /payments", protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		payments++
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "payment %d", payments)
	})))

	for _, key := range []string{"k1", "k1", "k2"} {
		r := httptest.NewRequest(http.MethodPost, "/payments", strings.NewReader(`{"amount":1250}`))
		r.Header.Set("X-Account", "alice")
		r.Header.Set("Idempotency-Key", key)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		body, _ := io.ReadAll(w.Body)
		fmt.Printf("%s: %d %s, replayed: %q\n", key, w.Code, body, w.Header().Get("Idempotent-Replayed"))
	}
	// Output:
	// k1: 201 payment 1, replayed: ""
	// k1: 201 payment 1, replayed: "true"
	// k2: 201 payment 2, replayed: ""
}

// The scope of a record is who calls. One scope for everybody would replay one
// caller's response to another who sends the same key.
func ExampleConfig_scope() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	_, err = idemhttp.New(idemhttp.Config{Guard: guard, Operation: "payments.create"})
	fmt.Println(err)
	// Output:
	// idemhttp: Config.Scope is missing: say who is calling or, knowingly, return idempotency.SharedScope
}
