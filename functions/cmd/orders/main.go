// Command orders is the Lambda function of package orders.
package main

import (
	"context"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/environment"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/fault"
	"github.com/idempotent-requests/idempotent-requests/functions/orders"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

func main() {
	env := idempotency.Must(environment.New(context.Background(), os.Getenv))
	guard := idempotency.Config{Mode: idempotency.Atomic}
	// In atomic mode there is no lease; a window must be longer than one all the same.
	short := idempotency.Config{Mode: idempotency.Atomic, Window: fault.ShortWindow, Lease: time.Second, Skew: -1}
	lambda.Start(env.Handler(idempotency.Must(orders.New(orders.Config{
		Guard:      idempotency.Must(env.NewGuard(guard)),
		ShortGuard: idempotency.Must(env.NewGuard(short)),
		Data:       env.Data,
		Faults:     env.Faults,
		Logger:     env.Logger,
	}))))
}
