package idemhttp_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

func Example() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "payments.create",
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

// By the raw bytes a retry that writes its JSON in another way is another
// payload. By its meaning it is not.
func ExampleJSONFingerprint() {
	fingerprint := func(f idemhttp.FingerprintFunc, body string) idempotency.Fingerprint {
		made, err := f(httptest.NewRequest(http.MethodPost, "/payments", nil), []byte(body))
		if err != nil {
			log.Fatal(err)
		}
		return made
	}
	const first, again = `{"amount":1250,"currency":"EUR"}`, `{"currency": "EUR", "amount": 1250.0}`
	fmt.Println("raw: ", fingerprint(idemhttp.RawFingerprint, first) == fingerprint(idemhttp.RawFingerprint, again))
	fmt.Println("JSON:", fingerprint(idemhttp.JSONFingerprint, first) == fingerprint(idemhttp.JSONFingerprint, again))
	// Output:
	// raw:  false
	// JSON: true
}

// A body that differs from one attempt to the next, by the time it was sent, is
// compared by what matters.
func ExampleJSONSubsetFingerprint() {
	byOrder, err := idemhttp.JSONSubsetFingerprint(idemhttp.JSONMembers{Required: []string{"/article", "/quantity"}})
	if err != nil {
		log.Fatal(err)
	}
	var fingerprints []idempotency.Fingerprint
	for _, body := range []string{
		`{"article":"tea","quantity":1,"sentAt":"12:00:00"}`,
		`{"article":"tea","quantity":1,"sentAt":"12:00:03"}`,
		`{"article":"tea","quantity":2,"sentAt":"12:00:03"}`,
	} {
		f, err := byOrder(httptest.NewRequest(http.MethodPost, "/orders", nil), []byte(body))
		if err != nil {
			log.Fatal(err)
		}
		fingerprints = append(fingerprints, f)
	}
	fmt.Println(fingerprints[0] == fingerprints[1], fingerprints[1] == fingerprints[2])
	// Output:
	// true false
}

func ExampleParseKey() {
	for _, value := range []string{`k1`, `"k1"`, ``, `k1, k2`} {
		key, err := idemhttp.ParseKey(http.Header{"Idempotency-Key": {value}})
		fmt.Printf("%q %v\n", key, err)
	}
	// Output:
	// "k1" <nil>
	// "k1" <nil>
	// "" the Idempotency-Key is empty
	// "" the Idempotency-Key was sent more than once, or has a comma and is not quoted
}

// A handler that failed may have charged before it did. Reconciliation asks, and
// answers as the handler would have.
func ExampleConfig_reconcile() {
	charges := make(map[string]string) // a bank that knows keys
	charge := func(r *http.Request) (id string, known bool) {
		execution, _ := idempotency.FromContext(r.Context())
		id, known = charges[execution.DerivedKey("charge")]
		return id, known
	}
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New(), Recovery: idempotency.Reconcile})
	if err != nil {
		log.Fatal(err)
	}
	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "payments.create",
		Scope: func(*http.Request) (idempotency.Scope, error) { return idempotency.SharedScope(), nil },
		Reconcile: func(w http.ResponseWriter, r *http.Request) (bool, error) {
			id, known := charge(r)
			if !known {
				return false, nil // the handler runs
			}
			w.WriteHeader(http.StatusCreated)
			_, err := fmt.Fprint(w, id)
			return true, err
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	pay := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		execution, _ := idempotency.FromContext(r.Context())
		charges[execution.DerivedKey("charge")] = "charge-1"
		w.WriteHeader(http.StatusInternalServerError) // the database is gone, say
	}))
	for range 2 {
		r := httptest.NewRequest(http.MethodPost, "/payments", strings.NewReader(`{"amount":1250}`))
		r.Header.Set("Idempotency-Key", "k1")
		w := httptest.NewRecorder()
		pay.ServeHTTP(w, r)
		fmt.Printf("%d %q\n", w.Code, w.Body)
	}
	fmt.Println("charges:", len(charges))
	// Output:
	// 500 ""
	// 201 "charge-1"
	// charges: 1
}
