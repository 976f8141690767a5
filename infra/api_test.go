package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// routes is the whole API of the demo: each route and the command that answers
// it.
var routes = withHead(map[string]string{
	"POST /api/customers":                            "customers",
	"GET /api/customers/{id}":                        "customers",
	"POST /api/payments":                             "payments",
	"GET /api/payments/{id}":                         "payments",
	"POST /api/unprotected/payments":                 "payments",
	"GET /api/unprotected/payments/{id}":             "payments",
	"POST /api/orders":                               "orders",
	"GET /api/orders/{id}":                           "orders",
	"GET /api/executions":                            "activity",
	"GET /api/calls":                                 "activity",
	"GET /api/idempotency-records/{operation}/{key}": "activity",
})

// withHead adds HEAD to each route of GET.
func withHead(routes map[string]string) map[string]string {
	all := maps.Clone(routes)
	for key, command := range routes {
		if path, ok := strings.CutPrefix(key, "GET "); ok {
			all["HEAD "+path] = command
		}
	}
	return all
}

func TestRoutes(t *testing.T) {
	protected := maps.Clone(routes)
	maps.DeleteFunc(protected, func(key, _ string) bool { return strings.Contains(key, "unprotected") })
	for name, test := range map[string]struct {
		template template
		want     map[string]string
	}{
		"demo":       {demo(t), routes},
		"production": {alone(t, nil), protected},
	} {
		t.Run(name, func(t *testing.T) { expectRoutes(t, test.template, test.want) })
	}
}

func expectRoutes(t *testing.T, tpl template, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for _, route := range tpl.all("AWS::ApiGatewayV2::Route") {
		target := strings.TrimPrefix(render(route.Properties["Target"]), "integrations/")
		integration := tpl.Resources[strings.Trim(target, "${}")]
		if version := integration.Properties["PayloadFormatVersion"]; version != "2.0" {
			t.Errorf("%v has payload format %v", route.Properties["RouteKey"], version)
		}
		function := fmt.Sprint(at(t, integration.Properties, "IntegrationUri", "Fn::GetAtt", 0))
		got[fmt.Sprint(route.Properties["RouteKey"])] = fmt.Sprint(tpl.Resources[function].Properties["Handler"])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes and who answers them (-want +got):\n%s", diff)
	}
}

func TestCORS(t *testing.T) {
	for _, test := range []struct {
		name    string
		context map[string]any
		origins []any
		headers []any // beside those of every stage
	}{
		{"demo", nil, []any{"*"}, []any{"demo-session", "demo-fault"}},
		{"chosen origins", map[string]any{"corsOrigins": "https://a.example,https://b.example:8443"}, []any{"https://a.example", "https://b.example:8443"}, []any{"demo-session", "demo-fault"}},
		{"production", production, []any{"https://shop.example.com"}, []any{"authorization"}},
		{"public production", map[string]any{"stage": "production", "acceptPublic": "true", "corsOrigins": "*"}, []any{"*"}, []any{"demo-session"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, api := with(t, test.context).one(t, "AWS::ApiGatewayV2::Api", "Api")
			want := map[string]any{
				"AllowOrigins":  test.origins,
				"AllowMethods":  []any{"GET", "HEAD", "POST", "OPTIONS"},
				"AllowHeaders":  append([]any{"content-type", "idempotency-key", "if-none-match"}, test.headers...),
				"ExposeHeaders": []any{"Idempotent-Replayed", "Idempotency-Expires", "Location", "ETag", "Retry-After"},
				"MaxAge":        86400.0,
			}
			if diff := cmp.Diff(any(want), api.Properties["CorsConfiguration"]); diff != "" {
				t.Errorf("CORS (-want +got):\n%s", diff)
			}
		})
	}
}

func TestThrottles(t *testing.T) {
	for _, test := range []struct {
		name        string
		context     map[string]any
		rate, burst float64
	}{
		{"demo", nil, 0.01, 10}, // of routes without a throttle of their own, of which there are none
		{"chosen", map[string]any{"throttleRate": "7", "throttleBurst": 9.0}, 7, 9},
		{"production", production, 100, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, stage := with(t, test.context).one(t, "AWS::ApiGatewayV2::Stage", "ApiStage")
			want := map[string]any{"ThrottlingRateLimit": test.rate, "ThrottlingBurstLimit": test.burst}
			if diff := cmp.Diff(any(want), stage.Properties["DefaultRouteSettings"]); diff != "" {
				t.Errorf("throttles (-want +got):\n%s", diff)
			}
			if stage.Properties["StageName"] != "$default" || stage.Properties["AutoDeploy"] != true {
				t.Errorf("stage %v, deployed by itself: %v", stage.Properties["StageName"], stage.Properties["AutoDeploy"])
			}
		})
	}
}

