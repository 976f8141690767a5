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

// routes is the whole API: each route and the command that answers it.
var routes = map[string]string{
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
}

func TestRoutes(t *testing.T) {
	tpl := demo(t)
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
	if diff := cmp.Diff(routes, got); diff != "" {
		t.Errorf("routes and who answers them (-want +got):\n%s", diff)
	}
}

func TestCORS(t *testing.T) {
	for _, test := range []struct {
		name    string
		context map[string]any
		origins []any
	}{
		{"demo", nil, []any{"*"}},
		{"chosen origins", map[string]any{"corsOrigins": "https://a.example,https://b.example:8443"}, []any{"https://a.example", "https://b.example:8443"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, api := with(t, test.context).one(t, "AWS::ApiGatewayV2::Api", "Api")
			want := map[string]any{
				"AllowOrigins":  test.origins,
				"AllowMethods":  []any{"GET", "POST", "OPTIONS"},
				"AllowHeaders":  []any{"content-type", "idempotency-key", "demo-session", "demo-fault", "if-none-match"},
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
		{"demo", nil, 100, 200},
		{"chosen", map[string]any{"throttleRate": "7", "throttleBurst": 9}, 7, 9},
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

// TestAccessLog holds that requests are logged as JSON that tells nothing of
// who called nor, by its path, with which idempotency key.
func TestAccessLog(t *testing.T) {
	tpl := demo(t)
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
