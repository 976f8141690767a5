package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/infra/stack"
)

// TestTags holds that everything that costs money says what it belongs to.
func TestTags(t *testing.T) {
	tpl := demo(t)
	want := map[string]any{"Project": "idempotent-requests", "Stage": "demo"}
	for _, kind := range []string{
		"AWS::ApiGatewayV2::Api", "AWS::CloudFront::Distribution", "AWS::CloudWatch::Alarm", "AWS::DynamoDB::Table",
		"AWS::IAM::Role", "AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::SQS::Queue",
	} {
		for id, r := range tpl.all(kind) {
			if strings.HasPrefix(id, "CustomS3AutoDeleteObjects") {
				continue // CDK's own, which takes no tags
			}
			got, ok := r.Properties["Tags"].(map[string]any)
			if !ok {
				got = map[string]any{}
				for _, tag := range list(r.Properties["Tags"]) {
					got[fmt.Sprint(at(t, tag, "Key"))] = at(t, tag, "Value")
				}
			}
			for name, value := range want {
				if got[name] != value {
					t.Errorf("%s is tagged %v, want %v", id, got, want)
				}
			}
		}
	}
}

func TestTables(t *testing.T) {
	tables := []struct{ prefix, partitionKey, sortKey string }{
		{"Idempotency", "id", ""},
		{"Data", "pk", "sk"},
	}
	deployments := []struct {
		name     string
		template template
		policy   string
		retained bool // protected and backed up as well
		limited  any
	}{
		{"demo", demo(t), "Delete", false, map[string]any{"MaxReadRequestUnits": 500.0, "MaxWriteRequestUnits": 500.0}},
		{"another stage", alone(t, nil), "RetainExceptOnCreate", true, nil},
		{"demo that keeps its data", with(t, map[string]any{"removalPolicy": "retain", "backups": "true", "maxUnits": "none"}), "RetainExceptOnCreate", true, nil},
	}
	for _, deployment := range deployments {
		for _, table := range tables {
			t.Run(deployment.name+"/"+table.prefix, func(t *testing.T) {
				_, r := deployment.template.one(t, "AWS::DynamoDB::Table", table.prefix)

				keys := []any{map[string]any{"AttributeName": table.partitionKey, "KeyType": "HASH"}}
				if table.sortKey != "" {
					keys = append(keys, map[string]any{"AttributeName": table.sortKey, "KeyType": "RANGE"})
				}
				want := map[string]any{
					"KeySchema":                        keys,
					"BillingMode":                      "PAY_PER_REQUEST",
					"TimeToLiveSpecification":          map[string]any{"AttributeName": "expiration", "Enabled": true},
					"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": deployment.retained},
					"OnDemandThroughput":               deployment.limited,
					"SSESpecification":                 map[string]any{"SSEEnabled": true},
					"DeletionProtectionEnabled":        deployment.retained,
				}
				for name, value := range want {
					if diff := cmp.Diff(value, r.Properties[name]); diff != "" {
						t.Errorf("%s (-want +got):\n%s", name, diff)
					}
				}
				if r.DeletionPolicy != deployment.policy || r.UpdateReplacePolicy != strings.TrimSuffix(deployment.policy, "ExceptOnCreate") {
					t.Errorf("when deleted %s, when replaced %s; want %s", r.DeletionPolicy, r.UpdateReplacePolicy, deployment.policy)
				}
				if indexes := r.Properties["GlobalSecondaryIndexes"]; indexes != nil {
					t.Errorf("there are indexes, which double what a write costs: %v", indexes)
				}
			})
		}
	}
}

// TestFirstDeploymentCanBeRepeated holds that nothing which a first deployment
// makes outlives its failure, in any stage: whatever is kept is kept except on
// creation, and nothing refuses to be deleted.
func TestFirstDeploymentCanBeRepeated(t *testing.T) {
	for name, tpl := range map[string]template{
		"demo":       demo(t),
		"production": alone(t, map[string]any{"protection": "false"}),
	} {
		for id, r := range tpl.Resources {
			if r.DeletionPolicy == "Retain" {
				t.Errorf("%s: %s stays behind when its creation is rolled back", name, id)
			}
			if r.Properties["DeletionProtectionEnabled"] == true {
				t.Errorf("%s: %s cannot be deleted when its creation is rolled back", name, id)
			}
		}
	}
	kept := 0
	for _, r := range alone(t, nil).Resources {
		if r.DeletionPolicy == "RetainExceptOnCreate" {
			kept++
		}
	}
	if kept < 10 { // tables, queues, buckets, logs
		t.Errorf("production keeps %d resources", kept)
	}
}

// TestTerminationProtection holds that only a stage that is protected refuses to
// be deleted.
func TestTerminationProtection(t *testing.T) {
	for name, test := range map[string]struct {
		values map[string]any
		want   bool
	}{
		"demo":       {nil, false},
		"production": {production, true},
	} {
		context, err := cliContext(test.values)
		if err != nil {
			t.Fatal(err)
		}
		app, err := newApp(appProps{artefacts: stubs, outdir: t.TempDir(), context: context})
		if err != nil {
			t.Fatal(err)
		}
		assembly := app.Synth(nil)
		if got := assembly.GetStackArtifact(jsii.String(stack.ID)).TerminationProtection(); (got != nil && *got) != test.want {
			t.Errorf("%s: termination protection is %v, want %v", name, got, test.want)
		}
	}
}

// TestBudget holds that whoever wants to be told of costs is.
func TestBudget(t *testing.T) {
	if found := demo(t).all("AWS::Budgets::Budget"); len(found) != 0 {
		t.Errorf("nobody is to be told, and there is %v", found)
	}
	_, budget := with(t, map[string]any{"budgetEmail": "ada@example.com", "budgetUsd": "20"}).one(t, "AWS::Budgets::Budget", "Budget")
	if limit := at(t, budget.Properties, "Budget", "BudgetLimit"); !cmp.Equal(limit, any(map[string]any{"Amount": 20.0, "Unit": "USD"})) {
		t.Errorf("the limit is %v", limit)
	}
	var told []string
	for _, n := range list(budget.Properties["NotificationsWithSubscribers"]) {
		told = append(told, fmt.Sprintf("%v > %v %%: %v", at(t, n, "Notification", "NotificationType"), at(t, n, "Notification", "Threshold"), at(t, n, "Subscribers", 0, "Address")))
	}
	if diff := cmp.Diff([]string{"ACTUAL > 80 %: ada@example.com", "FORECASTED > 100 %: ada@example.com"}, told); diff != "" {
		t.Errorf("who is told of what (-want +got):\n%s", diff)
	}
}
