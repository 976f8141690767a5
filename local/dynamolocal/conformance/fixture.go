package conformance

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
)

// tableTimeout bounds how long the suite waits for a table to become active or an index to catch up. Only an endpoint
// that is a real service needs any of it.
const tableTimeout = 2 * time.Minute

// key is an attribute of a key schema.
type key struct {
	name string
	kind types.ScalarAttributeType
}

var (
	pk    = key{"pk", types.ScalarAttributeTypeS}
	sk    = key{"sk", types.ScalarAttributeTypeS}
	pkNum = key{"pk", types.ScalarAttributeTypeN}
	skNum = key{"sk", types.ScalarAttributeTypeN}
	pkBin = key{"pk", types.ScalarAttributeTypeB}
	skBin = key{"sk", types.ScalarAttributeTypeB}
)

// uniqueName is a table name that nobody else uses.
func uniqueName() string { return "conformance-" + uuid.NewString() }

// table creates a table with the keys, partition key first, and returns its name. It is deleted when the test ends.
func (p *probe) table(keys ...key) string {
	p.Helper()
	return p.create(&dynamodb.CreateTableInput{
		AttributeDefinitions: attributes(keys...),
		KeySchema:            schema(keys...),
	})
}

// create creates a table on demand from the input, to which it gives a name, and waits until it can be used.
func (p *probe) create(in *dynamodb.CreateTableInput) string {
	p.Helper()
	name := uniqueName()
	in.TableName = &name
	in.BillingMode = types.BillingModePayPerRequest
	_, err := p.db.CreateTable(p.Context(), in)
	p.must(err)
	p.deleteAfter(name)
	p.active(name)
	return name
}

// deleteAfter deletes the table when the test ends. A test may have deleted it itself.
func (p *probe) deleteAfter(name string) {
	ctx := context.WithoutCancel(p.Context())
	p.Cleanup(func() { _, _ = p.db.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name}) })
}

// active waits until the table can be used.
func (p *probe) active(name string) {
	p.Helper()
	err := dynamodb.NewTableExistsWaiter(p.db, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 100*time.Millisecond, 5*time.Second
	}).Wait(p.Context(), &dynamodb.DescribeTableInput{TableName: &name}, tableTimeout)
	p.must(err)
}

// eventually calls done until it says true. It asks at once, and again only where the target is eventually consistent.
func (p *probe) eventually(what string, done func() bool) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), tableTimeout)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		// An embedded engine has nothing to wait for, and neither has moto.
		if p.target != Endpoint {
			p.Fatalf("%s: not so", what)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.Fatalf("%s: not so after %s", what, tableTimeout)
		}
	}
}

func attributes(keys ...key) []types.AttributeDefinition {
	defs := make([]types.AttributeDefinition, len(keys))
	for i, k := range keys {
		defs[i] = types.AttributeDefinition{AttributeName: aws.String(k.name), AttributeType: k.kind}
	}
	return defs
}

func schema(keys ...key) []types.KeySchemaElement {
	roles := []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}
	elements := make([]types.KeySchemaElement, len(keys))
	for i, k := range keys {
		elements[i] = types.KeySchemaElement{AttributeName: aws.String(k.name), KeyType: roles[i]}
	}
	return elements
}

// put writes items that have to be accepted.
func (p *probe) put(table string, items ...item) {
	p.Helper()
	for _, it := range items {
		_, err := p.db.PutItem(p.Context(), &dynamodb.PutItemInput{TableName: &table, Item: it})
		p.must(err)
	}
}

// get reads an item with strong consistency; nil if there is none.
func (p *probe) get(table string, key item) item {
	p.Helper()
	out, err := p.db.GetItem(p.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
	p.must(err)
	return out.Item
}

// expr returns an expression for an input's field: nil if it is empty.
func expr(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
