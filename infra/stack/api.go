package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2authorizers"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/jsii-runtime-go"

	"github.com/idempotent-requests/idempotent-requests/infra/construct"
)

// route is one path of the API and how one of its methods is reached.
type route struct {
	method awsapigatewayv2.HttpMethod
	path   string
	// rate and burst are the demo's throttle: requests a second in the long run,
	// and at once.
	rate  float64
	burst int
}

// The throttles of the demo's routes. A burst is what a few visitors who play
// with bursts of fifty ask for at once; the rate, by which it fills up again, is
// what a month costs. docs/costs.md adds them up.
const (
	pressedRate, pressedBurst = 0.5, 200 // payments, with protection and without
	usualRate, usualBurst     = 0.2, 100 // other writes, and the evidence
	rareRate, rareBurst       = 0.05, 50 // single resources and records
	headRate, headBurst       = 0.01, 10
)

// paymentRoutes, and those below, are the routes of each function.
func paymentRoutes() []route {
	return append(
		[]route{{awsapigatewayv2.HttpMethod_POST, "/api/payments", pressedRate, pressedBurst}},
		read("/api/payments/{id}", rareRate, rareBurst)...)
}

func unprotectedRoutes() []route {
	return append(
		[]route{{awsapigatewayv2.HttpMethod_POST, "/api/unprotected/payments", pressedRate, pressedBurst}},
		read("/api/unprotected/payments/{id}", rareRate, rareBurst)...)
}

func customerRoutes() []route {
	return append(
		[]route{{awsapigatewayv2.HttpMethod_POST, "/api/customers", usualRate, usualBurst}},
		read("/api/customers/{id}", rareRate, rareBurst)...)
}

func orderRoutes() []route {
	return append(
		[]route{{awsapigatewayv2.HttpMethod_POST, "/api/orders", usualRate, usualBurst}},
		read("/api/orders/{id}", rareRate, rareBurst)...)
}

func activityRoutes() []route {
	routes := read("/api/executions", usualRate, pressedBurst)
	routes = append(routes, read("/api/calls", usualRate, pressedBurst)...)
	return append(routes, read("/api/idempotency-records/{operation}/{key}", usualRate, usualBurst)...)
}

// read returns the routes by which something is read. HEAD is a route of its
// own: an HTTP API does not take GET to mean it.
func read(path string, rate float64, burst int) []route {
	return []route{
		{awsapigatewayv2.HttpMethod_GET, path, rate, burst},
		{awsapigatewayv2.HttpMethod_HEAD, path, headRate, headBurst},
	}
}

// addAPI adds the HTTP API: explicit routes only, so that what no function
// answers is refused before it costs an invocation.
func (s *Stack) addAPI() {
	s.api = awsapigatewayv2.NewHttpApi(s.stack, jsii.String("Api"), &awsapigatewayv2.HttpApiProps{
		ApiName:            awscdk.Aws_STACK_NAME(),
		Description:        jsii.String("Idempotent requests"),
		CreateDefaultStage: jsii.Bool(false), // below, with throttles and logs
		CorsPreflight:      s.cors(),
	})
	if s.settings.Authenticated() {
		s.callers = awsapigatewayv2authorizers.NewHttpJwtAuthorizer(jsii.String("Callers"), jsii.String(s.settings.JWTIssuer),
			&awsapigatewayv2authorizers.HttpJwtAuthorizerProps{JwtAudience: jsii.Strings(s.settings.JWTAudience...)})
	}
	s.route("Customers", s.customers, customerRoutes())
	s.route("Payments", s.payments, paymentRoutes())
	if s.settings.IsDemo() {
		s.route("UnprotectedPayments", s.payments, unprotectedRoutes())
	}
	s.route("Orders", s.orders, orderRoutes())
	s.route("Activity", s.activity, activityRoutes())
	s.addAPIStage()
	s.output("ApiUrl", "The API without CloudFront in front of it; its paths begin with /api", s.api.ApiEndpoint())
}

