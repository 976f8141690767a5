// Command function is a Lambda function behind the HTTP API, for the tests of
// the local stack.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func main() {
	lambda.Start(func(ctx context.Context, r events.APIGatewayV2HTTPRequest) (any, error) {
		switch r.Headers["do"] {
		case "crash":
			os.Exit(1)
		case "hang":
			select {}
		case "put":
			return put(ctx, r.Headers["id"])
		}
		answer, err := json.Marshal(map[string]any{
			"handler": os.Getenv("_HANDLER"), "pid": os.Getpid(), "route": r.RouteKey, "path": r.RawPath, "body": r.Body,
			"memory": os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), "table": os.Getenv("IDEMPOTENCY_TABLE"), "logLevel": os.Getenv("AWS_LAMBDA_LOG_LEVEL"),
		})
		return events.APIGatewayV2HTTPResponse{StatusCode: 200, Body: string(answer), Headers: map[string]string{"Content-Type": "application/json"}}, err
	})
}

// put writes an item to the idempotency table, as the SDK is set up by the environment.
func put(ctx context.Context, id string) (any, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	_, err = dynamodb.NewFromConfig(cfg).PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String(os.Getenv("IDEMPOTENCY_TABLE")),
		Item:      map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}},
	})
	return events.APIGatewayV2HTTPResponse{StatusCode: 201}, err
}
