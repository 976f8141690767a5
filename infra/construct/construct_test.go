package construct_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/infra/construct"
)

// No test here calls t.Parallel: the process behind the CDK library answers
// one call at a time.
func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// binary is a directory that holds a function's binary.
var binary = filepath.Join("..", "testdata", "artefacts", "lambda", "payments")

// newStack is somebody's stack, that has nothing of this project's own.
func newStack(t *testing.T) awscdk.Stack {
	t.Helper()
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(t.TempDir()), AnalyticsReporting: jsii.Bool(false)})
	return awscdk.NewStack(app, jsii.String("Theirs"), nil)
}

func TestTableOfTheDocuments(t *testing.T) {
	stack := newStack(t)
	function := awslambda.NewFunction(stack, jsii.String("Function"), &awslambda.FunctionProps{
		Runtime: awslambda.Runtime_PROVIDED_AL2023(), Handler: jsii.String("bootstrap"), Code: awslambda.Code_FromAsset(&binary, nil),
	})
	records := construct.NewIdempotencyTable(stack, "Idempotency", construct.IdempotencyTableProps{Retain: true, Backups: true})
	records.GrantClaims(function) // GrantTransactions for atomic mode

	got := properties(t, stack, "AWS::DynamoDB::Table")
	want := map[string]any{
		"AttributeDefinitions":             []any{map[string]any{"AttributeName": "id", "AttributeType": "S"}},
		"KeySchema":                        []any{map[string]any{"AttributeName": "id", "KeyType": "HASH"}},
		"BillingMode":                      "PAY_PER_REQUEST",
		"TimeToLiveSpecification":          map[string]any{"AttributeName": "expiration", "Enabled": true},
		"SSESpecification":                 map[string]any{"SSEEnabled": true},
		"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": true},
		"DeletionProtectionEnabled":        false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// properties returns the properties of the stack's only resource of a type.
func properties(t *testing.T, stack awscdk.Stack, kind string) map[string]any {
	t.Helper()
	found := resources(t, stack, kind)
	if len(found) != 1 {
		t.Fatalf("there are %d resources %s, want one", len(found), kind)
	}
	return found[0]
}

// resources returns the properties of the stack's resources of a type.
func resources(t *testing.T, stack awscdk.Stack, kind string) []map[string]any {
	t.Helper()
	assembly := awscdk.Stage_Of(stack).Synth(nil)
	text, err := json.Marshal(assembly.GetStackByName(stack.StackName()).Template())
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties map[string]any
		}
	}
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	var found []map[string]any
	for _, resource := range template.Resources {
		if resource.Type == kind {
			found = append(found, resource.Properties)
		}
	}
	return found
}