// TestDemosRoutesAreThrottled holds that every route of the demo has a throttle of
// its own, that takes a burst of fifty and costs little, and that the stage is
// updated after the routes that it names are there.
func TestDemosRoutesAreThrottled(t *testing.T) {
	tpl := demo(t)
	_, stage := tpl.one(t, "AWS::ApiGatewayV2::Stage", "ApiStage")
	limits, _ := stage.Properties["RouteSettings"].(map[string]any)
	if len(limits) != len(routes) {
		t.Errorf("%d routes have a throttle, want all %d", len(limits), len(routes))
	}
	for key := range routes {
		rate, _ := at(t, limits, key, "ThrottlingRateLimit").(float64)
		burst, _ := at(t, limits, key, "ThrottlingBurstLimit").(float64)
		if rate <= 0 || rate > 0.5 || burst < 10 || strings.HasSuffix(key, "/payments") && burst < 2*50 {
			t.Errorf("%s: %v a second in the long run, %v at once", key, rate, burst)
		}
	}
	for id := range tpl.all("AWS::ApiGatewayV2::Route") {
		if !slices.Contains(stage.DependsOn, id) {
			t.Errorf("the stage does not wait for %s, whose throttle it sets", id)
		}
	}
}

// TestAuthorizer holds that production knows its callers: every route wants a
// token, and the functions are told to go by it.
func TestAuthorizer(t *testing.T) {
	tpl := alone(t, map[string]any{"jwtAudience": "payments,backoffice"})
	id, authorizer := tpl.one(t, "AWS::ApiGatewayV2::Authorizer", "")
	want := map[string]any{"Audience": []any{"payments", "backoffice"}, "Issuer": "https://issuer.example.com"}
	if diff := cmp.Diff(any(want), authorizer.Properties["JwtConfiguration"]); diff != "" || authorizer.Properties["AuthorizerType"] != "JWT" {
		t.Errorf("authorizer of type %v (-want +got):\n%s", authorizer.Properties["AuthorizerType"], diff)
	}
	for routeID, route := range tpl.all("AWS::ApiGatewayV2::Route") {
		if route.Properties["AuthorizationType"] != "JWT" || render(route.Properties["AuthorizerId"]) != "${"+id+"}" {
			t.Errorf("%s wants no token: %v", routeID, route.Properties)
		}
	}
	for _, open := range []template{demo(t), with(t, map[string]any{"stage": "production", "acceptPublic": "true"})} {
		if found := open.all("AWS::ApiGatewayV2::Authorizer"); len(found) != 0 {
			t.Errorf("an API for everybody has the authorizers %v", found)
		}
	}
}

// TestAccessLog holds that production logs requests as JSON that tells nothing of
// who called nor, by its path, with which idempotency key, and that the demo logs
// none: strangers whose requests are throttled could fill it.
func TestAccessLog(t *testing.T) {
	if _, stage := demo(t).one(t, "AWS::ApiGatewayV2::Stage", "ApiStage"); stage.Properties["AccessLogSettings"] != nil {
		t.Error("the demo has an access log")
	}
	tpl := alone(t, nil)
	logs, _ := tpl.one(t, "AWS::Logs::LogGroup", "ApiLogs")
	_, stage := tpl.one(t, "AWS::ApiGatewayV2::Stage", "ApiStage")
	if got, want := render(at(t, stage.Properties, "AccessLogSettings", "DestinationArn")), "${"+logs+".Arn}"; got != want {
		t.Errorf("access log goes to %s, want %s", got, want)
	}
	var line map[string]string
	format := fmt.Sprint(at(t, stage.Properties, "AccessLogSettings", "Format"))
	if err := json.Unmarshal([]byte(format), &line); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	logged := slices.Collect(maps.Values(line))
	for _, needed := range []string{"$context.requestId", "$context.routeKey", "$context.status", "$context.responseLatency"} {
		if !slices.Contains(logged, needed) {
			t.Errorf("%s is not logged", needed)
		}
	}
	for _, private := range []string{"$context.path", "$context.identity.sourceIp", "$context.identity.userAgent"} {
		if slices.Contains(logged, private) {
			t.Errorf("%s is logged", private)
		}
	}
	// API Gateway puts values in as they are.
	for _, text := range []string{"$context.error.message", "$context.integration.error", "$context.integrationErrorMessage"} {
		if slices.Contains(logged, text) {
			t.Errorf("%s is logged, which can have a quotation mark and break the line", text)
		}
	}
}

func TestLogRetention(t *testing.T) {
	tpl := demo(t)
	for id, logs := range tpl.all("AWS::Logs::LogGroup") {
		if logs.Properties["RetentionInDays"] != 30.0 {
			t.Errorf("%s keeps its lines for %v days", id, logs.Properties["RetentionInDays"])
		}
	}
	for id, function := range tpl.all("AWS::Lambda::Function") {
		if strings.HasPrefix(id, "CustomS3AutoDeleteObjects") {
			continue // runs once, when the demo is destroyed; CDK gives it no log group
		}
		logs := strings.Trim(render(at(t, function.Properties, "LoggingConfig", "LogGroup")), "${}")
		if tpl.Resources[logs].Type != "AWS::Logs::LogGroup" {
			t.Errorf("%s logs to %q, which the stack does not have", id, logs)
		}
	}
}
