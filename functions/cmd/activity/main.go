// Command activity is the Lambda function of package activity.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/idempotent-requests/idempotent-requests/functions/activity"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/environment"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/lambdahttp"
)

func main() {
	handler, err := newHandler(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "activity:", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

func newHandler(ctx context.Context) (lambdahttp.Handler, error) {
	env, err := environment.New(ctx, os.Getenv)
	if err != nil {
		return nil, err
	}
	handler, err := activity.New(activity.Config{
		Data:    env.Data,
		Records: env.Records,
		Logger:  env.Logger,
	})
	if err != nil {
		return nil, err
	}
	return env.Handler(handler), nil
}
