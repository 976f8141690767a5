// Command payments is the Lambda function of package payments.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/environment"
	"github.com/idempotent-requests/idempotent-requests/functions/payments"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
)

func main() {
	handler, err := newHandler(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "payments:", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

// event is a request to the HTTP API or a batch of a queue's messages: the shape
// tells which.
type event struct {
	events.APIGatewayV2HTTPRequest
	events.SQSEvent
}

func newHandler(ctx context.Context) (func(context.Context, event) (any, error), error) {
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
	cfg := payments.Config{
		Guard:     guard,
		Data:      env.Data,
		Processor: ledger,
		Faults:    env.Faults,
		Logger:    env.Logger,

		Unprotected: env.Unprotected,
	}
	handler, err := payments.New(cfg)
	if err != nil {
		return nil, err
	}
	consume, err := newConsumer(cfg)
	if err != nil {
		return nil, err
	}
	respond := env.Handler(handler)
	return func(ctx context.Context, e event) (any, error) {
		if e.Records != nil {
			return consume(ctx, e.SQSEvent)
		}
		return respond(ctx, e.APIGatewayV2HTTPRequest)
	}, nil
}

// newConsumer returns the function's other half: the consumer of a queue of
// commands.
func newConsumer(cfg payments.Config) (func(context.Context, events.SQSEvent) (events.SQSEventResponse, error), error) {
	commands, err := payments.NewCommands(cfg)
	if err != nil {
		return nil, err
	}
	command := idemlambda.FromBody(func(c payments.Command) (payments.Command, error) { return c, nil })
	return idemlambda.SQS(idemlambda.Config[events.SQSMessage]{
		Guard: cfg.Guard, Operation: payments.Operation,
		Scope:   idemlambda.FromBody(payments.Command.Scope),
		Key:     idemlambda.FromBody(payments.Command.Key),
		Payload: idemlambda.FromBody(payments.Command.Payload),
		Context: func(ctx context.Context, m events.SQSMessage) context.Context {
			c, err := command(m)
			if err != nil {
				return ctx
			}
			return c.Context(ctx)
		},
		Reconcile: func(ctx context.Context, m events.SQSMessage) (idempotency.Reconciliation, error) {
			c, err := command(m)
			if err != nil {
				return idempotency.Reconciliation{}, err
			}
			return commands.Reconcile(ctx, c)
		},
		Logger: cfg.Logger,
	}, func(ctx context.Context, m events.SQSMessage) error {
		c, err := command(m)
		if err != nil {
			return err
		}
		return commands.Pay(ctx, c)
	})
}
