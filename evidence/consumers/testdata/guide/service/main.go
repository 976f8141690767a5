// Command service serves the API of payments.
package main

import (
	"context"
	"log"
	"log/slog"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/golang-jwt/jwt/v5"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemotel"

	"example.com/consumer/payments"
)

func main() {
	cfg := idempotency.Must(config.LoadDefaultConfig(context.Background()))
	store := idempotency.Must(dynamostore.New(dynamodb.NewFromConfig(cfg, dynamostore.Tuned), "idempotency"))
	api := idempotency.Must(payments.New(idempotency.Config{
		Store: store,
		Observer: idempotency.Observers(
			idempotency.NewSlogObserver(slog.Default()),
			idempotency.Must(idemotel.NewObserver(idemotel.Config{})), // of the global providers
		),
	}, &payments.Sandbox{})) // in production: your bank's client

	issuer := idempotency.Must(jwt.ParseEdPublicKeyFromPEM([]byte(os.Getenv("ISSUER_KEY"))))
	authenticate := payments.Authenticate(func(*jwt.Token) (any, error) { return issuer, nil })
	log.Fatal(http.ListenAndServe(os.Getenv("ADDRESS"), authenticate(api)))
}
