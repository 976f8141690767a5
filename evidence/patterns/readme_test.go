package patterns_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
)

// What the README shows, on one table.
func Example_readme() {
	cfg, stop := startAWS()
	defer stop()
	mux := http.NewServeMux()
	createPayment := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, "paid") })
	callerOf := func(r *http.Request) (idempotency.Scope, error) {
		return idempotency.NewScope(r.Header.Get("X-Account"))
	}

	store, err := dynamostore.New(dynamodb.NewFromConfig(cfg), "idempotency")
	if err != nil {
		log.Fatal(err)
	}
	guard, err := idempotency.New(idempotency.Config{Store: store})
	if err != nil {
		log.Fatal(err)
	}
	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "payments.create",
		Scope:       callerOf, // who is calling: there is no default
		Fingerprint: idemhttp.JSONFingerprint,
	})
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("POST /payments", protect(createPayment))
	post(mux, "alice", "k1", `{"amount":1250}`)
	post(mux, "alice", "k1", `{ "amount": 1250.0 }`)

	placeOrder := func(_ context.Context, m events.SQSMessage) error {
		fmt.Println("placing", m.Body)
		return nil
	}
	consume, err := idemlambda.SQS(idemlambda.Config[events.SQSMessage]{
		Guard: guard, Operation: "orders.place",
		Scope: idemlambda.QueueScope,
		Key:   idemlambda.FromBody(func(o Order) (string, error) { return o.ID, nil }),
	}, placeOrder) // func(context.Context, events.SQSMessage) error
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(consume)
	deliver(`{"ID":"o1"}`, `{"ID":"o1"}`)

	type mail struct{ To string }
	ctx, scope, key := context.Background(), idempotency.SharedScope(), "welcome-alice"
	send := func(_ context.Context, m mail) (Receipt, error) { return Receipt{"sent to " + m.To}, nil }
	for range 2 {
		mail := mail{To: "alice"}
		receipt, outcome, err := idempotency.Do(ctx, guard, idempotency.Intent{
			Scope: scope, Operation: "mails.send", Key: key, Payload: mail,
		}, func(ctx context.Context) (Receipt, error) { return send(ctx, mail) })
		fmt.Println(receipt.Text, outcome.Replayed, err)
	}
	// Output:
	// 200 paid
	// 200 paid true
	// placing {"ID":"o1"}
	// sent to alice false <nil>
	// sent to alice true <nil>
}
