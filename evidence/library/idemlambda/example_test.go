package idemlambda_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// An ordinary http.Handler becomes a Lambda function. The caller is the subject of
// the token that the API's JWT authorizer has verified.
func ExampleHTTP() {
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		log.Fatal(err)
	}
	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "payments.create",
		Scope:    idemlambda.ClaimScope("sub"),
		Instance: idemlambda.RequestID, // by which a problem is found in the logs
	})
	if err != nil {
		log.Fatal(err)
	}
	payments := 0
	mux := http.NewServeMux()
	mux.Handle("POST /payments", protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		payments++
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, "payment %d", payments)
	})))
	respond := idemlambda.HTTP(mux)

	// In a function: lambda.Start(respond)
	var event idemlambda.HTTPEvent
	err = json.Unmarshal([]byte(`{"version":"2.0","rawPath":"/payments","headers":{"idempotency-key":"k1"},"body":"{}",
		"requestContext":{"http":{"method":"POST"},"authorizer":{"jwt":{"claims":{"sub":"alice"}}}}}`), &event)
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		response, err := respond(context.Background(), event)
		fmt.Println(response.StatusCode, response.Body, response.Headers["Idempotent-Replayed"], err)
	}
	// Output:
	// 201 payment 1  <nil>
	// 201 payment 1 true <nil>
}
