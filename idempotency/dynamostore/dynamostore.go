// Package dynamostore keeps idempotency records in an Amazon DynamoDB table.
//
// The table's partition key is the string attribute "id"; "expiration" should
// be its TTL attribute. Every step of the protocol is one conditional request,
// and the reply to a refused one holds the record in the way, so a replay costs
// one round trip. If an endpoint leaves that record out, as DAX does, a consistent
// read follows. A large response is kept beside its record, so that a duplicate
// stays cheap: DynamoDB charges a refused write by the size of the item that
// refused it.
//
// Each request has a time limit, [RequestTimeout], so that one whose reply never
// comes can be made again.
//
// The SDK's client may be made with [Tuned], which saves some of the time that
// the SDK takes.
//
// A function's role needs dynamodb:PutItem, dynamodb:DeleteItem and
// dynamodb:GetItem on the table, and for executions with steps
// dynamodb:UpdateItem, too.
//
// Attribute names and status words are those of Powertools for AWS Lambda.
package dynamostore

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/internal/compression"
)

// Client is the part of *[dynamodb.Client] that a store uses.
type Client interface {
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

// Store keeps records in one table. It is safe for concurrent use; make one
// with [New].
type Store struct {
	client      Client
	table       string
	inlineLimit int
	codec       compression.Codec
	timeout     time.Duration
}

var _ idempotency.StepStore = (*Store)(nil)

// Defaults of the options.
const (
	DefaultInlineLimit    = 4 << 10
	DefaultCompressAbove  = compression.DefaultAbove
	DefaultRequestTimeout = time.Second
)

// Option configures a store.
type Option func(*Store)

// InlineLimit sets the largest response, in bytes after compression, that is
// kept in the record itself; a larger one is kept beside it. At most 380 KiB,
// default 4 KiB.
func InlineLimit(bytes int) Option { return func(s *Store) { s.inlineLimit = bytes } }

// CompressAbove sets the size in bytes from which responses are compressed if
// that makes them smaller. Negative for never, default 1 KiB.
func CompressAbove(bytes int) Option { return func(s *Store) { s.codec.Above = bytes } }

// RequestTimeout sets how long a request may take, the repetitions that the SDK
// makes of it included, before it is given up. The guard then makes another, which
// is safe: a request that was carried out meets itself. A large request has as
// much time again for each 512 KiB that travel at once: 7 times the limit for a
// response of 3 MiB or more, 9 times for the largest transaction. Negative for no
// limit, at most a day, to which a longer one is shortened, default 1 second.
func RequestTimeout(d time.Duration) Option {
	return func(s *Store) { s.timeout = min(d, longestTimeout) }
}

// longestTimeout keeps the limit of a large request from overflowing.
const longestTimeout = 24 * time.Hour

// New returns a store on the table of that name or ARN. It makes no request. It
// refuses a missing client, an empty name and limits out of bounds.
func New(client Client, table string, options ...Option) (*Store, error) {
	s := &Store{
		client: client, table: table, inlineLimit: DefaultInlineLimit,
		codec: compression.Codec{Above: DefaultCompressAbove}, timeout: DefaultRequestTimeout,
	}
	for _, option := range options {
		option(s)
	}
	switch {
	case client == nil:
		return nil, errors.New("dynamostore: the client is missing")
	case table == "":
		return nil, errors.New("dynamostore: the table name is empty")
	case s.inlineLimit < 0 || s.inlineLimit > maxPart:
		return nil, errors.New("dynamostore: InlineLimit is out of bounds: want 0 to 389120 bytes")
	case s.timeout == 0:
		return nil, errors.New("dynamostore: RequestTimeout is 0: want a time, or less than 0 for no limit")
	}
	return s, nil
}

// Conditions. The names behind "#" are reserved words of DynamoDB.
const (
	isFree           = "attribute_not_exists(id) OR expiration <= :now"                                   // condition: free-key
	isObserved       = "#owner = :observed AND #status = :inprogress AND in_progress_expiration = :lease" // condition: takeover
	isOwn            = "#owner = :owner AND #status = :inprogress"                                        // condition: ownership
	isOwnAndNotLater = isOwn + " AND in_progress_expiration <= :lease"                                    // condition: renewal-forward
	isOwnOrGone      = "attribute_not_exists(id) OR (" + isOwn + ")"                                      // condition: fencing
	isFreeOrOver     = isFree + " OR (" + isObserved + " AND " + hasNoSteps + ")"                         // condition: steps-kept
	hasNoSteps       = "attribute_not_exists(steps)"                                                      // condition: steps-kept

	isGoneOrObserved  = "attribute_not_exists(id) OR (" + isObserved + ")"                          // condition: as-observed
	isGoneOrCompleted = "attribute_not_exists(id) OR (#owner = :observed AND #status = :completed)" // condition: as-observed
)

var ownerAndStatus = map[string]string{"#owner": "owner", "#status": "status"}

func own(owner string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		":owner":      text(owner),
		":inprogress": text(string(idempotency.InProgress)),
	}
}

