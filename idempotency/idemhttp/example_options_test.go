package idemhttp_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// everybody is the scope of examples that have one caller.
func everybody(*http.Request) (idempotency.Scope, error) { return idempotency.SharedScope(), nil }

func newMemoryGuard(cfg idempotency.Config) *idempotency.Guard {
	cfg.Store = memstore.New()
	guard, err := idempotency.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return guard
}

// show sends a request and prints its response.
func show(handler http.Handler, method, path, key, body string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(strings.TrimSpace(fmt.Sprintf("%s %s: %d %s %s", method, path, w.Code, w.Body, w.Header().Get("Idempotent-Replayed"))))
}

// One middleware protects all routes of an API. Each route is an operation of its
// own, named after its pattern, and GET needs no key.
func ExamplePatternOperation() {
	guard := newMemoryGuard(idempotency.Config{})
	answer := func(w http.ResponseWriter, r *http.Request) {
		execution, protected := idempotency.FromContext(r.Context())
		operation, _, _ := strings.Cut(execution.ID(), "#")
		fmt.Fprintf(w, "protected %v %s", protected, operation)
	}

	protect, err := idemhttp.New(idemhttp.Config{Guard: guard, Scope: everybody})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	for _, pattern := range []string{"GET /payments", "POST /payments", "POST /payments/{id}/refunds"} {
		mux.Handle(pattern, protect(http.HandlerFunc(answer)))
	}

	show(mux, "GET", "/payments", "", "")
	show(mux, "POST", "/payments", "k1", "")
	show(mux, "POST", "/payments/1/refunds", "k1", "")
	show(mux, "POST", "/payments", "k1", "")
	// Output:
	// GET /payments: 200 protected false
	// POST /payments: 200 protected true POST.payments
	// POST /payments/1/refunds: 200 protected true POST.payments.id.refunds-c70de432
	// POST /payments: 200 protected true POST.payments true
}

// The key of a webhook is the event's id, in the body. The attempt's number is no
// part of the payload.
func ExampleConfig_key() {
	guard := newMemoryGuard(idempotency.Config{})
	receive := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "handled") })

	fingerprint, err := idemhttp.JSONExceptFingerprint("/attempt")
	if err != nil {
		log.Fatal(err)
	}
	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "events.receive", Scope: everybody,
		Fingerprint: fingerprint,
		Key: func(_ *http.Request, body []byte) (string, error) {
			var event struct{ ID string }
			err := json.Unmarshal(body, &event)
			return event.ID, err
		},
	})

	if err != nil {
		log.Fatal(err)
	}
	show(protect(receive), "POST", "/events", "", `{"id":"evt_1","attempt":1}`)
	show(protect(receive), "POST", "/events", "", `{"id":"evt_1","attempt":2}`)
	// Output:
	// POST /events: 200 handled
	// POST /events: 200 handled true
}

// A response that says "pending" is no result: the next request executes again. A secret that
// is shown once is not recorded.
func ExampleConfig_recorded() {
	guard := newMemoryGuard(idempotency.Config{})
	states := []string{"pending", "ready"}
	create := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"status":%q,"secret":"s3cret"}`, states[0])
		states = states[1:]
	})

	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "keys.create", Scope: everybody,
		Recorded: func(r idemhttp.Response) bool {
			return idemhttp.DefaultRecorded(r) && !bytes.Contains(r.Body, []byte(`"pending"`))
		},
		Redact: func(r idemhttp.Response) idemhttp.Response {
			r.Body = bytes.ReplaceAll(r.Body, []byte("s3cret"), []byte("***"))
			return r
		},
	})

	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		show(protect(create), "POST", "/keys", "k1", "")
	}
	// Output:
	// POST /keys: 200 {"status":"pending","secret":"s3cret"}
	// POST /keys: 200 {"status":"ready","secret":"s3cret"}
	// POST /keys: 200 {"status":"ready","secret":"***"} true
}

// An API with errors of its own writes refusals like them. Status and Retry-After
// are set already.
func ExampleConfig_writeRefusal() {
	guard := newMemoryGuard(idempotency.Config{})
	create := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "payments.create", Scope: everybody,
		WriteRefusal: func(w http.ResponseWriter, _ *http.Request, p *problem.Problem) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"error":{"message":%q}}`, p.Title)
		},
	})

	if err != nil {
		log.Fatal(err)
	}
	show(protect(create), "POST", "/payments", "", "")
	// Output:
	// POST /payments: 400 {"error":{"message":"An idempotency key is required"}}
}

// A handler that sheds load has done nothing, and says so: otherwise its key
// would be spent under the policy Refuse, as after any other 503.
func Example_sheddingLoad() {
	guard := newMemoryGuard(idempotency.Config{Recovery: idempotency.Refuse})
	overloaded := true

	charge := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if overloaded {
			execution, _ := idempotency.FromContext(r.Context())
			execution.Discard()
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "charged")
	})

	protect, err := idemhttp.New(idemhttp.Config{Guard: guard, Operation: "payments.create", Scope: everybody})
	if err != nil {
		log.Fatal(err)
	}
	show(protect(charge), "POST", "/payments", "k1", "")
	overloaded = false
	show(protect(charge), "POST", "/payments", "k1", "")
	// Output:
	// POST /payments: 503
	// POST /payments: 200 charged
}
