// Command orders is the Lambda function of package orders.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/environment"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/fault"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/lambdahttp"
	"github.com/idempotent-requests/idempotent-requests/functions/orders"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

func main() {
	handler, err := newHandler(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "orders:", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

func newHandler(ctx context.Context) (lambdahttp.Handler, error) {
	env, err := environment.New(ctx, os.Getenv)
	if err != nil {
		return nil, err
	}
	guard, err := env.NewGuard(idempotency.Config{Mode: idempotency.Atomic})
	if err != nil {
		return nil, err
	}
	// In atomic mode there is no lease; a window must be longer than one all the same.
	short, err := env.NewGuard(idempotency.Config{Mode: idempotency.Atomic, Window: fault.ShortWindow, Lease: time.Second, Skew: -1})
	if err != nil {
		return nil, err
	}
	handler, err := orders.New(orders.Config{
		Guard:      guard,
		ShortGuard: short,
		Data:       env.Data,
		Faults:     env.Faults,
		Logger:     env.Logger,
	})
	if err != nil {
		return nil, err
	}
	return env.Handler(handler), nil
}