// Claim implements [idempotency.Store] with one PutItem. A takeover is as
// [Store.TakeOver] makes it.
func (s *Store) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	if c.TakeOver != nil {
		_, existing, err := s.TakeOver(ctx, c)
		return existing, err
	}
	return s.replace(ctx, c)
}

// replace claims a key that is free, or whose record is c.TakeOver and has no steps.
func (s *Store) replace(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	input := &dynamodb.PutItemInput{
		Item:                      toItem(c.Record, payload{}),
		ConditionExpression:       aws.String(isFree), // condition: free-key
		ExpressionAttributeValues: map[string]types.AttributeValue{":now": number(c.Now.Unix())},
	}
	if over := c.TakeOver; over != nil {
		input.ConditionExpression = aws.String(isFreeOrOver)
		input.ExpressionAttributeNames = ownerAndStatus
		input.ExpressionAttributeValues[":observed"] = text(over.Owner)
		input.ExpressionAttributeValues[":inprogress"] = text(string(idempotency.InProgress))
		input.ExpressionAttributeValues[":lease"] = number(over.LeaseUntil.UnixMilli())
	}
	existing, err := s.put(ctx, input, c.Record.Fingerprint)
	if existing != nil && isSame(existing, &c.Record) { // condition: own-claim
		return nil, err // the SDK repeated a claim whose reply was lost, and met it
	}
	return existing, err
}

func isSame(a, b *idempotency.Record) bool {
	return a.Owner == b.Owner && a.Status == b.Status && a.LeaseUntil.Equal(b.LeaseUntil) // condition: own-claim
}

// Renew implements [idempotency.Store] with one PutItem, or one UpdateItem if the
// record has steps.
func (s *Store) Renew(ctx context.Context, r idempotency.Record) (bool, error) {
	if len(r.Steps) > 0 {
		return s.keepSteps(ctx, r)
	}
	input := &dynamodb.PutItemInput{
		Item:                      toItem(r, payload{}),
		ConditionExpression:       aws.String(isOwn + " AND " + hasNoSteps),
		ExpressionAttributeNames:  ownerAndStatus,
		ExpressionAttributeValues: own(r.Owner),
	}
	if !r.LeaseUntil.IsZero() {
		input.ConditionExpression = aws.String(isOwnAndNotLater + " AND " + hasNoSteps)
		input.ExpressionAttributeValues[":lease"] = number(r.LeaseUntil.UnixMilli())
	}
	item, refused, err := s.putItem(ctx, input)
	if !refused {
		return err == nil, err
	}
	if err != nil || !isHeld(item, r.Owner) {
		return false, err
	}
	if _, stepped := item["steps"]; stepped { // recorded since r was read
		return s.keepSteps(ctx, r)
	}
	return true, nil
}

// isHeld reports whether the item is the owner's unfinished record. Whatever cannot
// be read is not.
func isHeld(item map[string]types.AttributeValue, owner string) bool {
	if item == nil {
		return false
	}
	r, _, err := fromItem(item)
	return err == nil && r.Owner == owner && r.Status == idempotency.InProgress
}

// Complete implements [idempotency.Store] with one PutItem, before which comes
// one more for each 380 KiB of a response that is kept beside the record.
func (s *Store) Complete(ctx context.Context, completed idempotency.Record) (*idempotency.Record, error) {
	p, err := s.pack(completed.Data, s.inlineLimit)
	if err != nil {
		return nil, err
	}
	if err := s.putParts(ctx, parted{id: completed.ID, owner: completed.Owner}, completed.Expires.Unix(), p); err != nil {
		return nil, err
	}
	existing, err := s.put(ctx, &dynamodb.PutItemInput{
		Item:                      toItem(completed, p),
		ConditionExpression:       aws.String(isOwnOrGone),
		ExpressionAttributeNames:  ownerAndStatus,
		ExpressionAttributeValues: own(completed.Owner),
	}, completed.Fingerprint)
	if existing != nil && existing.Owner == completed.Owner && existing.Status == idempotency.Completed { // condition: own-completion
		return nil, err // completed by an attempt whose reply was lost
	}
	return existing, err
}

