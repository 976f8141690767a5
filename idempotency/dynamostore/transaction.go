package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// AtomicClient is the part of *[dynamodb.Client] that an [AtomicStore] uses.
type AtomicClient interface {
	Client
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// AtomicStore is a [Store] for guards in atomic mode: it writes what an
// execution plans, in any tables of the account and region, in one
// TransactWriteItems with the record. The execution plans by means of the
// [Transaction] in its context.
//
// Beyond what a Store needs, the role needs on each table the permission for
// what is planned there: dynamodb:PutItem, UpdateItem, DeleteItem or
// ConditionCheckItem.
type AtomicStore struct {
	*Store
	client AtomicClient
}

var _ idempotency.AtomicStore = (*AtomicStore)(nil)

// NewAtomic returns an atomic store on the table of that name or ARN. It refuses
// what [New] refuses.
func NewAtomic(client AtomicClient, table string, options ...Option) (*AtomicStore, error) {
	if client == nil {
		return nil, errors.New("dynamostore: the client is missing")
	}
	store, err := New(client, table, options...)
	if err != nil {
		return nil, err
	}
	return &AtomicStore{store, client}, nil
}

// Transaction is the plan of one execution in atomic mode: the writes that are
// to happen together with its record, or not at all. At most 99 fit beside the
// record, and 4 MB with it. It is not safe for concurrent use.
type Transaction struct {
	writes  []types.TransactWriteItem
	names   []string
	refused map[string]types.CancellationReason
	err     error
}

// TransactionFrom returns the transaction in which ctx's execution plans, or nil
// if ctx belongs to no execution in atomic mode.
func TransactionFrom(ctx context.Context) *Transaction {
	t, _ := ctx.Value(transactionKey{}).(*Transaction)
	return t
}

type transactionKey struct{}

// Plan adds one write, under a name of the execution's choosing by which
// [Transaction.Refused] tells of it: exactly one of the fields of w is set. A
// second write of the same name makes the transaction fail.
func (t *Transaction) Plan(name string, w types.TransactWriteItem) {
	if slices.Contains(t.names, name) {
		t.err = fmt.Errorf("dynamostore: two writes are planned under the name %q", name)
	}
	switch { // the old item is what tells the execution why it was refused
	case w.Put != nil:
		put := *w.Put
		put.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
		w.Put = &put
	case w.Update != nil:
		update := *w.Update
		update.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
		w.Update = &update
	case w.Delete != nil:
		del := *w.Delete
		del.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
		w.Delete = &del
	case w.ConditionCheck != nil:
		check := *w.ConditionCheck
		check.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
		w.ConditionCheck = &check
	default:
		t.err = fmt.Errorf("dynamostore: the write planned under the name %q is empty", name)
	}
	t.names = append(t.names, name)
	t.writes = append(t.writes, w)
}

// Refused tells whether the write of that name was refused because its condition
// did not hold, when the same execution planned it before. The reason then
// carries the item as it was, if there was one. An execution that was refused
// plans something else, such as nothing but the answer that the article is out
// of stock.
func (t *Transaction) Refused(name string) (types.CancellationReason, bool) {
	reason, refused := t.refused[name]
	return reason, refused
}

// planRefusal is why a plan was not written.
type planRefusal struct {
	byName map[string]types.CancellationReason
}

func (r *planRefusal) Error() string {
	return fmt.Sprintf("dynamostore: the conditions of %q do not hold", slices.Sorted(maps.Keys(r.byName)))
}

func (r *planRefusal) Unwrap() error { return idempotency.ErrRefused }

// Begin implements [idempotency.AtomicStore] without a request.
func (s *AtomicStore) Begin(ctx context.Context, a idempotency.Attempt) (context.Context, *idempotency.Record, error) {
	t := &Transaction{}
	if r, ok := errors.AsType[*planRefusal](a.Refusal); ok {
		t.refused = r.byName
	}
	return context.WithValue(ctx, transactionKey{}, t), nil, nil
}

// End implements [idempotency.AtomicStore]. A plan holds nothing.
func (s *AtomicStore) End(context.Context) {}

// Limits of TransactWriteItems. A response is left out of the transaction if it
// takes more than its share of the bytes, because the effects need theirs.
const (
	maxTransactionItems = 100
	maxTransactionData  = 3 << 20
)

// Commit implements [idempotency.AtomicStore] with one TransactWriteItems.
func (s *AtomicStore) Commit(ctx context.Context, completed idempotency.Record, now time.Time) (*idempotency.Record, error) {
	t := TransactionFrom(ctx)
	if t == nil {
		return nil, errors.New("dynamostore: Commit needs a context from Begin")
	}
	if t.err != nil {
		return nil, t.err
	}
	if len(completed.Data) > maxTransactionData {
		completed.Data = nil
	}
	p, err := s.pack(completed.Data)
	if err != nil {
		return nil, err
	}
	// The record comes first: whether the key is free is asked before all else.
	items := []types.TransactWriteItem{{Put: &types.Put{
		TableName:                           &s.table,
		Item:                                toItem(completed, p),
		ConditionExpression:                 aws.String(isFree),
		ExpressionAttributeValues:           map[string]types.AttributeValue{":now": number(now.Unix())},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}}
	items = append(items, t.writes...)
	for i := range p.parts {
		items = append(items, types.TransactWriteItem{Put: &types.Put{TableName: &s.table, Item: partItem(completed, p, i)}})
	}
	if len(items) > maxTransactionItems {
		return nil, fmt.Errorf("dynamostore: %d writes with the record, and a transaction holds %d", len(items), maxTransactionItems)
	}
	// The SDK gives the request a token of its own and repeats it with that one.
	output, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
		TransactItems:          items,
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	})
	if err == nil {
		countTransaction(ctx, output.ConsumedCapacity)
		return nil, nil
	}
	if cancelled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		return s.cancelled(ctx, t, completed, cancelled)
	}
	if _, ok := errors.AsType[*types.TransactionInProgressException](err); ok {
		return nil, fmt.Errorf("%w: %w", idempotency.ErrConflict, err)
	}
	return nil, err
}

// cancelled finds out what stood in the way of a transaction.
func (s *AtomicStore) cancelled(ctx context.Context, t *Transaction, completed idempotency.Record, cancelled *types.TransactionCanceledException) (*idempotency.Record, error) {
	reasons := cancelled.CancellationReasons
	countCancellation(ctx, reasons)
	if len(reasons) <= len(t.writes) {
		return nil, cancelled
	}
	if aws.ToString(reasons[0].Code) == conditionFailed {
		existing, p, err := fromItem(reasons[0].Item)
		switch {
		case err != nil:
			return nil, err
		case existing.Owner == completed.Owner:
			return nil, nil // committed by an attempt whose reply was lost
		case existing.Fingerprint != completed.Fingerprint:
			return existing, nil
		}
		return s.unpack(ctx, existing, p)
	}
	refused := &planRefusal{byName: map[string]types.CancellationReason{}}
	for i, reason := range reasons {
		switch aws.ToString(reason.Code) {
		case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			return nil, fmt.Errorf("%w: %w", idempotency.ErrConflict, cancelled)
		case conditionFailed:
			if i <= len(t.writes) {
				refused.byName[t.names[i-1]] = reason
			}
		}
	}
	if len(refused.byName) > 0 {
		return nil, refused
	}
	return nil, cancelled
}

const conditionFailed = "ConditionalCheckFailed"
