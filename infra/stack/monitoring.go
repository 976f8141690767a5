package stack

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"github.com/idempotent-requests/idempotent-requests/infra/construct"
)

// logGroup adds a log group with the retention that all of them share. The
// functions have theirs from package construct.
func (s *Stack) logGroup(id string) awslogs.LogGroup {
	return construct.NewLogGroup(s.stack, id, construct.DefaultLogRetention, s.settings.Retain)
}

// logAccess makes an API stage log its requests, each as one line of JSON.
func (s *Stack) logAccess(stage awsapigatewayv2.HttpStage) {
	// The stage's own property for it is an interface that a CDK app in Go
	// cannot implement; this is the CloudFormation property below it.
	resource := stage.Node().DefaultChild().(awsapigatewayv2.CfnStage)
	resource.SetAccessLogSettings(&awsapigatewayv2.CfnStage_AccessLogSettingsProperty{
		DestinationArn: s.logGroup("ApiLogs").LogGroupArn(),
		Format:         jsii.String(accessLogFormat()),
	})
}

// accessLogFormat is one line of the access log. It holds the route and not
// the path, because a path can hold an idempotency key, and nothing that tells
// who the caller is.
func accessLogFormat() string {
	line, err := json.Marshal(map[string]string{ // encoded with sorted names
		"requestId":         "$context.requestId",
		"time":              "$context.requestTime",
		"route":             "$context.routeKey",
		"status":            "$context.status",
		"responseBytes":     "$context.responseLength",
		"latencyMs":         "$context.responseLatency",
		"error":             "$context.error.message",
		"functionRequestId": "$context.integration.requestId",
		"functionStatus":    "$context.integration.status",
		"functionLatencyMs": "$context.integration.latency",
		"functionError":     "$context.integration.error",
	})
	if err != nil {
		panic(fmt.Sprintf("encode access log format: %v", err)) // strings always encode
	}
	return string(line)
}
