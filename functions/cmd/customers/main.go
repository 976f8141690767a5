// Command customers is the Lambda function of package customers.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/idempotent-requests/idempotent-requests/functions/customers"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/environment"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

func main() {
	env := idempotency.Must(environment.New(context.Background(), os.Getenv))
	lambda.Start(env.Handler(idempotency.Must(customers.New(customers.Config{
		Guard:  idempotency.Must(env.NewGuard(idempotency.Config{})),
		Data:   env.Data,
		Faults: env.Faults,
		Logger: env.Logger,
	}))))
}
