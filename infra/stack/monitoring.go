package stack

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"github.com/idempotent-requests/idempotent-requests/infra/construct"
)

// The functions' own metrics, which they write to their logs in the embedded
// metric format: those of operations, and the crashes that somebody has asked
// for.
const (
	metricNamespace = "IdempotentRequests"
	metricFaults    = "FaultsOnRequest"
)

// What alarms look at, and how much of it is too much.
const (
	alarmPeriod = construct.AlarmPeriod

	// tolerableServerErrors are responses 5xx within a period, and
	// tolerableCrashes invocations that failed: fewer are retried and forgotten.
	tolerableServerErrors = 5
	tolerableCrashes      = 3

	// tolerableDuration is the duration, in milliseconds, that one request in a
	// hundred may exceed: half of what the runtime allows, and more than the
	// longest delay that a caller of the demo can ask for.
	tolerableDuration = float64(construct.DefaultTimeout / 2 / 1e6)
)

// operations returns all operations that take idempotency keys.
func (s *Stack) operations() []construct.Operation {
	operation := func(id, name string, atomic bool, recovery construct.Recovery) construct.Operation {
		return construct.Operation{
			ID: id, Name: name, Namespace: metricNamespace, Dimensions: map[string]string{"stage": s.settings.Stage},
			Atomic: atomic, Recovery: recovery,
		}
	}
	return []construct.Operation{
		operation("Customers", "customers.create", claims, construct.Reexecute),
		operation("Payments", "payments.create", claims, construct.Reconcile),
		operation("Orders", "orders.create", transactions, construct.Reexecute),
	}
}

// namedFunction is a function with its name in construct ids and titles, and
// the command that it runs.
type namedFunction struct {
	id, command string
	function    *construct.GoFunction
	faults      bool // reports that callers of the demo can make it crash
}

func (s *Stack) namedFunctions() []namedFunction {
	return []namedFunction{
		{"Customers", customers, s.customers, true},
		{"Payments", payments, s.payments, true},
		{"Orders", orders, s.orders, true},
		{"Activity", activity, s.activity, false},
	}
}

// addMonitoring adds the alarms and the dashboard.
func (s *Stack) addMonitoring() {
	var actions []awscloudwatch.IAlarmAction
	if s.settings.AlarmTopic != "" {
		topic := awssns.Topic_FromTopicArn(s.stack, jsii.String("AlarmTopic"), jsii.String(s.settings.AlarmTopic))
		actions = append(actions, awscloudwatchactions.NewSnsAction(topic))
	}
	alarms := construct.NewAlarms(s.stack, actions...)
	alarms.Add(construct.Alarm{
		ID:          "ServerErrors",
		Description: "The API answers 5xx: look at the functions' logs, and at their throttles",
		Metric:      s.unasked(s.api.MetricServerError(s.sum("")), nil), Threshold: tolerableServerErrors,
	})
	for _, o := range s.operations() {
		alarms.AddOperation(o)
	}
	for _, f := range s.namedFunctions() {
		crashes := awscloudwatch.IMetric(f.function.Function.MetricErrors(s.sum("")))
		if f.faults {
			crashes = s.unasked(crashes, map[string]*string{"function": jsii.String(f.command)})
		}
		alarms.Add(construct.Alarm{
			ID:          f.id + "Errors",
			Description: "The function crashes, overruns its time or cannot answer: look at its log",
			Metric:      crashes, Threshold: tolerableCrashes,
		})
		alarms.Add(construct.Alarm{
			ID:          f.id + "Throttles",
			Description: "Lambda refuses to run the function: raise its concurrency, or lower the API's throttles",
			Metric:      f.function.Function.MetricThrottles(s.sum("")), Threshold: 1, Lasting: true,
		})
		alarms.Add(construct.Alarm{
			ID:          f.id + "Duration",
			Description: "One request in a hundred takes half the time it may take: look at its log, and at DynamoDB's latency",
			Metric:      f.function.Function.MetricDuration(s.p99("")), Threshold: tolerableDuration, Lasting: true,
		})
	}
	alarms.AddTable("Idempotency", s.records.Table)
	alarms.AddTable("Data", s.data)
	alarms.AddQueue("PaymentQueue", s.queue, tolerableAge)
	s.addDashboard()
}

