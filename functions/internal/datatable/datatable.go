// Package datatable keeps the demo's data in one Amazon DynamoDB table: what was
// executed, and the customers, charges, payments and orders that came of it.
//
// All entries of a session share a partition, "session#<uuid>"; the sort key is
// the kind, a group where there is one, and the id: "payment#<id>",
// "charge#<reference>#<id>". A public demo cleans up: each entry carries
// "expiration", the table's TTL attribute, and counts as absent from then on.
//
// Entries are written at once ([Table.Put]) or planned, to be written in one
// transaction with an idempotency record ([Table.PlanPut]).
package datatable

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Kind is what an entry tells of.
type Kind string

// The kinds of entries.
const (
	Execution Kind = "execution" // one run of an operation, whatever came of it
	Charge    Kind = "charge"    // one charge of the payment processor
	Customer  Kind = "customer"
	Payment   Kind = "payment"
	Receipt   Kind = "receipt" // one receipt of the mailer
	Order     Kind = "order"
	Step      Kind = "step" // one run of a step of an execution, which is the group
	Call      Kind = "call" // one call of an idempotent operation, and what it cost

	stockKind Kind = "stock" // how much of an article is left
)

// Entry is one item of the table.
type Entry struct {
	Kind Kind
	// Group comes before ID in the sort key, for entries that are looked up
	// together: the reference of a charge, the execution of a step. May be empty.
	Group string
	// ID is unique within the session, kind and group.
	ID string
	// Operation is the one that made the entry, such as "payments.create".
	Operation string
	// Resource is the id of the resource that the entry belongs to, if any.
	Resource string
	// At is when it happened. Millisecond precision.
	At time.Time
	// Retention is how long the entry is kept from its writing. Default: as long as
	// the table's configuration says.
	Retention time.Duration

	detail map[string]types.AttributeValue
}

// Detail decodes what was stored with the entry into a pointer to the same
// type, by its json tags.
func (e Entry) Detail(into any) error {
	if err := attributevalue.UnmarshalMapWithOptions(e.detail, into, func(o *attributevalue.DecoderOptions) { o.TagKey = "json" }); err != nil {
		return fmt.Errorf("datatable: %s %s: %w", e.Kind, e.ID, err)
	}
	return nil
}

// ErrNotFound is returned by [Table.Get] where there is no such entry.
var ErrNotFound = errors.New("datatable: not found")

// Client is the part of *[dynamodb.Client] that a table uses.
type Client interface {
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	dynamodb.QueryAPIClient
}

// Config configures a [Table]. All fields but Clock are required.
type Config struct {
	Client Client
	// Name is the table's name or ARN.
	Name string
	// Retention is how long entries are kept.
	Retention time.Duration
	// Clock returns the current time. Default [time.Now].
	Clock func() time.Time
}

// Table is the demo's data table. It is safe for concurrent use; make one with
// [New].
type Table struct{ cfg Config }

// New returns a table, or an error that names the field of cfg that is wrong.
// It asks the table nothing.
func New(cfg Config) (*Table, error) {
	switch {
	case cfg.Client == nil:
		return nil, errors.New("datatable: Config.Client is missing")
	case cfg.Name == "":
		return nil, errors.New("datatable: Config.Name is empty")
	case cfg.Retention <= 0:
		return nil, fmt.Errorf("datatable: Config.Retention is not positive: %v", cfg.Retention)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Table{cfg}, nil
}

// Put writes an entry of the owner and its detail, a struct with json tags. It
// replaces the entry that has the same kind, group and id.
func (t *Table) Put(ctx context.Context, owner session.ID, e Entry, detail any) error {
	item, err := t.encode(owner, e, detail)
	if err != nil {
		return err
	}
	if _, err := t.cfg.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.cfg.Name, Item: item}); err != nil {
		return fmt.Errorf("datatable: put %s: %w", e.Kind, err)
	}
	return nil
}

// RecordExecution writes down that an operation runs now, before it has any
// effect: the evidence for how often it ran. It returns the id of the execution.
func (t *Table) RecordExecution(ctx context.Context, owner session.ID, operation string) (id string, err error) {
	entry, detail := t.execution(ctx, operation)
	return entry.ID, t.Put(ctx, owner, entry, detail)
}

// RecordStep writes down that an execution runs a step now, before that has its
// effect: the evidence for which execution ran which step.
func (t *Table) RecordStep(ctx context.Context, owner session.ID, operation, execution, step string) error {
	return t.Put(ctx, owner, Entry{
		Kind: Step, Group: execution, ID: NewID(), Operation: operation, At: t.cfg.Clock(),
	}, StepDetail{Name: step})
}

// StepDetail is the detail of a [Step].
type StepDetail struct {
	Name string `json:"name"`
}

func (t *Table) execution(ctx context.Context, operation string) (Entry, ExecutionDetail) {
	var detail ExecutionDetail
	if execution, ok := idempotency.FromContext(ctx); ok {
		_, detail.KeyHash, _ = strings.Cut(execution.ID(), "#")
	}
	return Entry{Kind: Execution, ID: NewID(), Operation: operation, At: t.cfg.Clock()}, detail
}

// ExecutionDetail is the detail of an [Execution].
type ExecutionDetail struct {
	// KeyHash is the hash of scope and idempotency key; empty without protection.
	KeyHash string `json:"keyHash,omitempty"`
}

