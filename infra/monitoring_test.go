package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// alarms are what somebody is woken for: what is looked at, how much of it is too
// much within five minutes, and in how many of how many periods.
var alarms = expectedAlarms("demo", true)

func expectedAlarms(stage string, faults bool) map[string]string {
	want := map[string]string{}
	asked := func(failures, dimensions string) string {
		if !faults {
			return failures
		}
		return "FILL(failures, 0) - FILL(asked, 0) of asked: Sum of IdempotentRequests FaultsOnRequest " + dimensions + "stage=" + stage + ", failures: " + failures
	}
	want["ServerErrors"] = asked("Sum of AWS/ApiGateway 5xx ApiId=${Api}", "") + " >= 5, 1 of 1"
	for id, name := range map[string]string{"Customers": "customers", "Payments": "payments", "Orders": "orders"} {
		for outcome, alarm := range map[string]string{
			"lease_lost":        "LeaseLost >= 1, 1 of 1",
			"completion_failed": "CompletionFailed >= 1, 1 of 1",
			"failed":            "Failed >= 5, 2 of 3",
			"store_unavailable": "StoreUnavailable >= 5, 1 of 1",
		} {
			if name == "orders" && outcome != "store_unavailable" {
				continue // there is no lease, and nothing to complete or to interrupt
			}
			if outcome == "failed" && name != "payments" {
				continue // what fails is executed again, and its key is free
			}
			kind, threshold, _ := strings.Cut(alarm, " ")
			want[id+kind] = fmt.Sprintf("Sum of IdempotentRequests Count operation=%s.create outcome=%s stage=%s %s", name, outcome, stage, threshold)
		}
	}
	for _, id := range []string{"Customers", "Payments", "Orders", "Activity"} {
		errors := "Sum of AWS/Lambda Errors FunctionName=${" + id + "Function}"
		if id != "Activity" {
			errors = asked(errors, "function="+strings.ToLower(id)+" ")
		}
		want[id+"Errors"] = errors + " >= 3, 1 of 1"
		want[id+"Throttles"] = "Sum of AWS/Lambda Throttles FunctionName=${" + id + "Function} >= 1, 2 of 3"
		want[id+"Duration"] = "p99 of AWS/Lambda Duration FunctionName=${" + id + "Function} >= 5000, 2 of 3"
	}
	for id, table := range map[string]string{"Idempotency": "IdempotencyTable", "Data": "Data"} {
		want[id+"Throttles"] = "FILL(reads, 0) + FILL(writes, 0) of reads: Sum of AWS/DynamoDB ReadThrottleEvents TableName=${" + table +
			"}, writes: Sum of AWS/DynamoDB WriteThrottleEvents TableName=${" + table + "} >= 100, 2 of 3"
	}
	want["PaymentQueueAge"] = "Maximum of AWS/SQS ApproximateAgeOfOldestMessage QueueName=${PaymentQueue.QueueName} >= 600, 1 of 1"
	want["PaymentQueueDeadLetters"] = "Maximum of AWS/SQS ApproximateNumberOfMessagesVisible QueueName=${PaymentQueueDeadLetters.QueueName} >= 1, 1 of 1"
	return want
}

func TestAlarms(t *testing.T) {
	for name, test := range map[string]struct {
		template template
		want     map[string]string
	}{
		"demo":       {demo(t), alarms},
		"production": {alone(t, nil), expectedAlarms("production", false)},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string]string{}
			for id, alarm := range test.template.all("AWS::CloudWatch::Alarm") {
				p := alarm.Properties
				name := strings.TrimSuffix(readable(id), "Alarm")
				got[name] = fmt.Sprintf("%s >= %v, %v of %v", watched(t, p), p["Threshold"], p["DatapointsToAlarm"], p["EvaluationPeriods"])
				for property, want := range map[string]any{
					"ComparisonOperator": "GreaterThanOrEqualToThreshold",
					"TreatMissingData":   "notBreaching", // nobody called
					"AlarmActions":       nil,
				} {
					if p[property] != want {
						t.Errorf("%s: %s is %v, want %v", name, property, p[property], want)
					}
				}
				if p["AlarmDescription"] == nil {
					t.Errorf("%s does not say what to do", name)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("alarms (-want +got):\n%s", diff)
			}
		})
	}
}

