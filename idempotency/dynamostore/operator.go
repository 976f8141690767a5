package dynamostore

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

var _ idempotency.OperatorStore = (*Store)(nil)

// Look implements [idempotency.OperatorStore] with one consistent GetItem, and one
// more for each part of a response that is kept beside the record.
func (s *Store) Look(ctx context.Context, id string) (*idempotency.Record, error) {
	return s.load(ctx, id, true)
}

func (s *Store) load(ctx context.Context, id string, consistent bool) (*idempotency.Record, error) {
	item, err := s.get(ctx, id, consistent, 0)
	if err != nil || item == nil {
		return nil, err
	}
	record, p, err := fromItem(item)
	if err != nil {
		return nil, err
	}
	if len(record.Steps) > 0 {
		record.Steps, err = s.stepsOf(ctx, item)
		return record, err
	}
	return s.complete(ctx, record, p)
}

// Settle implements [idempotency.OperatorStore] with one PutItem, before which
// comes one more for each 380 KiB of a response that is kept beside the record.
func (s *Store) Settle(ctx context.Context, observed, settled idempotency.Record) (bool, error) {
	p, err := s.pack(settled.Data, s.inlineLimit)
	if err != nil {
		return false, err
	}
	if err := s.putParts(ctx, parted{id: settled.ID, owner: settled.Owner}, settled.Expires.Unix(), p); err != nil {
		return false, err
	}
	item, refused, err := s.putItem(ctx, &dynamodb.PutItemInput{
		Item:                      toItem(settled, p),
		ConditionExpression:       aws.String(isObserved), // condition: as-observed
		ExpressionAttributeNames:  ownerAndStatus,
		ExpressionAttributeValues: as(observed),
	})
	if err != nil || !refused || item == nil {
		return err == nil && !refused, err
	}
	existing, _, err := fromItem(item) // whatever it is that cannot be read, it is not ours
	return err == nil && existing.Owner == settled.Owner && existing.Status == idempotency.Completed, nil
}

// as returns the values of isObserved for a record in progress.
func as(observed idempotency.Record) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		":observed":   text(observed.Owner),
		":inprogress": text(string(idempotency.InProgress)),
		":lease":      number(observed.LeaseUntil.UnixMilli()),
	}
}

// Forget implements [idempotency.OperatorStore] with one DeleteItem, and one more for
// each part of a result that is kept beside the record, that of a step included. Parts that an interrupted
// Forget leaves, or one whose reply was lost, expire with the window of the record.
func (s *Store) Forget(ctx context.Context, observed idempotency.Record) (bool, error) {
	input := &dynamodb.DeleteItemInput{
		ConditionExpression:       aws.String(isGoneOrObserved),
		ExpressionAttributeNames:  ownerAndStatus,
		ExpressionAttributeValues: as(observed),
	}
	if observed.Status == idempotency.Completed {
		input.ConditionExpression = aws.String(isGoneOrCompleted)
		input.ExpressionAttributeValues = map[string]types.AttributeValue{
			":observed": text(observed.Owner), ":completed": text(string(idempotency.Completed)),
		}
	}
	item, refused, err := s.delete(ctx, observed.ID, input)
	if err != nil || refused || item == nil {
		return err == nil && !refused, err
	}
	record, p, err := fromItem(item)
	if err != nil {
		return false, err
	}
	beside, err := partsBeside(item, parted{id: record.ID, owner: record.Owner}, p)
	if err != nil {
		return false, err
	}
	err = concurrently(len(beside), func(i int) error {
		_, _, err := s.delete(ctx, beside[i], &dynamodb.DeleteItemInput{})
		return err
	})
	if err != nil {
		return true, fmt.Errorf("dynamostore: the record is deleted, but not all of the response beside it, which expires at %v: %w", record.Expires.UTC(), err)
	}
	return true, nil
}

// delete deletes the item of that id and returns it, nil if there was none, or
// reports that the condition of input has refused it.
func (s *Store) delete(ctx context.Context, id string, input *dynamodb.DeleteItemInput) (old map[string]types.AttributeValue, refused bool, err error) {
	ctx, cancel := s.limited(ctx, 0)
	defer cancel()
	input.TableName, input.Key = &s.table, keyOf(id)
	input.ReturnValues = types.ReturnValueAllOld
	input.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	input.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	output, err := inTurn(ctx, func() (*dynamodb.DeleteItemOutput, error) { return s.client.DeleteItem(ctx, input) })
	if existing, refused := refusal(err); refused {
		countRefusal(ctx, existing)
		return existing, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	countWrite(ctx, output.ConsumedCapacity)
	return output.Attributes, false, nil
}
