package stack

import (
	"maps"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"

	"github.com/idempotent-requests/idempotent-requests/infra/construct"
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
	construct.Allow(s.customers.Function, s.data, "dynamodb:GetItem", "dynamodb:PutItem")

	if s.payments, err = s.idempotentFunction("Payments", payments, claims, "Makes payments, once per idempotency key, and on request without that protection"); err != nil {
		return err
	}
	// The query is the processor's, which finds charges by their reference.
	construct.Allow(s.payments.Function, s.data, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query")

	if s.orders, err = s.idempotentFunction("Orders", orders, transactions, "Takes orders, once per idempotency key, and never more than there is in stock"); err != nil {
		return err
	}
	// The update is the stock's; orders are put.
	construct.Allow(s.orders.Function, s.data, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")

	props := s.functionProps(activity, "Shows what was executed and what had effects")
	maps.Copy(props.Environment, s.records.Environment(s.settings.Window))
	if s.activity, err = construct.NewGoFunction(s.stack, "Activity", props); err != nil {
		return err
	}
	s.records.GrantInspection(s.activity.Function)
	construct.Allow(s.activity.Function, s.data, "dynamodb:Query")
	return nil
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

// architecture is the functions' processor.
func (s *Stack) architecture() awslambda.Architecture {
	if s.settings.Architecture == X8664 {
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
		Concurrency:  s.settings.ReservedConcurrency,
		Environment: map[string]string{
			"DATA_TABLE":   *s.data.TableName(),
			"STAGE":        s.settings.Stage,
			"DEMO_FAULTS":  strconv.FormatBool(s.settings.DemoFaults),
			"RECORD_CALLS": strconv.FormatBool(s.settings.RecordCalls),
		},
	}
}
