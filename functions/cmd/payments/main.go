// Command payments is the Lambda function of package payments.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/environment"
	"github.com/idempotent-requests/idempotent-requests/functions/payments"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
)

func main() {
	env := idempotency.Must(environment.New(context.Background(), os.Getenv))
	cfg := payments.Config{
		Guard:     idempotency.Must(env.NewGuard(idempotency.Config{Recovery: idempotency.Reconcile})),
		Data:      env.Data,
		Processor: idempotency.Must(payments.NewLedger(env.Data, nil)),
		Mailer:    idempotency.Must(payments.NewOutbox(env.Data, nil)),
		Faults:    env.Faults,
		Logger:    env.Logger,

		Unprotected: env.Unprotected,
	}
	respond := env.Handler(idempotency.Must(payments.New(cfg)))
	consume := idempotency.Must(newConsumer(cfg))
	lambda.Start(func(ctx context.Context, e event) (any, error) {
		if e.Records != nil {
			return consume(ctx, e.SQSEvent)
		}
		return respond(ctx, e.HTTPEvent)
	})
}

// event is a request to the HTTP API or a batch of a queue's messages: the shape
// tells which.
type event struct {
	idemlambda.HTTPEvent
	events.SQSEvent
}

// newConsumer returns the function's other half: the consumer of a queue of
// commands.
func newConsumer(cfg payments.Config) (func(context.Context, events.SQSEvent) (events.SQSEventResponse, error), error) {
	commands, err := payments.NewCommands(cfg)
	if err != nil {
		return nil, err
	}
	return idemlambda.SQSJSON(idemlambda.Config[payments.Command]{
		Guard: cfg.Guard, Operation: payments.Operation,
		Scope: payments.Command.Scope, Key: payments.Command.Key, Payload: payments.Command.Payload,
		Context:   func(ctx context.Context, c payments.Command) context.Context { return c.Context(ctx) },
		Reconcile: commands.Reconcile,
		Logger:    cfg.Logger,
	}, commands.Pay)
}
