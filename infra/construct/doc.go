// Package construct holds the parts of the stack that know nothing of this
// project's demo and can be lifted into another CDK app as they are: a table
// for idempotency records, a Go function on Lambda, and a Go function whose
// requests are idempotent.
//
//	records := construct.NewIdempotencyTable(stack, "Idempotency", construct.IdempotencyTableProps{Retain: true})
//	orders, err := construct.NewIdempotentFunction(stack, "Orders", construct.IdempotentFunctionProps{
//		GoFunctionProps: construct.GoFunctionProps{Name: "orders", Code: "build/lambda/arm64/orders"},
//		Records:         records,
//		Window:          24 * time.Hour,
//	})
//	construct.Allow(orders.Function, table, "dynamodb:PutItem")
package construct