// unasked returns what a metric of failures counts without the crashes that
// callers of the demo have asked for, of all functions or of those that the
// dimensions select.
func (s *Stack) unasked(failures awscloudwatch.IMetric, dimensions map[string]*string) awscloudwatch.IMetric {
	if !s.settings.DemoFaults {
		return failures
	}
	all := map[string]*string{"stage": jsii.String(s.settings.Stage)}
	for name, value := range dimensions {
		all[name] = value
	}
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String("FILL(failures, 0) - FILL(asked, 0)"),
		Label:      jsii.String("failures that nobody asked for"),
		Period:     awscdk.Duration_Minutes(jsii.Number(alarmPeriod.Minutes())),
		UsingMetrics: &map[string]awscloudwatch.IMetric{
			"failures": failures,
			"asked": awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
				Namespace: jsii.String(metricNamespace), MetricName: jsii.String(metricFaults), Statistic: jsii.String("Sum"),
				Period: awscdk.Duration_Minutes(jsii.Number(alarmPeriod.Minutes())), DimensionsMap: &all,
			}),
		},
	})
}

func (s *Stack) sum(label string) *awscloudwatch.MetricOptions { return s.metric("Sum", label) }
func (s *Stack) p99(label string) *awscloudwatch.MetricOptions { return s.metric("p99", label) }

// metric is a statistic over the period of alarms. A label is for graphs: in an
// alarm it would make an expression of a plain metric.
func (s *Stack) metric(statistic, label string) *awscloudwatch.MetricOptions {
	options := &awscloudwatch.MetricOptions{
		Statistic: jsii.String(statistic),
		Period:    awscdk.Duration_Minutes(jsii.Number(alarmPeriod.Minutes())),
	}
	if label != "" {
		options.Label = jsii.String(label)
	}
	return options
}

// logGroup adds a log group with the retention that all of them share. The
// functions have theirs from package construct.
func (s *Stack) logGroup(id string) awslogs.LogGroup {
	return construct.NewLogGroup(s.stack, id, construct.DefaultLogRetention, s.settings.Retain)
}

// logAccess makes an API stage log its requests, each as one line of JSON.
func (s *Stack) logAccess(stage awsapigatewayv2.HttpStage) {
	// The stage's own property for it is an interface that a CDK app in Go
	// cannot implement; this is the CloudFormation property below it.
	resource := stage.Node().DefaultChild().(awsapigatewayv2.CfnStage)
	resource.SetAccessLogSettings(&awsapigatewayv2.CfnStage_AccessLogSettingsProperty{
		DestinationArn: s.logGroup("ApiLogs").LogGroupArn(),
		Format:         jsii.String(accessLogFormat()),
	})
}

// accessLogFormat is one line of the access log. It holds the route and not
// the path, because a path can hold an idempotency key, and nothing that tells
// who the caller is. Nor does it hold a message, which could hold a quotation mark
// and break the line: of an error it has the type. What went wrong in a function
// is in the function's own log, under its request id.
func accessLogFormat() string {
	line, err := json.Marshal(map[string]string{ // encoded with sorted names
		"requestId":         "$context.requestId",
		"time":              "$context.requestTime",
		"route":             "$context.routeKey",
		"status":            "$context.status",
		"responseBytes":     "$context.responseLength",
		"latencyMs":         "$context.responseLatency",
		"functionRequestId": "$context.integration.requestId",
		"functionStatus":    "$context.integration.status",
		"functionLatencyMs": "$context.integration.latency",
		"error":             "$context.error.responseType",
	})
	if err != nil {
		panic(fmt.Sprintf("encode access log format: %v", err)) // strings always encode
	}
	return string(line)
}