// maxPuts bounds the attempts at a write that was refused because of an item that
// is then not there.
const maxPuts = 3

// put writes the item and returns nil, or returns the record that stands in
// the way. The parts of that record are fetched only for the same request, which
// has the fingerprint asks.
func (s *Store) put(ctx context.Context, input *dynamodb.PutItemInput, asks idempotency.Fingerprint) (*idempotency.Record, error) {
	for range maxPuts {
		item, refused, err := s.putItem(ctx, input)
		if !refused || err != nil {
			return nil, err
		}
		if item == nil {
			continue // it was removed meanwhile
		}
		record, p, err := fromItem(item)
		if err != nil || record.Fingerprint != asks {
			return record, err
		}
		return s.complete(ctx, record, p)
	}
	return nil, errors.New("dynamostore: a write is refused by an item that is not there")
}

// putItem writes the item, or returns the one that refused it, nil if there is
// none. If the reply to the refusal does not hold it, a consistent read does.
func (s *Store) putItem(ctx context.Context, input *dynamodb.PutItemInput) (existing map[string]types.AttributeValue, refused bool, err error) {
	input.TableName = &s.table
	input.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	input.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	err = s.putOnce(ctx, input, 0)
	if existing, refused = refusal(err); !refused || existing != nil {
		if refused {
			err = nil
		}
		return existing, refused, err
	}
	existing, err = s.get(ctx, input.Item["id"].(*types.AttributeValueMemberS).Value, true, 0)
	return existing, true, err
}

// putOnce makes the request, while that many bytes travel, and counts what it
// cost.
func (s *Store) putOnce(ctx context.Context, input *dynamodb.PutItemInput, travelling int) error {
	ctx, cancel := s.limited(ctx, travelling)
	defer cancel()
	output, err := inTurn(ctx, func() (*dynamodb.PutItemOutput, error) { return s.client.PutItem(ctx, input) })
	if existing, refused := refusal(err); refused {
		if existing == nil {
			existing = input.Item // about as large
		}
		countRefusal(ctx, existing)
	} else if err == nil {
		countWrite(ctx, output.ConsumedCapacity)
	}
	return err
}

// inTurn makes a write, and repeats it a few times if a global table with strong
// consistency has refused it because another Region writes the item. The SDK does
// not repeat it.
func inTurn[Output any](ctx context.Context, write func() (Output, error)) (Output, error) {
	output, err := write()
	for attempt := range maxPuts {
		if _, busy := errors.AsType[*types.ReplicatedWriteConflictException](err); !busy {
			break
		}
		select {
		case <-time.After(rand.N(10 * time.Millisecond << attempt)):
		case <-ctx.Done():
			return output, err
		}
		output, err = write()
	}
	return output, err
}

// bytesPerTimeout is how many bytes a request may bring or fetch for each of its
// time limits.
const bytesPerTimeout = 512 << 10

// limited returns the context of one request, made while that many bytes travel.
// When it ends, the SDK returns an error that wraps [context.DeadlineExceeded].
func (s *Store) limited(ctx context.Context, travelling int) (context.Context, context.CancelFunc) {
	if s.timeout < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.timeout*time.Duration(1+travelling/bytesPerTimeout))
}

// refusal returns the item that refused a write by its condition, and reports
// whether the error means that.
func refusal(err error) (existing map[string]types.AttributeValue, refused bool) {
	failed, refused := errors.AsType[*types.ConditionalCheckFailedException](err)
	if !refused {
		return nil, false
	}
	return failed.Item, true
}

// Release implements [idempotency.Store] with one DeleteItem.
func (s *Store) Release(ctx context.Context, id, owner string) error {
	_, _, err := s.delete(ctx, id, &dynamodb.DeleteItemInput{
		ConditionExpression:       aws.String(isOwn),
		ExpressionAttributeNames:  ownerAndStatus,
		ExpressionAttributeValues: own(owner),
	})
	return err
}

// Load implements [idempotency.Store] with one eventually consistent GetItem.
func (s *Store) Load(ctx context.Context, id string) (*idempotency.Record, error) {
	return s.load(ctx, id, false)
}

// get returns the item, or nil if there is none, while that many bytes travel.
func (s *Store) get(ctx context.Context, id string, consistent bool, travelling int) (map[string]types.AttributeValue, error) {
	ctx, cancel := s.limited(ctx, travelling)
	defer cancel()
	output, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      &s.table,
		Key:            keyOf(id),
		ConsistentRead: &consistent,

		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	})
	if err != nil {
		return nil, err
	}
	countRead(ctx, output.ConsumedCapacity)
	return output.Item, nil
}
