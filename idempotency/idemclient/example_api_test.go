package idemclient_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// newPaymentsAPI starts an idempotent API whose very first answer is lost.
func newPaymentsAPI() *httptest.Server {
	return newAPI(new(atomic.Int64), func(http.ResponseWriter, *httptest.ResponseRecorder) { panic(http.ErrAbortHandler) })
}

// newAPI starts an idempotent API that counts payments. Its very first answer is
// left to damage, which is given what it should be.
func newAPI(payments *atomic.Int64, damage func(http.ResponseWriter, *httptest.ResponseRecorder)) *httptest.Server {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "payments.create",
		Scope: func(*http.Request) (idempotency.Scope, error) { return idempotency.SharedScope(), nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	pay := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, "payment %d", payments.Add(1))
	}))
	var requests atomic.Int64
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) > 1 {
			pay.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		pay.ServeHTTP(answer, r)
		damage(w, answer)
	}))
}
