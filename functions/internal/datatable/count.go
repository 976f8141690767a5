package datatable

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Count counts one more of something, and reports whether there have been at
// most limit of it since the beginning of the current period. What is beyond the
// limit is not counted. Name says of what, and may hold who it is counted for.
func (t *Table) Count(ctx context.Context, name string, limit int, period time.Duration) (within bool, err error) {
	now := t.cfg.Clock()
	began := now.Truncate(period)
	_, err = t.cfg.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &t.cfg.Name,
		Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "count#" + name},
			"sk": &types.AttributeValueMemberS{Value: strconv.FormatInt(began.Unix(), 10)},
		},
		UpdateExpression:    aws.String("SET expiration = :expiration ADD counted :one"),
		ConditionExpression: aws.String("attribute_not_exists(counted) OR counted < :limit"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":one":        number(1),
			":limit":      number(limit),
			":expiration": number(began.Add(period + time.Hour).Unix()),
		},
	})
	if _, full := errors.AsType[*types.ConditionalCheckFailedException](err); full {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("datatable: count %s: %w", name, err)
	}
	return true, nil
}
