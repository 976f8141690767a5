package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFunctions(t *testing.T) {
	deployments := []struct {
		name                string
		template            template
		stage, demo, window string
		retention, callers  string
		concurrency         map[string]any
		tracing             any
	}{
		{"demo", demo(t), "demo", "true", "24h", "24h", "session",
			map[string]any{"customers": 20.0, "payments": 100.0, "orders": 50.0, "activity": 20.0}, nil},
		{"another stage", alone(t, map[string]any{"windowHours": "48", "retentionDays": "100"}), "production", "false", "48h", "2400h", "token",
			map[string]any{}, map[string]any{"Mode": "Active"}},
	}
	for _, deployment := range deployments {
		for id, command := range map[string]string{"Customers": "customers", "Payments": "payments", "Orders": "orders", "Activity": "activity"} {
			t.Run(deployment.name+"/"+command, func(t *testing.T) {
				tpl := deployment.template
				_, function := tpl.function(t, command)
				records, _ := tpl.one(t, "AWS::DynamoDB::Table", "Idempotency")
				data, _ := tpl.one(t, "AWS::DynamoDB::Table", "Data")
				logs, _ := tpl.one(t, "AWS::Logs::LogGroup", id)

				want := map[string]any{
					"Runtime":       "provided.al2023",
					"Architectures": []any{"arm64"},
					"Timeout":       10.0,
					"MemorySize":    256.0,

					"ReservedConcurrentExecutions": deployment.concurrency[command],
					"TracingConfig":                deployment.tracing,
					"LoggingConfig": map[string]any{
						"LogFormat": "JSON", "LogGroup": map[string]any{"Ref": logs},
						"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO",
					},
					"Environment": map[string]any{"Variables": map[string]any{
						"IDEMPOTENCY_TABLE":  map[string]any{"Ref": records},
						"IDEMPOTENCY_WINDOW": deployment.window,
						"DATA_TABLE":         map[string]any{"Ref": data},
						"DATA_RETENTION":     deployment.retention,
						"STAGE":              deployment.stage,
						"CALLERS":            deployment.callers,
						"DEMO_FAULTS":        deployment.demo,
						"UNPROTECTED":        deployment.demo,
						"RECORD_CALLS":       deployment.demo,
					}},
				}
				for name, value := range want {
					if diff := cmp.Diff(value, function.Properties[name]); diff != "" {
						t.Errorf("%s (-want +got):\n%s", name, diff)
					}
				}
			})
		}
	}
}
