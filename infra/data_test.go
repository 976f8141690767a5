package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTags holds that everything that costs money says what it belongs to.
func TestTags(t *testing.T) {
	tpl := demo(t)
	want := map[string]any{"Project": "idempotent-requests", "Stage": "demo"}
	for _, kind := range []string{
		"AWS::ApiGatewayV2::Api", "AWS::CloudFront::Distribution", "AWS::CloudWatch::Alarm", "AWS::DynamoDB::Table",
		"AWS::IAM::Role", "AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::S3::Bucket",
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
		retained bool
	}{
		{"demo", demo(t), "Delete", false},
		{"another stage", with(t, map[string]any{"stage": "production"}), "Retain", true},
		{"demo that keeps its data", with(t, map[string]any{"removalPolicy": "retain"}), "Retain", true},
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
					"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": true},
					"SSESpecification":                 map[string]any{"SSEEnabled": true},
					"DeletionProtectionEnabled":        deployment.retained,
				}
				for name, value := range want {
					if diff := cmp.Diff(value, r.Properties[name]); diff != "" {
						t.Errorf("%s (-want +got):\n%s", name, diff)
					}
				}
				if r.DeletionPolicy != deployment.policy || r.UpdateReplacePolicy != deployment.policy {
					t.Errorf("when deleted %s, when replaced %s; want %s", r.DeletionPolicy, r.UpdateReplacePolicy, deployment.policy)
				}
				if indexes := r.Properties["GlobalSecondaryIndexes"]; indexes != nil {
					t.Errorf("there are indexes, which double what a write costs: %v", indexes)
				}
			})
		}
	}
}
