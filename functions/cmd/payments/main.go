// Command payments is the Lambda function of package payments.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/idempotent-requests/idempotent-requests/functions/idempotency"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/environment"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/lambdahttp"
	"github.com/idempotent-requests/idempotent-requests/functions/payments"
)

func main() {
	handler, err := newHandler(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "payments:", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

func newHandler(ctx context.Context) (lambdahttp.Handler, error) {
	env, err := environment.New(ctx, os.Getenv)
	if err != nil {
		return nil, err
	}
	guard, err := env.NewGuard(idempotency.Config{Recovery: idempotency.Reconcile})
	if err != nil {
		return nil, err
	}
	ledger, err := payments.NewLedger(env.Data, nil)
	if err != nil {
		return nil, err
	}
	handler, err := payments.New(payments.Config{
		Guard:     guard,
		Data:      env.Data,
		Processor: ledger,
		Faults:    env.Faults,
		Logger:    env.Logger,
	})
	if err != nil {
		return nil, err
	}
	return lambdahttp.Adapt(handler), nil
}