// NewID returns a random id that sorts by the time of its making (UUID version
// 7).
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// Get returns the owner's entry of that kind and id, which has no group, as of
// the last finished write, or [ErrNotFound].
func (t *Table) Get(ctx context.Context, owner session.ID, kind Kind, id string) (Entry, error) {
	output, err := t.cfg.Client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      &t.cfg.Name,
		Key:            map[string]types.AttributeValue{"pk": partition(owner), "sk": sortKey(string(kind), id)},
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return Entry{}, fmt.Errorf("datatable: get %s: %w", kind, err)
	}
	if len(output.Item) == 0 {
		return Entry{}, ErrNotFound
	}
	e, current, err := t.decode(output.Item)
	if err == nil && !current {
		err = ErrNotFound
	}
	return e, err
}

// First returns the entry of the owner's with the lowest id in a group of one
// kind, as of the last finished write, or [ErrNotFound]. Of ids made by [NewID]
// the lowest is the oldest.
func (t *Table) First(ctx context.Context, owner session.ID, kind Kind, group string) (Entry, error) {
	entries, _, err := t.query(ctx, owner, sortKey(string(kind), group, ""), true, 1)
	switch {
	case err != nil:
		return Entry{}, fmt.Errorf("datatable: find the first %s: %w", kind, err)
	case len(entries) == 0:
		return Entry{}, ErrNotFound
	}
	return entries[0], nil
}

// List returns at most limit of the owner's entries of one kind, as of the last
// finished write, and whether there are more. They come in descending order of
// group and id.
func (t *Table) List(ctx context.Context, owner session.ID, kind Kind, limit int) (entries []Entry, more bool, err error) {
	entries, more, err = t.query(ctx, owner, sortKey(string(kind), ""), false, limit)
	if err != nil {
		err = fmt.Errorf("datatable: list %ss: %w", kind, err)
	}
	return entries, more, err
}

func (t *Table) query(ctx context.Context, owner session.ID, prefix types.AttributeValue, ascending bool, limit int) (entries []Entry, more bool, err error) {
	pages := dynamodb.NewQueryPaginator(t.cfg.Client, &dynamodb.QueryInput{
		TableName:                 &t.cfg.Name,
		KeyConditionExpression:    aws.String("pk = :owner AND begins_with(sk, :prefix)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":owner": partition(owner), ":prefix": prefix},
		ConsistentRead:            aws.Bool(true),
		ScanIndexForward:          &ascending,
		Limit:                     aws.Int32(int32(limit) + 1), // what is not shown is not paid for
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, false, err
		}
		for _, item := range page.Items {
			e, current, err := t.decode(item)
			switch {
			case err != nil:
				return nil, false, err
			case !current:
			case len(entries) == limit:
				return entries, true, nil
			default:
				entries = append(entries, e)
			}
		}
	}
	return entries, false, nil
}

// envelope is what every item has beside its keys and its detail.
type envelope struct {
	Operation  string `dynamodbav:"operation"`
	Resource   string `dynamodbav:"resource,omitempty"`
	At         int64  `dynamodbav:"at"`         // epoch milliseconds
	Expiration int64  `dynamodbav:"expiration"` // epoch seconds
}

// encode makes an item of an entry and its detail.
func (t *Table) encode(owner session.ID, e Entry, detail any) (map[string]types.AttributeValue, error) {
	attributes, err := attributevalue.MarshalMapWithOptions(detail, func(o *attributevalue.EncoderOptions) { o.TagKey = "json" })
	if err != nil {
		return nil, fmt.Errorf("datatable: encode the detail of %s %s: %w", e.Kind, e.ID, err)
	}
	item, err := attributevalue.MarshalMap(envelope{
		Operation:  e.Operation,
		Resource:   e.Resource,
		At:         e.At.UnixMilli(),
		Expiration: t.cfg.Clock().Add(cmp.Or(e.Retention, t.cfg.Retention)).Unix(),
	})
	if err != nil {
		return nil, fmt.Errorf("datatable: encode %s %s: %w", e.Kind, e.ID, err)
	}
	item["pk"] = partition(owner)
	item["sk"] = sortKey(string(e.Kind), e.Group, e.ID)
	item["detail"] = &types.AttributeValueMemberM{Value: attributes}
	return item, nil
}

// decode reads an item, and tells whether it still counts: DynamoDB deletes
// what has expired days late.
func (t *Table) decode(item map[string]types.AttributeValue) (e Entry, current bool, err error) {
	var common envelope
	if err := attributevalue.UnmarshalMap(item, &common); err != nil {
		return Entry{}, false, fmt.Errorf("datatable: decode: %w", err)
	}
	key, _ := item["sk"].(*types.AttributeValueMemberS)
	detail, _ := item["detail"].(*types.AttributeValueMemberM)
	if key == nil || detail == nil {
		return Entry{}, false, errors.New("datatable: decode: the item has no sort key or detail")
	}
	parts := strings.Split(key.Value, "#")
	if len(parts) < 2 {
		return Entry{}, false, fmt.Errorf("datatable: decode: the sort key %q has no kind", key.Value)
	}
	return Entry{
		Kind:      Kind(parts[0]),
		Group:     strings.Join(parts[1:len(parts)-1], "#"),
		ID:        parts[len(parts)-1],
		Operation: common.Operation,
		Resource:  common.Resource,
		At:        time.UnixMilli(common.At).UTC(),
		detail:    detail.Value,
	}, t.cfg.Clock().Unix() < common.Expiration, nil
}

func partition(owner session.ID) types.AttributeValue {
	return &types.AttributeValueMemberS{Value: "session#" + string(owner)}
}

// sortKey joins the parts that are not empty; an empty last one makes a prefix.
func sortKey(parts ...string) types.AttributeValue {
	last := len(parts) - 1
	key := slices.DeleteFunc(slices.Clone(parts[:last]), func(part string) bool { return part == "" })
	return &types.AttributeValueMemberS{Value: strings.Join(append(key, parts[last]), "#")}
}
