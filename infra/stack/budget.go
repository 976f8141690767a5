package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsbudgets"
	"github.com/aws/jsii-runtime-go"
)

// The percentage of the budget at which its owner is told: of what was spent,
// and of what the month will come to.
const (
	budgetActual   = 80
	budgetForecast = 100
)

// addBudget adds a budget of the account's costs if somebody is to be told. It
// is of the whole account: what belongs to one stack is only known where its
// tags have been activated for billing.
func (s *Stack) addBudget() {
	if s.settings.BudgetEmail == "" {
		return
	}
	notify := func(kind string, percent int) *awsbudgets.CfnBudget_NotificationWithSubscribersProperty {
		return &awsbudgets.CfnBudget_NotificationWithSubscribersProperty{
			Notification: &awsbudgets.CfnBudget_NotificationProperty{
				NotificationType:   jsii.String(kind),
				ComparisonOperator: jsii.String("GREATER_THAN"),
				Threshold:          jsii.Number(percent),
				ThresholdType:      jsii.String("PERCENTAGE"),
			},
			Subscribers: &[]any{&awsbudgets.CfnBudget_SubscriberProperty{
				SubscriptionType: jsii.String("EMAIL"), Address: jsii.String(s.settings.BudgetEmail),
			}},
		}
	}
	awsbudgets.NewCfnBudget(s.stack, jsii.String("Budget"), &awsbudgets.CfnBudgetProps{
		Budget: &awsbudgets.CfnBudget_BudgetDataProperty{
			BudgetType:  jsii.String("COST"),
			TimeUnit:    jsii.String("MONTHLY"),
			BudgetLimit: &awsbudgets.CfnBudget_SpendProperty{Amount: jsii.Number(s.settings.BudgetUSD), Unit: jsii.String("USD")},
		},
		NotificationsWithSubscribers: &[]any{notify("ACTUAL", budgetActual), notify("FORECASTED", budgetForecast)},
	})
}
