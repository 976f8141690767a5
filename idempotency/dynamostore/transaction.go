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
	"github.com/aws/smithy-go"

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
// A response that does not fit in the transaction beside the effects is not
// recorded, and duplicates get [idempotency.ErrResultNotKept].
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
	size    int // of the writes, in bytes
	refused map[string]types.CancellationReason
	err     error // the first mistake
}

// ErrNoTransaction is returned if a context belongs to no execution in atomic
// mode: the guard is missing, or its Config.Mode is not [idempotency.Atomic].
var ErrNoTransaction = errors.New("dynamostore: the context has no transaction: is this an execution of a guard in atomic mode?")

// TransactionFrom returns the transaction in which ctx's execution plans. It
// returns [ErrNoTransaction], beside a nil transaction, if there is none.
func TransactionFrom(ctx context.Context) (*Transaction, error) {
	if t, ok := ctx.Value(transactionKey{}).(*Transaction); ok {
		return t, nil
	}
	return nil, ErrNoTransaction
}

type transactionKey struct{}

// Plan adds one write under a name that the execution chooses, by which
// [Transaction.Refused] tells of it. Exactly one of the fields of w is set.
//
// A plan that DynamoDB would refuse at every attempt is a mistake in the program,
// and Plan returns an error that wraps [idempotency.ErrPlan]: for an empty write, a
// name that is used twice, a second write of one item as far as that can be seen,
// and more than 99 writes. The error may be ignored: the transaction then fails by
// it, and nothing is written.
func (t *Transaction) Plan(name string, w types.TransactWriteItem) error {
	if t == nil {
		return ErrNoTransaction
	}
	if err := t.plan(name, w); err != nil {
		err = fmt.Errorf("dynamostore: the write %q: %w: %w", name, err, idempotency.ErrPlan)
		if t.err == nil {
			t.err = err
		}
		return err
	}
	return nil
}

