package localstack_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/local/localstack"
)

// mutated writes the golden template with a change and gives its path.
func mutated(t *testing.T, change func(resources map[string]any)) string {
	t.Helper()
	data, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	change(doc["Resources"].(map[string]any))
	if data, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "template.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// property gives what is at a path in the first resource of a type, by logical
// id.
func property(resources map[string]any, resourceType string, path ...any) any {
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		r := resources[id].(map[string]any)
		if r["Type"] != resourceType {
			continue
		}
		var v any = r
		for _, step := range path {
			switch step := step.(type) {
			case string:
				v = v.(map[string]any)[step]
			case int:
				v = v.([]any)[step]
			}
		}
		return v
	}
	panic("the golden template has no " + resourceType)
}

// set changes one property of the first resource of a type.
func set(resourceType, name string, value any, path ...any) func(map[string]any) {
	return func(resources map[string]any) {
		at := property(resources, resourceType, append([]any{"Properties"}, path...)...)
		at.(map[string]any)[name] = value
	}
}

func TestWhatIsNotUnderstoodIsNotDeployed(t *testing.T) {
	t.Parallel()
	const (
		table        = "AWS::DynamoDB::Table"
		function     = "AWS::Lambda::Function"
		api          = "AWS::ApiGatewayV2::Api"
		integration  = "AWS::ApiGatewayV2::Integration"
		route        = "AWS::ApiGatewayV2::Route"
		stage        = "AWS::ApiGatewayV2::Stage"
		deployment   = "Custom::CDKBucketDeployment"
		distribution = "AWS::CloudFront::Distribution"
		edge         = "AWS::CloudFront::Function"
		headers      = "AWS::CloudFront::ResponseHeadersPolicy"
		queue        = "AWS::SQS::Queue"
		eventSource  = "AWS::Lambda::EventSourceMapping"
	)
	object := map[string]any{}
	for want, change := range map[string]func(map[string]any){
		"resource Topic: the type AWS::SNS::Topic is not one that the local stack knows": func(r map[string]any) { r["Topic"] = map[string]any{"Type": "AWS::SNS::Topic"} },
		"the property FifoQueue is not understood":                                       set(queue, "FifoQueue", true),
		"the dead-letter queue of local-PaymentQueue":                                    set(queue, "RedrivePolicy", map[string]any{"deadLetterTargetArn": "x", "maxReceiveCount": 1}),
		`the response type "x" is not understood`:                                        set(eventSource, "FunctionResponseTypes", []any{"x"}),
		"a batch of 11 messages is not understood":                                       set(eventSource, "BatchSize", 11),
		"is not between a queue and a function of the template":                          set(eventSource, "EventSourceArn", "x"),
		"the property FilterCriteria is not understood":                                  set(eventSource, "FilterCriteria", object),
		"(AWS::DynamoDB::Table): the property GlobalSecondaryIndexes is not understood":  set(table, "GlobalSecondaryIndexes", []any{}),
		"(AWS::DynamoDB::Table): the property StreamSpecification is not understood":     set(table, "StreamSpecification", object),
		`the billing mode "PROVISIONED" is not understood`:                               set(table, "BillingMode", "PROVISIONED"),
		"the property Layers is not understood":                                          set(function, "Layers", []any{}),
		`the runtime "nodejs22.x" is not run here`:                                       set(function, "Runtime", "nodejs22.x"),
		"Fn::ImportValue is not understood":                                              set(function, "Handler", map[string]any{"Fn::ImportValue": "x"}),
		"Environment.Variables.X: Ref":                                                   set(function, "X", map[string]any{"Ref": "Nobody"}, "Environment", "Variables"),
		"the attribute StreamArn of":                                                     set(function, "X", map[string]any{"Fn::GetAtt": []any{"Data666C94C7", "StreamArn"}}, "Environment", "Variables"),
		"the property AllowPrivateNetwork is not understood":                             set(api, "AllowPrivateNetwork", true, "CorsConfiguration"),
		`the origin "https://*.example" is neither`:                                      set(api, "AllowOrigins", []any{"https://*.example"}, "CorsConfiguration"),
		`the protocol "WEBSOCKET" is not understood`:                                     set(api, "ProtocolType", "WEBSOCKET"),
		`the integration type "HTTP_PROXY" with payload format "2.0"`:                    set(integration, "IntegrationType", "HTTP_PROXY"),
		`the integration type "AWS_PROXY" with payload format "1.0"`:                     set(integration, "PayloadFormatVersion", "1.0"),
		`the authorization type "JWT" is not understood`:                                 set(route, "AuthorizationType", "JWT"),
		"the property AuthorizerId is not understood":                                    set(route, "AuthorizerId", "x"),
		`the target "integrations/nothing" is not an integration`:                        set(route, "Target", "integrations/nothing"),
		`route "FETCH /x"`:                                          set(route, "RouteKey", "FETCH /x"),
		`the stage "live" is not served`:                            set(stage, "StageName", "live"),
		"the property ClientCertificateId is not understood":        set(stage, "ClientCertificateId", "x"),
		"the property DestinationBucketKeyPrefix is not understood": set(deployment, "DestinationBucketKeyPrefix", "x"),
		`the system metadata "storage-class" is not understood`:     set(deployment, "SystemMetadata", map[string]any{"storage-class": "x"}),
		`the cache policy "x" of a website is not understood`:       set(distribution, "CachePolicyId", "x", "DistributionConfig", "DefaultCacheBehavior"),
		`the cache policy "x" of an API is not understood`:          set(distribution, "CachePolicyId", "x", "DistributionConfig", "CacheBehaviors", 0),
		`the origin request policy "x" of an API is not understood`: set(distribution, "OriginRequestPolicyId", "x", "DistributionConfig", "CacheBehaviors", 0),
		"the property LambdaFunctionAssociations is not understood": set(distribution, "LambdaFunctionAssociations", []any{}, "DistributionConfig", "DefaultCacheBehavior"),
		"is neither a bucket nor the API of the template":           set(distribution, "DomainName", "example.com", "DistributionConfig", "Origins", 0),
		"at viewer-response is not understood":                      set(distribution, "EventType", "viewer-response", "DistributionConfig", "DefaultCacheBehavior", "FunctionAssociations", 0),
		"the response headers policy x is not one of the template":  set(distribution, "ResponseHeadersPolicyId", "x", "DistributionConfig", "DefaultCacheBehavior"),
		"has no function handler(event)":                            set(edge, "FunctionCode", "1"),
		"the property ServerTimingHeadersConfig is not understood":  set(headers, "ServerTimingHeadersConfig", object, "ResponseHeadersPolicyConfig"),
		"no bucket policy lets CloudFront read it": func(r map[string]any) {
			maps.DeleteFunc(r, func(_ string, v any) bool { return v.(map[string]any)["Type"] == "AWS::S3::BucketPolicy" })
		},
		"the API has no stage": func(r map[string]any) {
			maps.DeleteFunc(r, func(_ string, v any) bool { return v.(map[string]any)["Type"] == stage })
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			path := mutated(t, change)
			s, err := localstack.Start(t.Context(), config(func(c *localstack.Config) { c.Template = path }))
			if err == nil {
				_ = s.Close()
				t.Fatal("it was deployed")
			}
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got: %v", err)
			}
		})
	}
}

func TestAllThatIsNotUnderstoodIsTold(t *testing.T) {
	t.Parallel()
	path := mutated(t, func(r map[string]any) {
		r["Bus"] = map[string]any{"Type": "AWS::Events::EventBus"}
		r["Topic"] = map[string]any{"Type": "AWS::SNS::Topic"}
	})
	_, err := localstack.Start(t.Context(), config(func(c *localstack.Config) { c.Template = path }))
	if err == nil || !strings.Contains(err.Error(), "Bus") || !strings.Contains(err.Error(), "Topic") {
		t.Errorf("got %v, want both resources named", err)
	}
}
