// Package construct holds the parts of the stack that know nothing of this
// project's demo and can be used in another CDK app as they are: a table for
// idempotency records, Go functions on Lambda whose requests are idempotent, a
// queue whose messages a function handles once, and the alarms that belong to
// them.
//
//	records := construct.NewIdempotencyTable(stack, "Idempotency", construct.IdempotencyTableProps{Retain: true})
//	orders, err := construct.NewIdempotentFunction(stack, "Orders", construct.IdempotentFunctionProps{
//		GoFunctionProps: construct.GoFunctionProps{Name: "orders", Code: "build/lambda/arm64/orders"},
//		Records:         records,
//		Window:          24 * time.Hour,
//	})
//	construct.Allow(orders.Function, table, "dynamodb:PutItem")
//
// A table that is there already is used by [FromTable]. Whatever a construct's
// props do not name can be set by their Customise.
package construct
