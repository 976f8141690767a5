package stack

import (
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"

	"github.com/idempotent-requests/idempotent-requests/infra/construct"
	"github.com/idempotent-requests/idempotent-requests/infra/settings"
)

// The functions, by the name of the command that each of them runs.
const (
	customers = "customers"
	payments  = "payments"
	orders    = "orders"
	activity  = "activity"
)

// functionNames are all functions, in the order in which they are added.
var functionNames = [...]string{customers, payments, orders, activity}

// addFunctions adds the functions and grants each of them exactly the actions
// on exactly the tables that its code uses.
func (s *Stack) addFunctions() error {
	var err error
	if s.customers, err = s.idempotentFunction("Customers", customers, claims, "Creates customers, once per idempotency key"); err != nil {
		return err
	}
	s.allowData(s.customers, "dynamodb:GetItem", "dynamodb:PutItem")

	if s.payments, err = s.idempotentFunction("Payments", payments, claims, "Makes payments, once per idempotency key, asked for by requests and by a queue"); err != nil {
		return err
	}
	s.records.GrantSteps(s.payments.Function)
	// The query is the processor's and the mailer's, who find charges and receipts by
	// their reference.
	s.allowData(s.payments, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query")

	if s.orders, err = s.idempotentFunction("Orders", orders, transactions, "Takes orders, once per idempotency key, and never more than there is in stock"); err != nil {
		return err
	}
	// The update is the stock's; orders are put.
	s.allowData(s.orders, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")

	props := s.functionProps(activity, "Shows what was executed and what had effects")
	maps.Copy(props.Environment, s.records.Environment(s.settings.Window))
	if s.activity, err = construct.NewGoFunction(s.stack, "Activity", props); err != nil {
		return err
	}
	s.records.GrantInspection(s.activity.Function)
	construct.Allow(s.activity.Function, s.data, "dynamodb:Query")
	return nil
}

// allowData lets a function perform actions on the data table. A function whose
// callers may ask for faults also counts them there.
func (s *Stack) allowData(function *construct.GoFunction, actions ...string) {
	const count = "dynamodb:UpdateItem"
	if s.settings.DemoFaults && !slices.Contains(actions, count) {
		actions = append(actions, count)
	}
	construct.Allow(function.Function, s.data, actions...)
}

// How a function's idempotency records come to be.
const (
	claims       = false
	transactions = true
)

func (s *Stack) idempotentFunction(id, name string, atomic bool, description string) (*construct.GoFunction, error) {
	function, err := construct.NewIdempotentFunction(s.stack, id, construct.IdempotentFunctionProps{
		GoFunctionProps: s.functionProps(name, description),
		Records:         s.records,
		Window:          s.settings.Window,
		Atomic:          atomic,
	})
	if err != nil {
		return nil, err
	}
	return function.GoFunction, nil
}

// callers is how the functions know who is calling.
func callers(s settings.Settings) string {
	if s.Authenticated() {
		return "token"
	}
	return "session"
}

// architecture is the functions' processor.
func (s *Stack) architecture() awslambda.Architecture {
	if s.settings.Architecture == settings.X8664 {
		return awslambda.Architecture_X86_64()
	}
	return awslambda.Architecture_ARM_64()
}

// functionProps is what all functions have in common.
func (s *Stack) functionProps(name, description string) construct.GoFunctionProps {
	return construct.GoFunctionProps{
		Name:         name,
		Code:         s.artefacts.function(name),
		Architecture: s.architecture(),
		Description:  description,
		Retain:       s.settings.Retain,
		Concurrency:  s.settings.Concurrency()[name],
		Tracing:      s.settings.Tracing,
		Environment: map[string]string{
			"DATA_TABLE":     *s.data.TableName(),
			"DATA_RETENTION": construct.Duration(s.settings.Retention),
			"STAGE":          s.settings.Stage,
			"CALLERS":        callers(s.settings),
			"DEMO_FAULTS":    strconv.FormatBool(s.settings.DemoFaults),
			"UNPROTECTED":    strconv.FormatBool(s.settings.IsDemo()),
			"RECORD_CALLS":   strconv.FormatBool(s.settings.RecordCalls),
		},
	}
}