func TestIdempotencyTable(t *testing.T) {
	for name, test := range map[string]struct {
		props construct.IdempotencyTableProps
		want  map[string]any // beside what every table has
	}{
		"by default": {construct.IdempotencyTableProps{}, map[string]any{
			"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": false},
			"DeletionProtectionEnabled":        false,
		}},
		"for production": {construct.IdempotencyTableProps{Retain: true, Protection: true, Backups: true, MaxUnits: 7}, map[string]any{
			"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": true},
			"DeletionProtectionEnabled":        true,
			"OnDemandThroughput":               map[string]any{"MaxReadRequestUnits": 7.0, "MaxWriteRequestUnits": 7.0},
		}},
		"customised": {construct.IdempotencyTableProps{Customise: func(p *awsdynamodb.TableProps) {
			p.TableName = jsii.String("records")
		}}, map[string]any{
			"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": false},
			"DeletionProtectionEnabled":        false,
			"TableName":                        "records",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			stack := newStack(t)
			construct.NewIdempotencyTable(stack, "Records", test.props)
			got := properties(t, stack, "AWS::DynamoDB::Table")
			want := map[string]any{
				"AttributeDefinitions":    []any{map[string]any{"AttributeName": "id", "AttributeType": "S"}},
				"KeySchema":               []any{map[string]any{"AttributeName": "id", "KeyType": "HASH"}},
				"BillingMode":             "PAY_PER_REQUEST",
				"TimeToLiveSpecification": map[string]any{"AttributeName": "expiration", "Enabled": true},
				"SSESpecification":        map[string]any{"SSEEnabled": true},
			}
			maps.Copy(want, test.want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTableOfOnesOwn holds that a table of somebody else's, encrypted with a key
// of the account's own, is used as it is, and that the function may use the key.
func TestTableOfOnesOwn(t *testing.T) {
	stack := newStack(t)
	own := awsdynamodb.NewTable(stack, jsii.String("Own"), &awsdynamodb.TableProps{
		PartitionKey:  &awsdynamodb.Attribute{Name: jsii.String("id"), Type: awsdynamodb.AttributeType_STRING},
		Encryption:    awsdynamodb.TableEncryption_CUSTOMER_MANAGED,
		EncryptionKey: awskms.NewKey(stack, jsii.String("Key"), nil),
	})
	_, err := construct.NewIdempotentFunction(stack, "Orders", construct.IdempotentFunctionProps{
		GoFunctionProps: construct.GoFunctionProps{Name: "orders", Code: binary, Tracing: true},
		Records:         construct.FromTable(own),
		Window:          time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	if mode := properties(t, stack, "AWS::Lambda::Function")["TracingConfig"]; !cmp.Equal(mode, any(map[string]any{"Mode": "Active"})) {
		t.Errorf("tracing is %v", mode)
	}
	policy, err := json.Marshal(properties(t, stack, "AWS::IAM::Policy"))
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"dynamodb:PutItem", "kms:Decrypt", "kms:GenerateDataKey*", "xray:PutTraceSegments"} {
		if !strings.Contains(string(policy), action) {
			t.Errorf("the function may not %s: %s", action, policy)
		}
	}
}

func TestFunctionCustomised(t *testing.T) {
	stack := newStack(t)
	_, err := construct.NewGoFunction(stack, "Report", construct.GoFunctionProps{
		Name: "report", Code: binary, Customise: func(p *awslambda.FunctionProps) { p.FunctionName = jsii.String("mine") },
	})
	if err != nil {
		t.Fatal(err)
	}
	if name := properties(t, stack, "AWS::Lambda::Function")["FunctionName"]; name != "mine" {
		t.Errorf("the function is called %v", name)
	}
}

// consumer returns a function that a queue can have.
func consumer(t *testing.T, stack awscdk.Stack) *construct.GoFunction {
	t.Helper()
	function, err := construct.NewGoFunction(stack, "Consumer", construct.GoFunctionProps{Name: "consumer", Code: binary, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return function
}

func TestIdempotentQueueConsumer(t *testing.T) {
	stack := newStack(t)
	queue, err := construct.NewIdempotentQueueConsumer(stack, "Payments", construct.IdempotentQueueConsumerProps{
		Function: consumer(t, stack), BatchSize: 5, MaxConsumers: 3,
		Customise: func(p *awssqs.QueueProps) { p.VisibilityTimeout = awscdk.Duration_Minutes(jsii.Number(5)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	alarms := construct.NewAlarms(stack)
	alarms.AddQueue("Payments", queue, time.Minute)
	alarms.AddOperation(construct.Operation{ID: "Pay", Name: "pay", Namespace: "Shop", Dimensions: map[string]string{"stage": "live"}})

	mapping := properties(t, stack, "AWS::Lambda::EventSourceMapping")
	if mapping["BatchSize"] != 5.0 || !cmp.Equal(mapping["ScalingConfig"], any(map[string]any{"MaximumConcurrency": 3.0})) {
		t.Errorf("the mapping is %v", mapping)
	}
	hidden := 0
	queues := resources(t, stack, "AWS::SQS::Queue")
	for _, q := range queues {
		if q["VisibilityTimeout"] == 300.0 {
			hidden++
		}
	}
	if len(queues) != 2 || hidden != 1 {
		t.Errorf("the queues are %v", queues)
	}
	if found := resources(t, stack, "AWS::CloudWatch::Alarm"); len(found) != 5 {
		t.Errorf("there are %d alarms, want five", len(found))
	}
}

// Of an operation in atomic mode there is no lease to lose, and of one that seals its
// results there are keys to look after.
func TestAlarmsOfOperations(t *testing.T) {
	stack := newStack(t)
	alarms := construct.NewAlarms(stack)
	alarms.AddOperation(construct.Operation{ID: "Pay", Name: "pay", Namespace: "Shop", Recovery: construct.Refuse, Sealed: true})
	alarms.AddOperation(construct.Operation{ID: "Charge", Name: "charge", Namespace: "Shop", Recovery: construct.Reconcile})
	alarms.AddOperation(construct.Operation{ID: "Note", Name: "note", Namespace: "Shop"})
	alarms.AddOperation(construct.Operation{ID: "Order", Name: "order", Namespace: "Shop", Atomic: true})
	got := map[string]string{}
	for _, alarm := range resources(t, stack, "AWS::CloudWatch::Alarm") {
		var of []any
		for _, dimension := range alarm["Dimensions"].([]any) {
			of = append(of, dimension.(map[string]any)["Value"])
		}
		got[fmt.Sprintf("%v %v", of[0], of[1])] = fmt.Sprintf("%v in %v of %v", alarm["Threshold"], alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"])
	}
	want := map[string]string{
		"pay lease_lost": "1 in 1 of 1", "pay completion_failed": "1 in 1 of 1", "pay failed": "5 in 2 of 3",
		"pay outcome_unknown": "1 in 1 of 1", "pay store_unavailable": "5 in 1 of 1",
		"pay seal_failed": "1 in 1 of 1", "pay seal_unavailable": "5 in 1 of 1",
		"charge lease_lost": "1 in 1 of 1", "charge completion_failed": "1 in 1 of 1", "charge failed": "5 in 2 of 3",
		"charge store_unavailable": "5 in 1 of 1",
		"note lease_lost":          "1 in 1 of 1", "note completion_failed": "1 in 1 of 1", "note store_unavailable": "5 in 1 of 1",
		"order store_unavailable": "5 in 1 of 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestQueuesAreRefused(t *testing.T) {
	stack := newStack(t)
	function := consumer(t, stack)
	for name, test := range map[string]struct {
		props construct.IdempotentQueueConsumerProps
		says  string
	}{
		"without a function": {construct.IdempotentQueueConsumerProps{}, "Function"},
		"too large a batch":  {construct.IdempotentQueueConsumerProps{Function: function, BatchSize: 11}, "BatchSize"},
		"never delivered":    {construct.IdempotentQueueConsumerProps{Function: function, MaxReceives: -1}, "MaxReceives"},
		"one at a time":      {construct.IdempotentQueueConsumerProps{Function: function, MaxConsumers: 1}, "MaxConsumers"},
	} {
		_, err := construct.NewIdempotentQueueConsumer(stack, "Payments", test.props)
		if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "Payments") {
			t.Errorf("%s: error is %v, want one that names Payments and says %q", name, err, test.says)
		}
	}
}

func TestIdempotentFunctionByDefault(t *testing.T) {
	stack := newStack(t)
	records := construct.NewIdempotencyTable(stack, "Records", construct.IdempotencyTableProps{})
	_, err := construct.NewIdempotentFunction(stack, "Orders", construct.IdempotentFunctionProps{
		GoFunctionProps: construct.GoFunctionProps{
			Name: "orders", Code: binary, Environment: map[string]string{"COLOUR": "blue"},
		},
		Records: records,
		Window:  90 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}

	function := properties(t, stack, "AWS::Lambda::Function")
	variables, _ := function["Environment"].(map[string]any)["Variables"].(map[string]any)
	table := stack.Resolve(records.Table.TableName())
	want := map[string]any{"COLOUR": "blue", "IDEMPOTENCY_TABLE": table, "IDEMPOTENCY_WINDOW": "1h30m0s"}
	if diff := cmp.Diff(want, variables); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if function["Timeout"] != 10.0 || function["MemorySize"] != 256.0 {
		t.Errorf("timeout %v s, memory %v MB; want the defaults", function["Timeout"], function["MemorySize"])
	}
	if days := properties(t, stack, "AWS::Logs::LogGroup")["RetentionInDays"]; days != 30.0 {
		t.Errorf("logs are kept for %v days, want the default", days)
	}

	policy, err := json.Marshal(properties(t, stack, "AWS::IAM::Policy"))
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"} {
		if !strings.Contains(string(policy), action) {
			t.Errorf("the function may not %s", action)
		}
	}
}

func TestAtomicFunctionDeletesNoRecords(t *testing.T) {
	stack := newStack(t)
	records := construct.NewIdempotencyTable(stack, "Records", construct.IdempotencyTableProps{})
	_, err := construct.NewIdempotentFunction(stack, "Orders", construct.IdempotentFunctionProps{
		GoFunctionProps: construct.GoFunctionProps{Name: "orders", Code: binary},
		Records:         records,
		Window:          time.Hour,
		Atomic:          true,
	})
	if err != nil {
		t.Fatal(err)
	}
	policy, err := json.Marshal(properties(t, stack, "AWS::IAM::Policy"))
	if err != nil {
		t.Fatal(err)
	}
	for action, allowed := range map[string]bool{"dynamodb:DeleteItem": false, "dynamodb:GetItem": true, "dynamodb:PutItem": true} {
		if strings.Contains(string(policy), action) != allowed {
			t.Errorf("%s: want allowed %v: %s", action, allowed, policy)
		}
	}
}

func TestGoFunctionAsAskedFor(t *testing.T) {
	stack := newStack(t)
	_, err := construct.NewGoFunction(stack, "Report", construct.GoFunctionProps{
		Name: "report", Code: binary, Description: "Reports", Timeout: 90 * time.Second, MemoryMB: 1024, Concurrency: 3,
		LogRetention: awslogs.RetentionDays_ONE_WEEK,
	})
	if err != nil {
		t.Fatal(err)
	}
	function := properties(t, stack, "AWS::Lambda::Function")
	for name, want := range map[string]any{
		"Handler": "report", "Description": "Reports", "Timeout": 90.0, "MemorySize": 1024.0, "ReservedConcurrentExecutions": 3.0,
	} {
		if diff := cmp.Diff(want, function[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if days := properties(t, stack, "AWS::Logs::LogGroup")["RetentionInDays"]; days != 7.0 {
		t.Errorf("logs are kept for %v days, want a week", days)
	}
}

func TestFunctionsAreRefused(t *testing.T) {
	stack := newStack(t)
	records := construct.NewIdempotencyTable(stack, "Records", construct.IdempotencyTableProps{})
	valid := construct.IdempotentFunctionProps{
		GoFunctionProps: construct.GoFunctionProps{Name: "orders", Code: binary},
		Records:         records,
		Window:          time.Hour,
	}
	for name, test := range map[string]struct {
		spoil func(*construct.IdempotentFunctionProps)
		says  string
	}{
		"without a name":   {func(p *construct.IdempotentFunctionProps) { p.Name = "" }, "Name"},
		"without a binary": {func(p *construct.IdempotentFunctionProps) { p.Code = t.TempDir() }, "build it first"},
		"without a table":  {func(p *construct.IdempotentFunctionProps) { p.Records = nil }, "Records"},
		"without a window": {func(p *construct.IdempotentFunctionProps) { p.Window = 0 }, "window"},
	} {
		t.Run(name, func(t *testing.T) {
			props := valid
			test.spoil(&props)
			_, err := construct.NewIdempotentFunction(stack, "Orders", props)
			if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "Orders") {
				t.Errorf("error is %v, want one that names Orders and says %q", err, test.says)
			}
		})
	}
}
