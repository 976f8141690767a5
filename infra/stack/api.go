package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/jsii-runtime-go"

	"github.com/idempotent-requests/idempotent-requests/infra/construct"
)

// route is one method and path of the API.
type route struct {
	method awsapigatewayv2.HttpMethod
	path   string
}

// addAPI adds the HTTP API: explicit routes only, so that what no function
// answers is refused before it costs an invocation.
func (s *Stack) addAPI() {
	s.api = awsapigatewayv2.NewHttpApi(s.stack, jsii.String("Api"), &awsapigatewayv2.HttpApiProps{
		ApiName:            awscdk.Aws_STACK_NAME(),
		Description:        jsii.String("Idempotent requests"),
		CreateDefaultStage: jsii.Bool(false), // below, with throttles and logs
		CorsPreflight: &awsapigatewayv2.CorsPreflightOptions{
			AllowOrigins: jsii.Strings(s.settings.CORSOrigins...),
			AllowMethods: &[]awsapigatewayv2.CorsHttpMethod{
				awsapigatewayv2.CorsHttpMethod_GET,
				awsapigatewayv2.CorsHttpMethod_POST,
				awsapigatewayv2.CorsHttpMethod_OPTIONS,
			},
			AllowHeaders:  jsii.Strings("content-type", "idempotency-key", "demo-session", "demo-fault", "if-none-match"),
			ExposeHeaders: jsii.Strings("Idempotent-Replayed", "Idempotency-Expires", "Location", "ETag", "Retry-After"),
			MaxAge:        awscdk.Duration_Days(jsii.Number(1)),
		},
	})

	get, post := awsapigatewayv2.HttpMethod_GET, awsapigatewayv2.HttpMethod_POST
	s.route("Customers", s.customers,
		route{post, "/api/customers"},
		route{get, "/api/customers/{id}"})
	s.route("Payments", s.payments,
		route{post, "/api/payments"},
		route{get, "/api/payments/{id}"},
		route{post, "/api/unprotected/payments"},
		route{get, "/api/unprotected/payments/{id}"})
	s.route("Orders", s.orders,
		route{post, "/api/orders"},
		route{get, "/api/orders/{id}"})
	s.route("Activity", s.activity,
		route{get, "/api/executions"},
		route{get, "/api/calls"},
		route{get, "/api/idempotency-records/{operation}/{key}"})

	stage := awsapigatewayv2.NewHttpStage(s.stack, jsii.String("ApiStage"), &awsapigatewayv2.HttpStageProps{
		HttpApi:    s.api,
		StageName:  jsii.String("$default"),
		AutoDeploy: jsii.Bool(true),
		Throttle: &awsapigatewayv2.ThrottleSettings{
			RateLimit:  jsii.Number(s.settings.ThrottleRate),
			BurstLimit: jsii.Number(s.settings.ThrottleBurst),
		},
	})
	s.logAccess(stage)
	s.output("ApiUrl", "The API without CloudFront in front of it; its paths begin with /api", s.api.ApiEndpoint())
}

// route sends routes to a function. The function may be invoked by these
// routes and by nothing else.
func (s *Stack) route(id string, function *construct.GoFunction, routes ...route) {
	integration := awsapigatewayv2integrations.NewHttpLambdaIntegration(jsii.String(id), function.Function,
		&awsapigatewayv2integrations.HttpLambdaIntegrationProps{
			PayloadFormatVersion: awsapigatewayv2.PayloadFormatVersion_VERSION_2_0(),
		})
	for _, r := range routes {
		s.api.AddRoutes(&awsapigatewayv2.AddRoutesOptions{
			Path:        jsii.String(r.path),
			Methods:     &[]awsapigatewayv2.HttpMethod{r.method},
			Integration: integration,
		})
	}
}
