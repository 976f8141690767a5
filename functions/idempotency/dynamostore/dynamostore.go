// Package dynamostore keeps idempotency records in an Amazon DynamoDB table.
//
// The table's partition key is the string attribute "id"; "expiration" should
// be its TTL attribute. Every step of the protocol is one conditional request,
// and a refused one brings the record in the way back in the same reply, so a
// replay costs one round trip. The function's role needs dynamodb:PutItem and
// dynamodb:DeleteItem on the table, and dynamodb:GetItem for [Store.Load].
//
// Attribute names and status words are those of Powertools for AWS Lambda.
package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/functions/idempotency"
)

// Client is the part of *[dynamodb.Client] that a store uses.
type Client interface {
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}

// Store keeps records in one table. It is safe for concurrent use; make one
// with [New].
type Store struct {
	client Client
	table  string
}

var _ idempotency.Store = (*Store)(nil)

// New returns a store on the table of that name or ARN. It refuses an empty
// name, and asks the table nothing.
func New(client Client, table string) (*Store, error) {
	if client == nil {
		return nil, errors.New("dynamostore: the client is missing")
	}
	if table == "" {
		return nil, errors.New("dynamostore: the table name is empty")
	}
	return &Store{client, table}, nil
}

// Conditions. The names behind "#" are reserved words of DynamoDB.
const (
	isFree       = "attribute_not_exists(id) OR expiration <= :now"
	isObserved   = "#owner = :observed AND #status = :inprogress AND in_progress_expiration = :lease"
	isOwn        = "#owner = :owner AND #status = :inprogress"
	isOwnOrGone  = "attribute_not_exists(id) OR (" + isOwn + ")"
	isFreeOrOver = isFree + " OR (" + isObserved + ")"
)

var ownerAndStatus = map[string]string{"#owner": "owner", "#status": "status"}

// Claim implements [idempotency.Store] with one PutItem.
func (s *Store) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	input := &dynamodb.PutItemInput{
		Item:                      toItem(c.Record),
		ConditionExpression:       aws.String(isFree),
		ExpressionAttributeValues: map[string]types.AttributeValue{":now": number(c.Now.Unix())},
	}
	if over := c.TakeOver; over != nil {
		input.ConditionExpression = aws.String(isFreeOrOver)
		input.ExpressionAttributeNames = ownerAndStatus
		input.ExpressionAttributeValues[":observed"] = text(over.Owner)
		input.ExpressionAttributeValues[":inprogress"] = text(string(idempotency.InProgress))
		input.ExpressionAttributeValues[":lease"] = number(over.LeaseUntil.UnixMilli())
	}
	existing, err := s.put(ctx, input)
	if existing != nil && existing.Owner == c.Record.Owner && existing.Status == idempotency.InProgress {
		return nil, err // the SDK repeated a claim whose reply was lost, and met it
	}
	return existing, err
}

// maxData is what fits into an item of 400 KB beside the other attributes.
const maxData = 380 << 10

// Complete implements [idempotency.Store] with one PutItem. Data of more than
// 380 KiB does not fit into an item: the record is completed without it.
func (s *Store) Complete(ctx context.Context, completed idempotency.Record) (*idempotency.Record, error) {
	if len(completed.Data) > maxData {
		completed.Data = nil
	}
	existing, err := s.put(ctx, &dynamodb.PutItemInput{
		Item:                      toItem(completed),
		ConditionExpression:       aws.String(isOwnOrGone),
		ExpressionAttributeNames:  ownerAndStatus,
		ExpressionAttributeValues: own(completed.Owner),
	})
	if existing != nil && existing.Owner == completed.Owner && existing.Status == idempotency.Completed {
		return nil, err // completed by an attempt whose reply was lost
	}
	return existing, err
}

// put writes the item and returns nil, or returns the record that stands in
// the way.
func (s *Store) put(ctx context.Context, input *dynamodb.PutItemInput) (*idempotency.Record, error) {
	input.TableName = &s.table
	input.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	_, err := s.client.PutItem(ctx, input)
	if refused, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return fromItem(refused.Item)
	}
	return nil, err
}

// Release implements [idempotency.Store] with one DeleteItem.
func (s *Store) Release(ctx context.Context, id, owner string) error {
	_, err := s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName:                 &s.table,
		Key:                       map[string]types.AttributeValue{"id": text(id)},
		ConditionExpression:       aws.String(isOwn),
		ExpressionAttributeNames:  ownerAndStatus,
		ExpressionAttributeValues: own(owner),
	})
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return nil
	}
	return err
}

// Load implements [idempotency.Store] with one consistent GetItem.
func (s *Store) Load(ctx context.Context, id string) (*idempotency.Record, error) {
	output, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      &s.table,
		Key:            map[string]types.AttributeValue{"id": text(id)},
		ConsistentRead: aws.Bool(true),
	})
	if err != nil || len(output.Item) == 0 {
		return nil, err
	}
	return fromItem(output.Item)
}

func own(owner string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		":owner":      text(owner),
		":inprogress": text(string(idempotency.InProgress)),
	}
}

func toItem(r idempotency.Record) map[string]types.AttributeValue {
	item := map[string]types.AttributeValue{
		"id":         text(r.ID),
		"status":     text(string(r.Status)),
		"owner":      text(r.Owner),
		"validation": text(string(r.Fingerprint)),
		"expiration": number(r.Expires.Unix()),
	}
	if r.Status == idempotency.InProgress {
		item["in_progress_expiration"] = number(r.LeaseUntil.UnixMilli())
	}
	if r.Data != nil {
		item["data"] = &types.AttributeValueMemberB{Value: r.Data}
	}
	return item
}

// fromItem reads a record. One that lacks what it needs is an error and not a
// free key: whoever wrote it meant something by it.
func fromItem(item map[string]types.AttributeValue) (*idempotency.Record, error) {
	r := reader{item: item}
	record := &idempotency.Record{
		ID:          r.text("id"),
		Status:      idempotency.Status(r.text("status")),
		Owner:       r.text("owner"),
		Fingerprint: idempotency.Fingerprint(r.text("validation")),
		Expires:     time.Unix(r.number("expiration"), 0),
	}
	switch record.Status {
	case idempotency.InProgress:
		record.LeaseUntil = time.UnixMilli(r.number("in_progress_expiration"))
	case idempotency.Completed:
		record.Data = r.optionalBytes("data")
	default:
		r.fail("status")
	}
	if r.err != nil {
		return nil, r.err
	}
	return record, nil
}

// reader reads attributes and remembers the first that is not as it should be.
type reader struct {
	item map[string]types.AttributeValue
	err  error
}

func (r *reader) fail(name string) {
	if r.err == nil {
		r.err = fmt.Errorf("dynamostore: the record's attribute %q is missing or malformed", name)
	}
}

func (r *reader) text(name string) string {
	if s, ok := r.item[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	r.fail(name)
	return ""
}

func (r *reader) number(name string) int64 {
	if n, ok := r.item[name].(*types.AttributeValueMemberN); ok {
		if value, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			return value
		}
	}
	r.fail(name)
	return 0
}

func (r *reader) optionalBytes(name string) []byte {
	value, found := r.item[name]
	if !found {
		return nil
	}
	b, ok := value.(*types.AttributeValueMemberB)
	if !ok {
		r.fail(name)
		return nil
	}
	if b.Value == nil {
		return []byte{}
	}
	return b.Value
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
