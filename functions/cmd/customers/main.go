// Command customers is the Lambda function of package customers.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/idempotent-requests/idempotent-requests/functions/customers"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/environment"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/lambdahttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

func main() {
	handler, err := newHandler(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "customers:", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

func newHandler(ctx context.Context) (lambdahttp.Handler, error) {
	env, err := environment.New(ctx, os.Getenv)
	if err != nil {
		return nil, err
	}
	guard, err := env.NewGuard(idempotency.Config{})
	if err != nil {
		return nil, err
	}
	handler, err := customers.New(customers.Config{
		Guard:  guard,
		Data:   env.Data,
		Faults: env.Faults,
		Logger: env.Logger,
	})
	if err != nil {
		return nil, err
	}
	return env.Handler(handler), nil
}
