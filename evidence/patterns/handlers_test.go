package patterns_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

func newAPI(store idempotency.Store, clock func() time.Time, create http.Handler) (http.Handler, error) {
	guard, err := idempotency.New(idempotency.Config{Store: store, Clock: clock})
	if err != nil {
		return nil, err
	}
	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "payments.create",
		Scope: func(r *http.Request) (idempotency.Scope, error) {
			return idempotency.NewScope(r.Header.Get("X-Account"))
		},
	})
	if err != nil {
		return nil, err
	}
	return protect(create), nil
}

// TestPaymentIsMadeOnce is how a handler of one's own is tested: the real
// middleware, a store in memory, and a clock that is told the time.
func TestPaymentIsMadeOnce(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	payments := 0
	api, err := newAPI(memstore.New(), func() time.Time { return now }, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		payments++
		w.WriteHeader(http.StatusCreated)
	}))
	if err != nil {
		t.Fatal(err)
	}
	send := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/payments", strings.NewReader(`{"amount":1250}`))
		r.Header.Set("X-Account", "alice")
		r.Header.Set("Idempotency-Key", "k1")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		return w
	}

	first, again := send(), send()
	if payments != 1 || again.Code != first.Code || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d payments, then %v", payments, again)
	}
	now = now.Add(idempotency.DefaultWindow)
	if send(); payments != 2 {
		t.Errorf("%d payments after the window", payments)
	}
}

// Bad input is refused before the key is claimed, so the same key works for the
// corrected request.
func Example_validateFirst() {
	guard := newMemoryGuard(idempotency.Config{})
	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "payments.create",
		Scope: func(r *http.Request) (idempotency.Scope, error) {
			return idempotency.NewScope(r.Header.Get("X-Account"))
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	create := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "paid")
	}))
	validate := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
			if err != nil || !strings.Contains(string(body), "amount") {
				http.Error(w, "no amount", http.StatusUnprocessableEntity)
				return
			}
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			next.ServeHTTP(w, r)
		})
	}

	mux := http.NewServeMux()
	mux.Handle("POST /payments", validate(create))

	post(mux, "alice", "k1", `{}`)
	post(mux, "alice", "k1", `{"amount":1250}`)
	// Output:
	// 422 no amount
	// 201 paid
}

// One scope for everybody gives one caller the answer to another.
func Example_sharedScopeOnTheWeb() {
	guard := newMemoryGuard(idempotency.Config{})
	statements := func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, "the statement of ", r.Header.Get("X-Account"))
	}

	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "statements.create",
		Scope: func(*http.Request) (idempotency.Scope, error) { return idempotency.SharedScope(), nil }, // wrong
	})

	if err != nil {
		log.Fatal(err)
	}
	post(protect(http.HandlerFunc(statements)), "alice", "k1", "")
	post(protect(http.HandlerFunc(statements)), "mallory", "k1", "")
	// Output:
	// 200 the statement of alice
	// 200 the statement of alice true
}

// One trusted service fills the queue: all of its messages share a scope.
func Example_scopeOfAQueue() {
	guard := newMemoryGuard(idempotency.Config{})
	placeOrder := func(_ context.Context, m events.SQSMessage) error {
		fmt.Println("placing", m.Body)
		return nil
	}

	consume, err := idemlambda.SQS(idemlambda.Config[events.SQSMessage]{
		Guard: guard, Operation: "orders.place",
		Scope: idemlambda.QueueScope,
		Key:   idemlambda.FromBody(func(o Order) (string, error) { return o.ID, nil }),
	}, placeOrder)

	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(consume)
	deliver(`{"ID":"o1"}`, `{"ID":"o2"}`, `{"ID":"o1"}`)
	// Unordered output:
	// placing {"ID":"o1"}
	// placing {"ID":"o2"}
}

// In atomic mode a duplicate plans as well, before it learns that it is one.
func Example_effectOutsideThePlan() {
	cfg, stop := startAWS()
	defer stop()
	mails := 0

	notify := func(ctx context.Context) (Receipt, error) {
		mails++ // wrong: it is not planned, so nothing keeps it from happening twice
		return Receipt{"sent"}, nil
	}

	for range 2 {
		guard, err := newAtomicGuard(cfg) // each time another process
		if err != nil {
			log.Fatal(err)
		}
		_, _, err = idempotency.Do(context.Background(), guard, idempotency.Intent{
			Scope: idempotency.SharedScope(), Operation: "mails.send", Key: "k1", Payload: struct{}{},
		}, notify)
		if err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("mails:", mails)
	// Output:
	// mails: 2
}