// watched describes what an alarm looks at: a metric, or an expression of several.
func watched(t *testing.T, p map[string]any) string {
	t.Helper()
	if p["Metrics"] == nil {
		statistic := p["Statistic"]
		if statistic == nil {
			statistic = p["ExtendedStatistic"]
		}
		if p["Period"] != 300.0 {
			t.Errorf("the period is %v", p["Period"])
		}
		return metric(t, statistic, p)
	}
	var expression string
	var parts []string
	for _, m := range list(p["Metrics"]) {
		m, _ := m.(map[string]any)
		if m["Expression"] != nil {
			expression = fmt.Sprint(m["Expression"])
			continue
		}
		if at(t, m, "MetricStat", "Period") != 300.0 {
			t.Errorf("the period is %v", at(t, m, "MetricStat", "Period"))
		}
		of, _ := at(t, m, "MetricStat", "Metric").(map[string]any)
		parts = append(parts, fmt.Sprintf("%v: %s", m["Id"], metric(t, at(t, m, "MetricStat", "Stat"), of)))
	}
	slices.Sort(parts)
	return expression + " of " + strings.Join(parts, ", ")
}

func metric(t *testing.T, statistic any, p map[string]any) string {
	t.Helper()
	var dimensions []string
	for _, d := range list(p["Dimensions"]) {
		dimensions = append(dimensions, fmt.Sprintf("%v=%s", at(t, d, "Name"), readable(render(at(t, d, "Value")))))
	}
	return fmt.Sprintf("%v of %v %v %s", statistic, p["Namespace"], p["MetricName"], strings.Join(dimensions, " "))
}

// runbookRow is a row of the runbook's table of alarms.
var runbookRow = regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\| [^|]{20,} \\| [^|]{20,} \\|$")

// TestEveryAlarmIsInTheRunbook holds that the runbook says of every alarm, by the end
// of its name, what has happened and what to do, and that it has no others.
func TestEveryAlarmIsInTheRunbook(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{} // and whether there is such an alarm
	for _, match := range runbookRow.FindAllStringSubmatch(string(text), -1) {
		said[match[1]] = false
	}
	for _, name := range append(slices.Sorted(maps.Keys(alarms)), "ARefusingOutcomeUnknown", "ASealedSealFailed", "ASealedSealUnavailable") {
		entry := ""
		for row := range said {
			if strings.HasSuffix(name, row) && len(row) > len(entry) {
				entry = row
			}
		}
		if entry == "" {
			t.Errorf("docs/runbook.md says nothing of the alarm %s", name)
		}
		said[entry] = true
	}
	for row, exists := range said {
		if !exists {
			t.Errorf("docs/runbook.md says what to do about the alarm %s, and there is none", row)
		}
	}
}

// TestAlarmsTellTheTopic holds that the topic of the settings is told of every
// alarm.
func TestAlarmsTellTheTopic(t *testing.T) {
	const topic = "arn:aws:sns:eu-central-1:123456789012:alarms"
	found := with(t, map[string]any{"alarmTopic": topic}).all("AWS::CloudWatch::Alarm")
	if len(found) != len(alarms) {
		t.Errorf("%d alarms, want %d", len(found), len(alarms))
	}
	for id, alarm := range found {
		if diff := cmp.Diff([]any{topic}, list(alarm.Properties["AlarmActions"])); diff != "" {
			t.Errorf("%s tells (-want +got):\n%s", id, diff)
		}
	}
}

// quoted is a string within a search expression.
var quoted = regexp.MustCompile(`MetricName="(\w+)" operation="([\w.]+)" stage="(\w+)"`)

