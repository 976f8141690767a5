package regions_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

const (
	table = "idempotency"
	delay = time.Second
)

// replicas is a global table with multi-Region eventual consistency, as AWS documents
// it: a write is made in its own Region, where alone its condition is checked, and
// travels to the others as a whole item. The last writer of an item wins.
type replicas struct {
	t       *testing.T
	mu      sync.Mutex
	now     time.Time
	writes  int
	regions map[string]*replica
	travels []change
}

type replica struct {
	*dynamodb.Client
	name   string
	global *replicas
	last   map[string]int // the number of the last write, by item
}

// change is an item as a write has left it, nil if it is gone.
type change struct {
	from   string
	id     string
	item   map[string]types.AttributeValue
	number int
	due    time.Time
}

func newReplicas(t *testing.T, names ...string) *replicas {
	t.Helper()
	g := &replicas{t: t, now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), regions: make(map[string]*replica)}
	for _, name := range names {
		db := dynamotest.New(t)
		db.CreateTable(t, table, "id")
		g.regions[name] = &replica{Client: db.Client, name: name, global: g, last: make(map[string]int)}
	}
	return g
}

// Now is everybody's clock.
func (g *replicas) Now() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

// pass lets time pass, and what is due arrive.
func (g *replicas) pass(d time.Duration) {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now = g.now.Add(d)
	g.travels = slices.DeleteFunc(g.travels, func(c change) bool {
		if c.due.After(g.now) {
			return false
		}
		for name, r := range g.regions {
			if name != c.from && c.number > r.last[c.id] {
				r.last[c.id] = c.number
				if err := r.apply(c); err != nil {
					g.t.Error(err)
				}
			}
		}
		return true
	})
}

// lose loses a Region with everything that has not left it yet.
func (g *replicas) lose(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.regions, name)
	g.travels = slices.DeleteFunc(g.travels, func(c change) bool { return c.from == name })
}

func (r *replica) apply(c change) error {
	if c.item == nil {
		_, err := r.Client.DeleteItem(context.Background(), &dynamodb.DeleteItemInput{TableName: aws.String(table), Key: keyOf(c.id)})
		return err
	}
	_, err := r.Client.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: c.item})
	return err
}

func keyOf(id string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}}
}

// written sends what a write has left on its way.
func (r *replica) written(ctx context.Context, key map[string]types.AttributeValue) error {
	id := key["id"].(*types.AttributeValueMemberS).Value
	found, err := r.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(table), Key: keyOf(id), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return err
	}
	g := r.global
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writes++
	r.last[id] = g.writes
	g.travels = append(g.travels, change{from: r.name, id: id, item: found.Item, number: g.writes, due: g.now.Add(delay)})
	return nil
}

func (r *replica) PutItem(ctx context.Context, input *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	output, err := r.Client.PutItem(ctx, input, options...)
	if err == nil {
		err = r.written(ctx, input.Item)
	}
	return output, err
}

func (r *replica) UpdateItem(ctx context.Context, input *dynamodb.UpdateItemInput, options ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	output, err := r.Client.UpdateItem(ctx, input, options...)
	if err == nil {
		err = r.written(ctx, input.Key)
	}
	return output, err
}

func (r *replica) DeleteItem(ctx context.Context, input *dynamodb.DeleteItemInput, options ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	output, err := r.Client.DeleteItem(ctx, input, options...)
	if err == nil {
		err = r.written(ctx, input.Key)
	}
	return output, err
}
