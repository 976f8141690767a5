package patterns_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemclient"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
)

func newGuard(cfg aws.Config) (*idempotency.Guard, error) {
	store, err := dynamostore.New(dynamodb.NewFromConfig(cfg), os.Getenv("IDEMPOTENCY_TABLE"))
	if err != nil {
		return nil, err
	}
	return idempotency.New(idempotency.Config{Store: store})
}

func Example_consumer() {
	cfg, stop := startAWS()
	defer stop()
	placeOrder := func(_ context.Context, o Order) error {
		fmt.Println("placing", o.Article, "for", o.Customer)
		return nil
	}
	guard, err := newGuard(cfg)
	if err != nil {
		log.Fatal(err)
	}

	consume, err := idemlambda.SQSJSON(idemlambda.Config[Order]{
		Guard: guard, Operation: "orders.place",
		Scope: func(o Order) (idempotency.Scope, error) { return idempotency.NewScope(o.Customer) },
		Key:   func(o Order) (string, error) { return o.ID, nil },
	}, placeOrder)
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(consume)

	deliver(`{"ID":"o1","Customer":"alice","Article":"tea"}`, `{"ID":"o2","Customer":"alice","Article":"milk"}`)
	deliver(`{"ID":"o2","Customer":"alice","Article":"milk"}`, `{"ID":"o1","Customer":"bob","Article":"tea"}`)
	// Unordered output:
	// placing tea for alice
	// placing milk for alice
	// placing tea for bob
}

func Example_handler() {
	cfg, stop := startAWS()
	defer stop()
	mux := http.NewServeMux()
	payments := 0
	createPayment := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		payments++
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprint(w, "payment ", payments)
	})
	callerOf := func(r *http.Request) (idempotency.Scope, error) {
		return idempotency.NewScope(r.Header.Get("X-Account"))
	}
	guard, err := newGuard(cfg)
	if err != nil {
		log.Fatal(err)
	}

	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "payments.create",
		Scope: callerOf,
	})
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("POST /payments", protect(createPayment))

	post(mux, "alice", "k1", `{"amount":1250}`)
	post(mux, "alice", "k1", `{"amount":1250}`)
	post(mux, "alice", "k1", `{"amount":900}`)
	post(mux, "bob", "k1", `{"amount":1250}`)
	// Output:
	// 201 payment 1
	// 201 payment 1 true
	// 422
	// 201 payment 2
}

func Example_client() {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests == 1 {
			panic(http.ErrAbortHandler) // the connection is lost
		}
		w.Header().Set("Idempotent-Replayed", "true")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "payment 1")
	}))
	defer server.Close()
	body, url := strings.NewReader(`{"amount":1250}`), server.URL

	transport, err := idemclient.New(idemclient.Config{})
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: transport}
	answer, err := client.Post(url, "application/json", body)

	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(answer.Body)
	fmt.Printf("%d %s, replayed: %v, requests: %d\n", answer.StatusCode, text, idemclient.Replayed(answer), requests)
	// Output:
	// 201 payment 1, replayed: true, requests: 2
}
