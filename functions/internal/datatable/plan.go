package datatable

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

// PlanPut plans what [Table.Put] does, in the transaction of ctx's execution. It
// fails where that is not one in atomic mode.
func (t *Table) PlanPut(ctx context.Context, owner session.ID, e Entry, detail any) error {
	tx, err := dynamostore.TransactionFrom(ctx)
	if err != nil {
		return err
	}
	item, err := t.encode(owner, e, detail)
	if err != nil {
		return err
	}
	return tx.Plan(string(e.Kind)+" "+e.ID, types.TransactWriteItem{Put: &types.Put{TableName: &t.cfg.Name, Item: item}})
}

// PlanExecution plans what [Table.RecordExecution] does, in the transaction of
// ctx's execution. What is written down then is not that the operation began, but
// that it ended: an execution whose transaction is not committed has had no
// effect, and leaves no trace either.
func (t *Table) PlanExecution(ctx context.Context, owner session.ID, operation string) error {
	entry, detail := t.execution(ctx, operation)
	return t.PlanPut(ctx, owner, entry, detail)
}

// ShortageError says that there is less in stock than is to be taken.
type ShortageError struct {
	// Available is what was left when the plan was refused.
	Available int
}

func (e *ShortageError) Error() string {
	return fmt.Sprintf("datatable: only %d left in stock", e.Available)
}

// Conditions of [Table.PlanTake].
const (
	isUntouched = "attribute_not_exists(pk)"
	isExpired   = "expiration <= :now"
	isEnough    = "(expiration > :now AND stock >= :quantity)"
)

// PlanTake plans to take quantity from the owner's stock of an article, in the
// transaction of ctx's execution, which is refused where there is not as much. A
// stock from which nothing was taken yet holds initial.
//
// Planning again after a refusal, it plans nothing and returns a *[ShortageError].
// It fails where the execution is not one in atomic mode.
func (t *Table) PlanTake(ctx context.Context, owner session.ID, article string, quantity, initial int) error {
	tx, err := dynamostore.TransactionFrom(ctx)
	if err != nil {
		return err
	}
	now := t.cfg.Clock()
	update := &types.Update{
		TableName:           &t.cfg.Name,
		Key:                 map[string]types.AttributeValue{"pk": partition(owner), "sk": sortKey(string(stockKind), article)},
		UpdateExpression:    aws.String("SET stock = if_not_exists(stock, :initial) - :quantity, expiration = :expiration"),
		ConditionExpression: aws.String(isUntouched + " OR " + isEnough),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":initial":    number(initial),
			":quantity":   number(quantity),
			":now":        number(now.Unix()),
			":expiration": number(now.Add(t.cfg.Retention).Unix()),
		},
	}
	if quantity > initial {
		update.ConditionExpression = aws.String(isEnough)
		delete(update.ExpressionAttributeValues, ":initial")
		update.UpdateExpression = aws.String("SET stock = stock - :quantity, expiration = :expiration")
	}

	name := string(stockKind) + " " + article
	if reason, refused := tx.Refused(name); refused {
		left, expired, err := t.left(reason.Item, initial)
		switch {
		case err != nil:
			return err
		case left < quantity:
			return &ShortageError{Available: left}
		case expired: // but not yet deleted: the count begins anew
			update.UpdateExpression = aws.String("SET stock = :initial - :quantity, expiration = :expiration")
			update.ConditionExpression = aws.String(isUntouched + " OR " + isExpired)
		}
	}
	return tx.Plan(name, types.TransactWriteItem{Update: update})
}

// left reads what a stock's item says, if there is one.
func (t *Table) left(item map[string]types.AttributeValue, initial int) (left int, expired bool, err error) {
	if len(item) == 0 {
		return initial, false, nil
	}
	var content struct {
		Stock      int   `dynamodbav:"stock"`
		Expiration int64 `dynamodbav:"expiration"`
	}
	if err := attributevalue.UnmarshalMap(item, &content); err != nil {
		return 0, false, fmt.Errorf("datatable: decode a stock: %w", err)
	}
	if content.Expiration <= t.cfg.Clock().Unix() {
		return initial, true, nil
	}
	return content.Stock, false, nil
}

func number[N int | int64](n N) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(n), 10)}
}
