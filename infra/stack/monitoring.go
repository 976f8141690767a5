package stack

import (
	"encoding/json"
	"fmt"
	"time"

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
// metric format. Each has the dimensions operation, outcome and stage.
const (
	metricNamespace = "IdempotentRequests"

	outcomeLeaseLost        = "lease_lost"
	outcomeCompletionFailed = "completion_failed"
)

// What alarms look at, and how much of it is too much.
const (
	alarmPeriod = 5 * time.Minute

	// tolerableServerErrors are answers 5xx within a period: fewer are retried
	// and forgotten.
	tolerableServerErrors = 5

	// tolerableDuration is the duration, in milliseconds, that one request in a
	// hundred may exceed: half of what the runtime allows.
	tolerableDuration = float64(construct.DefaultTimeout / 2 / time.Millisecond)
)

// operation is an idempotent operation and what it is shown and watched by.
type operation struct {
	id   string // in construct ids
	name string // in metrics
	// leased reports whether its keys are claimed, so that a lease can be lost.
	leased bool
}

// operations are all operations that take idempotency keys.
var operations = [...]operation{
	{"Customers", "customers.create", true},
	{"Payments", "payments.create", true},
	{"Orders", "orders.create", false},
}

// namedFunction is a function with its name in construct ids and titles.
type namedFunction struct {
	id       string
	function *construct.GoFunction
}

func (s *Stack) namedFunctions() []namedFunction {
	return []namedFunction{
		{"Customers", s.customers}, {"Payments", s.payments}, {"Orders", s.orders}, {"Activity", s.activity},
	}
}

// addMonitoring adds the alarms and the dashboard.
func (s *Stack) addMonitoring() {
	s.alarm("ServerErrors", "The API answers 5xx", tolerableServerErrors,
		s.api.MetricServerError(s.sum("")))
	for _, o := range operations {
		if !o.leased {
			continue
		}
		s.alarm(o.id+"LeaseLost", "An execution outlived its lease and another one took over: look for handlers that are slower than their deadline", 1,
			s.outcomes(o, outcomeLeaseLost))
		s.alarm(o.id+"CompletionFailed", "A result could not be recorded: a retry finds an interrupted execution, and recovers by its policy", 1,
			s.outcomes(o, outcomeCompletionFailed))
	}
	for _, f := range s.namedFunctions() {
		s.alarm(f.id+"Throttles", "Lambda refuses to run the function: raise its concurrency, or lower the API's throttles", 1,
			f.function.Function.MetricThrottles(s.sum("")))
		s.alarm(f.id+"Duration", "One request in a hundred takes half the time it may take", tolerableDuration,
			f.function.Function.MetricDuration(s.p99("")))
	}
	s.addDashboard()
}

// alarm adds an alarm that is raised when a metric reaches a threshold in one
// period. No data is good news: nobody called.
func (s *Stack) alarm(id, description string, threshold float64, metric awscloudwatch.IMetric) {
	alarm := awscloudwatch.NewAlarm(s.stack, jsii.String(id+"Alarm"), &awscloudwatch.AlarmProps{
		AlarmDescription:   jsii.String(description),
		Metric:             metric,
		Threshold:          jsii.Number(threshold),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		EvaluationPeriods:  jsii.Number(1),
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
	if s.settings.AlarmTopic != "" {
		alarm.AddAlarmAction(awscloudwatchactions.NewSnsAction(s.alarmTopic()))
	}
}

// alarmTopic is the topic of the settings, looked up once.
func (s *Stack) alarmTopic() awssns.ITopic {
	if s.topic == nil {
		s.topic = awssns.Topic_FromTopicArn(s.stack, jsii.String("AlarmTopic"), jsii.String(s.settings.AlarmTopic))
	}
	return s.topic
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

// outcomes counts the calls of an operation that had an outcome.
func (s *Stack) outcomes(o operation, outcome string) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:  jsii.String(metricNamespace),
		MetricName: jsii.String("Count"),
		Statistic:  jsii.String("Sum"),
		Period:     awscdk.Duration_Minutes(jsii.Number(alarmPeriod.Minutes())),
		DimensionsMap: &map[string]*string{
			"operation": jsii.String(o.name),
			"outcome":   jsii.String(outcome),
			"stage":     jsii.String(s.settings.Stage),
		},
	})
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
// who the caller is.
func accessLogFormat() string {
	line, err := json.Marshal(map[string]string{ // encoded with sorted names
		"requestId":         "$context.requestId",
		"time":              "$context.requestTime",
		"route":             "$context.routeKey",
		"status":            "$context.status",
		"responseBytes":     "$context.responseLength",
		"latencyMs":         "$context.responseLatency",
		"error":             "$context.error.message",
		"functionRequestId": "$context.integration.requestId",
		"functionStatus":    "$context.integration.status",
		"functionLatencyMs": "$context.integration.latency",
		"functionError":     "$context.integration.error",
	})
	if err != nil {
		panic(fmt.Sprintf("encode access log format: %v", err)) // strings always encode
	}
	return string(line)
}
