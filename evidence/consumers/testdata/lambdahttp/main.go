package main

import (
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

var charges atomic.Int64

func main() {
	// The scope is the subject of the token that the API's authorizer has verified. In production the store is dynamostore.
	protect := idempotency.Must(idemhttp.New(idemhttp.Config{Store: memstore.New(), Operation: "payments.create", Scope: idemlambda.ClaimScope("sub")}))
	mux := http.NewServeMux()
	mux.Handle("POST /payments/{rebate}", protect(http.HandlerFunc(createPayment)))
	lambda.Start(idemlambda.HTTP(mux))
}

func createPayment(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, "charge %d, %s off", charges.Add(1), r.PathValue("rebate")) // the effect that must happen once
}
