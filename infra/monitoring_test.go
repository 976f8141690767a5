package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// alarms are what somebody is woken for: what is looked at, and how much of it is
// too much within five minutes.
var alarms = map[string]string{
	"ServerErrors":              "Sum of AWS/ApiGateway 5xx ApiId=${Api} >= 5",
	"CustomersLeaseLost":        "Sum of IdempotentRequests Count operation=customers.create outcome=lease_lost stage=demo >= 1",
	"CustomersCompletionFailed": "Sum of IdempotentRequests Count operation=customers.create outcome=completion_failed stage=demo >= 1",
	"PaymentsLeaseLost":         "Sum of IdempotentRequests Count operation=payments.create outcome=lease_lost stage=demo >= 1",
	"PaymentsCompletionFailed":  "Sum of IdempotentRequests Count operation=payments.create outcome=completion_failed stage=demo >= 1",
	"CustomersThrottles":        "Sum of AWS/Lambda Throttles FunctionName=${CustomersFunction} >= 1",
	"PaymentsThrottles":         "Sum of AWS/Lambda Throttles FunctionName=${PaymentsFunction} >= 1",
	"OrdersThrottles":           "Sum of AWS/Lambda Throttles FunctionName=${OrdersFunction} >= 1",
	"ActivityThrottles":         "Sum of AWS/Lambda Throttles FunctionName=${ActivityFunction} >= 1",
	"CustomersDuration":         "p99 of AWS/Lambda Duration FunctionName=${CustomersFunction} >= 5000",
	"PaymentsDuration":          "p99 of AWS/Lambda Duration FunctionName=${PaymentsFunction} >= 5000",
	"OrdersDuration":            "p99 of AWS/Lambda Duration FunctionName=${OrdersFunction} >= 5000",
	"ActivityDuration":          "p99 of AWS/Lambda Duration FunctionName=${ActivityFunction} >= 5000",
}

func TestAlarms(t *testing.T) {
	got := map[string]string{}
	for id, alarm := range demo(t).all("AWS::CloudWatch::Alarm") {
		p := alarm.Properties
		var dimensions []string
		for _, d := range list(p["Dimensions"]) {
			dimensions = append(dimensions, fmt.Sprintf("%v=%s", at(t, d, "Name"), readable(render(at(t, d, "Value")))))
		}
		statistic := p["Statistic"]
		if statistic == nil {
			statistic = p["ExtendedStatistic"]
		}
		name := strings.TrimSuffix(readable(id), "Alarm")
		got[name] = fmt.Sprintf("%v of %v %v %s >= %v", statistic, p["Namespace"], p["MetricName"], strings.Join(dimensions, " "), p["Threshold"])
		for property, want := range map[string]any{
			"ComparisonOperator": "GreaterThanOrEqualToThreshold",
			"EvaluationPeriods":  1.0,
			"Period":             300.0,
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
	if diff := cmp.Diff(alarms, got); diff != "" {
		t.Errorf("alarms (-want +got):\n%s", diff)
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
