package stack

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"
)

// A dashboard is 24 columns wide.
const thirdOfDashboard = 8

// addDashboard adds one page that answers, from top to bottom: what becomes of
// requests, what that costs, and how the parts fare.
func (s *Stack) addDashboard() {
	dashboard := awscloudwatch.NewDashboard(s.stack, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{
		DashboardName: awscdk.Fn_Join(jsii.String("-"), &[]*string{awscdk.Aws_STACK_NAME(), awscdk.Aws_REGION()}),
	})

	var outcomes []awscloudwatch.IWidget
	for _, o := range s.operations() {
		outcomes = append(outcomes, graph("Outcomes of "+o.Name, true, s.search("Count", "Sum", o.Name)))
	}
	dashboard.AddWidgets(outcomes...)

	var cost, durations, errors []awscloudwatch.IMetric
	for _, o := range s.operations() {
		cost = append(cost, s.search("WriteUnits", "Sum", o.Name), s.search("ReadUnits", "Sum", o.Name))
	}
	for _, f := range s.namedFunctions() {
		durations = append(durations, f.function.Function.MetricDuration(s.p99(f.id)))
		errors = append(errors, f.function.Function.MetricErrors(s.sum(f.id+" errors")), f.function.Function.MetricThrottles(s.sum(f.id+" throttles")))
	}
	dashboard.AddWidgets(
		graph("Capacity that keys consume", false, cost...),
		graph("Duration of functions, p99", false, durations...),
		graph("Errors and throttles of functions", false, errors...),
	)
	dashboard.AddWidgets(
		graph("Requests", false, s.api.MetricCount(s.sum("all")), s.api.MetricClientError(s.sum("4xx")), s.api.MetricServerError(s.sum("5xx"))),
		graph("Latency of the API, p99", false, s.api.MetricLatency(s.p99("with the function")), s.api.MetricIntegrationLatency(s.p99("the function"))),
		graph("Capacity of tables", false,
			s.records.Table.MetricConsumedWriteCapacityUnits(s.sum("records, written")),
			s.records.Table.MetricConsumedReadCapacityUnits(s.sum("records, read")),
			s.data.MetricConsumedWriteCapacityUnits(s.sum("data, written")),
			s.data.MetricConsumedReadCapacityUnits(s.sum("data, read"))),
	)
	dashboard.AddWidgets(
		graph("Queue of payments", false,
			s.queue.Queue.MetricNumberOfMessagesSent(s.sum("sent")),
			s.queue.Queue.MetricNumberOfMessagesDeleted(s.sum("handled")),
			s.queue.MetricDeadLetters(s.metric("Maximum", "given up"))),
		graph("Age of the oldest payment in the queue, seconds", false, s.queue.MetricAge(s.metric("Maximum", "oldest"))),
		graph("Throttled requests to tables", false,
			s.records.Table.Metric(jsii.String("WriteThrottleEvents"), s.sum("records, written")),
			s.records.Table.Metric(jsii.String("ReadThrottleEvents"), s.sum("records, read")),
			s.data.Metric(jsii.String("WriteThrottleEvents"), s.sum("data, written")),
			s.data.Metric(jsii.String("ReadThrottleEvents"), s.sum("data, read"))),
	)
}

func graph(title string, stacked bool, metrics ...awscloudwatch.IMetric) awscloudwatch.IWidget {
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title:   jsii.String(title),
		Width:   jsii.Number(thirdOfDashboard),
		Stacked: jsii.Bool(stacked),
		Left:    &metrics,
	})
}

// search finds a metric of an operation, one line for each outcome that occurred.
func (s *Stack) search(metric, statistic, operation string) awscloudwatch.IMetric {
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String(fmt.Sprintf(
			`SEARCH('{%s,operation,outcome,stage} MetricName="%s" operation="%s" stage="%s"', '%s')`,
			metricNamespace, metric, operation, s.settings.Stage, statistic)),
		Label:        jsii.String(""),
		Period:       awscdk.Duration_Minutes(jsii.Number(alarmPeriod.Minutes())),
		UsingMetrics: &map[string]awscloudwatch.IMetric{},
	})
}