// TestDashboard holds what the dashboard shows, without how.
func TestDashboard(t *testing.T) {
	_, dashboard := demo(t).one(t, "AWS::CloudWatch::Dashboard", "Dashboard")
	if name := render(dashboard.Properties["DashboardName"]); name != "${AWS::StackName}-${AWS::Region}" {
		t.Errorf("it is called %s: another stage or region could have the same name", name)
	}
	var body struct {
		Widgets []struct {
			Properties struct {
				Title   string
				Metrics [][]any
			}
		}
	}
	if err := json.Unmarshal([]byte(render(dashboard.Properties["DashboardBody"])), &body); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, widget := range body.Widgets {
		for _, metric := range widget.Properties.Metrics {
			shown := fmt.Sprint(metric[0])
			if expression, ok := metric[0].(map[string]any); ok {
				found := quoted.FindStringSubmatch(fmt.Sprint(expression["expression"]))
				if found == nil {
					t.Fatalf("an expression of another form: %v", expression)
				}
				shown = fmt.Sprintf("%s of %s in %s", found[1], found[2], found[3])
			} else {
				shown += fmt.Sprintf(" %v of %s", metric[1], readable(fmt.Sprint(metric[3])))
			}
			got[widget.Properties.Title] = append(got[widget.Properties.Title], shown)
		}
	}
	want := map[string][]string{
		"Outcomes of customers.create": {"Count of customers.create in demo"},
		"Outcomes of payments.create":  {"Count of payments.create in demo"},
		"Outcomes of orders.create":    {"Count of orders.create in demo"},
		"Requests":                     {"AWS/ApiGateway Count of ${Api}", "AWS/ApiGateway 4xx of ${Api}", "AWS/ApiGateway 5xx of ${Api}"},
		"Latency of the API, p99":      {"AWS/ApiGateway Latency of ${Api}", "AWS/ApiGateway IntegrationLatency of ${Api}"},
		"Queue of payments": {
			"AWS/SQS NumberOfMessagesSent of ${PaymentQueue.QueueName}", "AWS/SQS NumberOfMessagesDeleted of ${PaymentQueue.QueueName}",
			"AWS/SQS ApproximateNumberOfMessagesVisible of ${PaymentQueueDeadLetters.QueueName}",
		},
		"Age of the oldest payment in the queue, seconds": {"AWS/SQS ApproximateAgeOfOldestMessage of ${PaymentQueue.QueueName}"},
		"Throttled requests to tables": {
			"AWS/DynamoDB WriteThrottleEvents of ${IdempotencyTable}", "AWS/DynamoDB ReadThrottleEvents of ${IdempotencyTable}",
			"AWS/DynamoDB WriteThrottleEvents of ${Data}", "AWS/DynamoDB ReadThrottleEvents of ${Data}",
		},
		"Capacity of tables": {
			"AWS/DynamoDB ConsumedWriteCapacityUnits of ${IdempotencyTable}", "AWS/DynamoDB ConsumedReadCapacityUnits of ${IdempotencyTable}",
			"AWS/DynamoDB ConsumedWriteCapacityUnits of ${Data}", "AWS/DynamoDB ConsumedReadCapacityUnits of ${Data}",
		},
	}
	for _, operation := range []string{"customers.create", "payments.create", "orders.create"} {
		want["Capacity that keys consume"] = append(want["Capacity that keys consume"],
			"WriteUnits of "+operation+" in demo", "ReadUnits of "+operation+" in demo")
	}
	for _, function := range []string{"Customers", "Payments", "Orders", "Activity"} {
		want["Duration of functions, p99"] = append(want["Duration of functions, p99"], "AWS/Lambda Duration of ${"+function+"Function}")
		want["Errors and throttles of functions"] = append(want["Errors and throttles of functions"],
			"AWS/Lambda Errors of ${"+function+"Function}", "AWS/Lambda Throttles of ${"+function+"Function}")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the dashboard shows (-want +got):\n%s", diff)
	}
}