func (t *Transaction) plan(name string, w types.TransactWriteItem) error {
	if slices.Contains(t.names, name) {
		return errors.New("another has the same name")
	}
	if len(t.writes) == maxTransactionItems-1 {
		return fmt.Errorf("a transaction holds no more than %d beside the record", maxTransactionItems-1)
	}
	set := 0
	for _, isSet := range []bool{w.Put != nil, w.Update != nil, w.Delete != nil, w.ConditionCheck != nil} {
		if isSet {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("%d of its fields are set, want one", set)
	}
	for i, other := range t.writes {
		if sameItem(w, other) {
			return fmt.Errorf("the write %q is of the same item", t.names[i])
		}
	}
	const allOld = types.ReturnValuesOnConditionCheckFailureAllOld // it tells the execution why it was refused
	switch {
	case w.Put != nil:
		put := *w.Put
		put.ReturnValuesOnConditionCheckFailure = allOld
		w.Put = &put
	case w.Update != nil:
		update := *w.Update
		update.ReturnValuesOnConditionCheckFailure = allOld
		w.Update = &update
	case w.Delete != nil:
		del := *w.Delete
		del.ReturnValuesOnConditionCheckFailure = allOld
		w.Delete = &del
	case w.ConditionCheck != nil:
		check := *w.ConditionCheck
		check.ReturnValuesOnConditionCheckFailure = allOld
		w.ConditionCheck = &check
	}
	t.names = append(t.names, name)
	t.writes = append(t.writes, w)
	t.size += writeSize(w)
	return nil
}

// Refused returns why the write of that name was refused, and reports whether it
// was, because its condition did not hold when the same execution planned it
// before. The reason carries the item as it was, if there was one. An execution
// that was refused plans something else, such as nothing but the response that the
// article is out of stock.
func (t *Transaction) Refused(name string) (types.CancellationReason, bool) {
	if t == nil {
		return types.CancellationReason{}, false
	}
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

// Limits of TransactWriteItems, of which the second leaves room for what sizes do
// not account for.
const (
	maxTransactionItems = 100
	maxTransactionSize  = 4<<20 - 64<<10
)

// Commit implements [idempotency.AtomicStore] with one TransactWriteItems.
func (s *AtomicStore) Commit(ctx context.Context, completed idempotency.Record, now time.Time) (*idempotency.Record, error) {
	t, err := TransactionFrom(ctx)
	if err != nil {
		return nil, err
	}
	if t.err != nil {
		return nil, t.err
	}
	p, err := s.pack(completed.Data, s.inlineLimit)
	if err != nil {
		return nil, err
	}
	if p.size() > 0 && (1+len(t.writes)+len(p.parts) > maxTransactionItems || t.size+p.size() > maxTransactionSize) {
		return nil, fmt.Errorf("dynamostore: a response of %d bytes beside %d writes: %w", p.size(), len(t.writes), idempotency.ErrTooLarge)
	}
	// The record comes first: whether the key is free is asked before all else.
	items := []types.TransactWriteItem{{Put: &types.Put{
		TableName:                           &s.table,
		Item:                                toItem(completed, p),
		ConditionExpression:                 aws.String(isFree), // condition: atomic-free-key
		ExpressionAttributeValues:           map[string]types.AttributeValue{":now": number(now.Unix())},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}}
	items = append(items, t.writes...)
	of := parted{id: completed.ID, owner: completed.Owner}
	for i, part := range p.parts {
		item := partItem(of.part(i), completed.Expires.Unix(), part)
		items = append(items, types.TransactWriteItem{Put: &types.Put{TableName: &s.table, Item: item}})
	}
	// The SDK gives the request a token of its own and repeats it with that one.
	limited, cancel := s.limited(ctx, t.size+p.size())
	defer cancel()
	output, err := s.client.TransactWriteItems(limited, &dynamodb.TransactWriteItemsInput{
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
	if isMistake(err) {
		if p.size() > 0 && len(p.parts) > 0 {
			return nil, fmt.Errorf("%w: %w", idempotency.ErrTooLarge, err) // without it the mistake remains, or was none
		}
		return nil, fmt.Errorf("%w: %w", idempotency.ErrPlan, err)
	}
	return nil, err
}

// isMistake reports whether DynamoDB refuses the request for what it is, and would
// at every attempt.
func isMistake(err error) bool {
	if _, unknownTable := errors.AsType[*types.ResourceNotFoundException](err); unknownTable {
		return true
	}
	failure, ok := errors.AsType[smithy.APIError](err)
	return ok && failure.ErrorCode() == "ValidationException"
}

// cancelled finds out what stood in the way of a transaction.
func (s *AtomicStore) cancelled(ctx context.Context, t *Transaction, completed idempotency.Record, cancelled *types.TransactionCanceledException) (*idempotency.Record, error) {
	reasons := cancelled.CancellationReasons
	countCancellation(ctx, reasons)
	if len(reasons) <= len(t.writes) {
		return nil, cancelled
	}
	if aws.ToString(reasons[0].Code) == conditionFailed {
		return s.obstacle(ctx, completed, reasons[0].Item)
	}
	refused := &planRefusal{byName: map[string]types.CancellationReason{}}
	for i, reason := range reasons {
		switch aws.ToString(reason.Code) {
		case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			return nil, fmt.Errorf("%w: %w", idempotency.ErrConflict, cancelled)
		case "ValidationError":
			return nil, fmt.Errorf("%w: %w", idempotency.ErrPlan, cancelled)
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

// obstacle returns the record that refused the transaction, or nil if it is that
// of this very transaction.
func (s *AtomicStore) obstacle(ctx context.Context, completed idempotency.Record, item map[string]types.AttributeValue) (*idempotency.Record, error) {
	if item == nil { // the endpoint brings no old items
		var err error
		if item, err = s.get(ctx, completed.ID, true, 0); err != nil {
			return nil, err
		}
		if item == nil {
			return nil, fmt.Errorf("%w: the record in the way is gone", idempotency.ErrConflict)
		}
	}
	existing, p, err := fromItem(item)
	switch {
	case err != nil:
		return nil, err
	case existing.Owner == completed.Owner: // condition: atomic-own-record
		return nil, nil // committed by an attempt whose reply was lost
	case existing.Fingerprint != completed.Fingerprint:
		return existing, nil
	}
	return s.complete(ctx, existing, p)
}

const conditionFailed = "ConditionalCheckFailed"
