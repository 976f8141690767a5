package dynamostore

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// A request counts as one round trip; one that the SDK repeated, too.

func countRead(ctx context.Context, consumed *types.ConsumedCapacity) {
	cost := idempotency.Cost{RoundTrips: 1}
	if consumed != nil {
		cost.ReadUnits = aws.ToFloat64(consumed.CapacityUnits)
	}
	idempotency.AddCost(ctx, cost)
}

func countWrite(ctx context.Context, consumed *types.ConsumedCapacity) {
	cost := idempotency.Cost{RoundTrips: 1}
	if consumed != nil {
		cost.WriteUnits = aws.ToFloat64(consumed.CapacityUnits)
	}
	idempotency.AddCost(ctx, cost)
}

func countTransaction(ctx context.Context, consumed []types.ConsumedCapacity) {
	cost := idempotency.Cost{RoundTrips: 1}
	for _, table := range consumed {
		cost.WriteUnits += aws.ToFloat64(table.CapacityUnits)
	}
	idempotency.AddCost(ctx, cost)
}

// countRefusal counts a write whose condition did not hold. DynamoDB does not
// report what that consumed; it is documented to be what overwriting the
// existing item would have.
func countRefusal(ctx context.Context, existing map[string]types.AttributeValue) {
	idempotency.AddCost(ctx, idempotency.Cost{RoundTrips: 1, WriteUnits: writeUnits(existing)})
}

// countCancellation counts a cancelled transaction, which consumes what its
// writes would have, twice for being one.
func countCancellation(ctx context.Context, reasons []types.CancellationReason) {
	cost := idempotency.Cost{RoundTrips: 1}
	for _, reason := range reasons {
		cost.WriteUnits += 2 * writeUnits(reason.Item)
	}
	idempotency.AddCost(ctx, cost)
}

const writeUnit = 1 << 10

// writeUnits returns the units that it takes to write an item.
func writeUnits(item map[string]types.AttributeValue) float64 {
	return float64(max(1, (attributesSize(item)+writeUnit-1)/writeUnit))
}
