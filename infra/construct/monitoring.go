package construct

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// The outcomes of calls that somebody should hear of, as the metrics of package
// emf name them.
const (
	OutcomeLeaseLost        = "lease_lost"
	OutcomeCompletionFailed = "completion_failed"
	OutcomeFailed           = "failed"
	OutcomeUnknown          = "outcome_unknown"
	OutcomeStoreUnavailable = "store_unavailable"
	OutcomeSealFailed       = "seal_failed"
	OutcomeSealUnavailable  = "seal_unavailable"
)

// AlarmPeriod is the period of the metrics that this package makes, unless
// options say otherwise.
const AlarmPeriod = 5 * time.Minute

// Operation is an idempotent operation and the metrics that package emf writes
// of it.
type Operation struct {
	// ID names the operation in construct ids, such as "Payments".
	ID string
	// Name is the operation's name in metrics, such as "payments.create".
	Name string
	// Namespace is the CloudWatch namespace of the metrics.
	Namespace string
	// Dimensions are those that the observer adds to operation and outcome.
	Dimensions map[string]string
	// Atomic reports that the operation's records are written in transactions, so
	// that there is no lease to lose and no completion to fail.
	Atomic bool
	// Recovery is the policy of the operation's guard. Atomic operations have none.
	// Default: Reexecute.
	Recovery Recovery
	// Sealed reports that the operation's results are sealed by a key, which can fail.
	Sealed bool
}

// Recovery is what becomes of an interrupted execution: Config.Recovery of the guard,
// by the same names.
type Recovery int

// The policies.
const (
	Reexecute Recovery = iota // the next request executes again
	Refuse                    // requests are refused until somebody has found out
	Reconcile                 // the next request asks what has become of it
)

// MetricOutcome returns how many calls ended with an outcome.
func (o Operation) MetricOutcome(outcome string) awscloudwatch.Metric {
	dimensions := map[string]*string{"operation": jsii.String(o.Name), "outcome": jsii.String(outcome)}
	for name, value := range o.Dimensions {
		dimensions[name] = jsii.String(value)
	}
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String(o.Namespace),
		MetricName:    jsii.String("Count"),
		Statistic:     jsii.String("Sum"),
		Period:        awscdk.Duration_Minutes(jsii.Number(AlarmPeriod.Minutes())),
		DimensionsMap: &dimensions,
	})
}

// MetricThrottles returns how many requests to a table DynamoDB has refused
// because there were too many.
func MetricThrottles(table awsdynamodb.ITable) awscloudwatch.IMetric {
	events := func(name string) awscloudwatch.IMetric {
		return table.Metric(jsii.String(name), &awscloudwatch.MetricOptions{
			Statistic: jsii.String("Sum"), Period: awscdk.Duration_Minutes(jsii.Number(AlarmPeriod.Minutes())),
		})
	}
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression:   jsii.String("FILL(reads, 0) + FILL(writes, 0)"),
		Label:        jsii.String("throttled"),
		Period:       awscdk.Duration_Minutes(jsii.Number(AlarmPeriod.Minutes())),
		UsingMetrics: &map[string]awscloudwatch.IMetric{"reads": events("ReadThrottleEvents"), "writes": events("WriteThrottleEvents")},
	})
}

// Alarm is a metric and how much of it is too much.
type Alarm struct {
	// ID names the alarm within its scope. Required.
	ID string
	// Description says what has happened and what to do about it. Required.
	Description string
	// Metric is what is looked at. Required.
	Metric awscloudwatch.IMetric
	// Threshold is the value from which on the alarm is raised.
	Threshold float64
	// Lasting raises the alarm only if the threshold is reached in two of three
	// periods, for what a busy minute alone may bring about. Default: in one.
	Lasting bool
}

// Alarms is a set of alarms that share their actions.
type Alarms struct {
	scope   constructs.Construct
	actions []awscloudwatch.IAlarmAction
}

// NewAlarms returns alarms without any in them. Every alarm of scope takes the
// actions, such as one that tells an SNS topic.
func NewAlarms(scope constructs.Construct, actions ...awscloudwatch.IAlarmAction) *Alarms {
	return &Alarms{scope: scope, actions: actions}
}

