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
		concurrency         any
	}{
		{"demo", demo(t), "demo", "true", "24h", nil},
		{"another stage", with(t, map[string]any{"stage": "production", "windowHours": "48", "reservedConcurrency": "50"}), "production", "false", "48h", 50.0},
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

					"ReservedConcurrentExecutions": deployment.concurrency,
					"LoggingConfig": map[string]any{
						"LogFormat": "JSON", "LogGroup": map[string]any{"Ref": logs},
						"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO",
					},
					"Environment": map[string]any{"Variables": map[string]any{
						"IDEMPOTENCY_TABLE":  map[string]any{"Ref": records},
						"IDEMPOTENCY_WINDOW": deployment.window,
						"DATA_TABLE":         map[string]any{"Ref": data},
						"STAGE":              deployment.stage,
						"DEMO_FAULTS":        deployment.demo,
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