// cors returns what pages of other origins may do, or nil if none may call.
func (s *Stack) cors() *awsapigatewayv2.CorsPreflightOptions {
	if len(s.settings.CORSOrigins) == 0 {
		return nil
	}
	headers := []string{"content-type", "idempotency-key", "if-none-match"}
	if s.settings.Authenticated() {
		headers = append(headers, "authorization")
	} else {
		headers = append(headers, "demo-session")
	}
	if s.settings.DemoFaults {
		headers = append(headers, "demo-fault")
	}
	return &awsapigatewayv2.CorsPreflightOptions{
		AllowOrigins: jsii.Strings(s.settings.CORSOrigins...),
		AllowMethods: &[]awsapigatewayv2.CorsHttpMethod{
			awsapigatewayv2.CorsHttpMethod_GET,
			awsapigatewayv2.CorsHttpMethod_HEAD,
			awsapigatewayv2.CorsHttpMethod_POST,
			awsapigatewayv2.CorsHttpMethod_OPTIONS,
		},
		AllowHeaders:  jsii.Strings(headers...),
		ExposeHeaders: jsii.Strings("Idempotent-Replayed", "Idempotency-Expires", "Location", "ETag", "Retry-After"),
		MaxAge:        awscdk.Duration_Days(jsii.Number(1)),
	}
}

// addAPIStage adds the stage that serves the routes. Throttles are counted for
// each route, and are targets: API Gateway may admit a little more.
func (s *Stack) addAPIStage() {
	props := &awsapigatewayv2.HttpStageProps{
		HttpApi:    s.api,
		StageName:  jsii.String("$default"),
		AutoDeploy: jsii.Bool(true),
	}
	if s.settings.ThrottleRate > 0 {
		props.Throttle = &awsapigatewayv2.ThrottleSettings{
			RateLimit:  jsii.Number(s.settings.ThrottleRate),
			BurstLimit: jsii.Number(s.settings.ThrottleBurst),
		}
	} else {
		// For a route that somebody adds and forgets to throttle.
		props.Throttle = &awsapigatewayv2.ThrottleSettings{RateLimit: jsii.Number(headRate), BurstLimit: jsii.Number(headBurst)}
	}
	stage := awsapigatewayv2.NewHttpStage(s.stack, jsii.String("ApiStage"), props)
	if s.settings.ThrottleRate == 0 {
		limits := make(map[string]any, len(s.routes))
		for _, r := range s.routes {
			limits[string(r.method)+" "+r.path] = map[string]any{"ThrottlingRateLimit": r.rate, "ThrottlingBurstLimit": r.burst}
		}
		stage.Node().DefaultChild().(awsapigatewayv2.CfnStage).SetRouteSettings(limits)
		// Settings of a route that is not there yet are an error, and CloudFormation
		// does not see that they belong together.
		for _, added := range s.addedRoutes {
			stage.Node().AddDependency(added)
		}
	}
	if s.settings.AccessLogs {
		s.logAccess(stage)
	}
}

// route sends routes to a function. The function may be invoked by these
// routes and by nothing else.
func (s *Stack) route(id string, function *construct.GoFunction, routes []route) {
	integration := awsapigatewayv2integrations.NewHttpLambdaIntegration(jsii.String(id), function.Function,
		&awsapigatewayv2integrations.HttpLambdaIntegrationProps{
			PayloadFormatVersion: awsapigatewayv2.PayloadFormatVersion_VERSION_2_0(),
		})
	for _, r := range routes {
		options := &awsapigatewayv2.AddRoutesOptions{
			Path:        jsii.String(r.path),
			Methods:     &[]awsapigatewayv2.HttpMethod{r.method},
			Integration: integration,
		}
		if s.callers != nil {
			options.Authorizer = s.callers
		}
		s.addedRoutes = append(s.addedRoutes, *s.api.AddRoutes(options)...)
	}
	s.routes = append(s.routes, routes...)
}