// Add adds an alarm. A period without data is good news: nobody called.
func (a *Alarms) Add(alarm Alarm) awscloudwatch.Alarm {
	periods, of := 1.0, 1.0
	if alarm.Lasting {
		periods, of = 2, 3
	}
	added := awscloudwatch.NewAlarm(a.scope, jsii.String(alarm.ID+"Alarm"), &awscloudwatch.AlarmProps{
		AlarmDescription:   jsii.String(alarm.Description),
		Metric:             alarm.Metric,
		Threshold:          jsii.Number(alarm.Threshold),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		DatapointsToAlarm:  jsii.Number(periods),
		EvaluationPeriods:  jsii.Number(of),
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
	added.AddAlarmAction(a.actions...)
	return added
}

// Calls whose outcome was not what it should be, within a period.
const (
	// tolerableUnavailable calls find no store, or no key to seal results with, and are
	// told to try again.
	tolerableUnavailable = 5
	// tolerableFailures executions end by an error and are tried again.
	tolerableFailures = 5
	// tolerableThrottles requests to a table are repeated by the SDK.
	tolerableThrottles = 100
)

// AddOperation adds what somebody should hear of an operation: leases that were
// lost, results that could not be recorded, executions that keep failing, keys whose
// outcome is unknown, and a store, or keys to seal results with, that cannot be
// reached. The runbook has an entry for each. An outcome that the operation's policy
// does not have gets no alarm, which would be silent for ever.
//
// No alarm is made of what clients do wrong, such as a key that is used with another
// payload: [Operation.MetricOutcome] has it.
func (a *Alarms) AddOperation(o Operation) {
	add := func(id, outcome string, threshold float64, lasting bool, description string) {
		a.Add(Alarm{ID: o.ID + id, Description: description, Metric: o.MetricOutcome(outcome), Threshold: threshold, Lasting: lasting})
	}
	if !o.Atomic {
		add("LeaseLost", OutcomeLeaseLost, 1, false,
			"An execution outlived its lease and another one took over: look for handlers that are slower than their deadline")
		add("CompletionFailed", OutcomeCompletionFailed, 1, false,
			"A result could not be recorded: a retry finds an interrupted execution, and recovers by its policy")
	}
	if !o.Atomic && o.Recovery != Reexecute {
		add("Failed", OutcomeFailed, tolerableFailures, true,
			"Executions, or reconciliations, keep ending by errors, and their keys are left interrupted: look at the logs, and at the systems behind")
	}
	if !o.Atomic && o.Recovery == Refuse {
		add("OutcomeUnknown", OutcomeUnknown, 1, false,
			"Retries are refused, because an earlier execution was interrupted and may have had its effect: find out, and settle the key or forget it")
	}
	add("StoreUnavailable", OutcomeStoreUnavailable, tolerableUnavailable, false,
		"Calls could not reach the table of records and were answered 503: nothing was executed. Look at the table's throttles and at AWS Health")
	if o.Sealed {
		add("SealFailed", OutcomeSealFailed, 1, false,
			"A recorded result does not open, or the key that seals results cannot be used: nothing was executed, and it does not pass by itself")
		add("SealUnavailable", OutcomeSealUnavailable, tolerableUnavailable, false,
			"KMS cannot be reached to seal results and calls were answered 503: nothing was executed. Look at KMS's throttles and at AWS Health")
	}
}

// AddTable adds an alarm on requests that a table has refused.
func (a *Alarms) AddTable(id string, table awsdynamodb.ITable) {
	a.Add(Alarm{
		ID:          id + "Throttles",
		Description: "DynamoDB refuses requests to the table: raise its maximum, or find the key that is hot",
		Metric:      MetricThrottles(table), Threshold: tolerableThrottles, Lasting: true,
	})
}

// AddQueue adds alarms on messages that wait for long and on those that could
// not be handled. Age is what waiting for long means.
func (a *Alarms) AddQueue(id string, consumer *IdempotentQueueConsumer, age time.Duration) {
	maximum := &awscloudwatch.MetricOptions{
		Statistic: jsii.String("Maximum"), Period: awscdk.Duration_Minutes(jsii.Number(AlarmPeriod.Minutes())),
	}
	a.Add(Alarm{
		ID:          id + "Age",
		Description: "A message waits for longer than it should: the consumer fails, is throttled, or is too slow",
		Metric:      consumer.MetricAge(maximum), Threshold: age.Seconds(),
	})
	a.Add(Alarm{
		ID:          id + "DeadLetters",
		Description: "Messages could not be handled: read them in the dead-letter queue, mend what is wrong, and redrive them",
		Metric:      consumer.MetricDeadLetters(maximum), Threshold: 1,
	})
}
