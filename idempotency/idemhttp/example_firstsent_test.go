package idemhttp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// A retry that comes after the window, when its key is forgotten, is refused instead
// of executed anew.
func ExampleFirstSent() {
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: memstore.New(), Window: time.Hour}))
	protect := idempotency.Must(idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "payments.create",
		Scope:     func(*http.Request) (idempotency.Scope, error) { return idempotency.NewScope("alice") },
		FirstSent: idemhttp.FirstSentHeeded,
	}))
	api := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusCreated) }))

	for _, age := range []time.Duration{0, 2 * time.Hour} {
		request := httptest.NewRequest(http.MethodPost, "/payments", strings.NewReader("coffee"))
		request.Header.Set("Idempotency-Key", fmt.Sprint("sent ", age, " ago"))
		request.Header.Set(idemhttp.HeaderFirstSent, time.Now().Add(-age).UTC().Format(http.TimeFormat))
		response := httptest.NewRecorder()
		api.ServeHTTP(response, request)
		fmt.Println(response.Code, response.Header().Get("Repeatability-Result"))
	}
	// Output:
	// 201 accepted
	// 412 rejected
}
