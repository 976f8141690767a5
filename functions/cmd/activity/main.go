// Command activity is the Lambda function of package activity.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/idempotent-requests/idempotent-requests/functions/activity"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/environment"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

func main() {
	env := idempotency.Must(environment.New(context.Background(), os.Getenv))
	lambda.Start(env.Handler(idempotency.Must(activity.New(activity.Config{
		Data:    env.Data,
		Records: env.Records,
		Logger:  env.Logger,
	}))))
}
