package dynamolocal

import (
	"fmt"
	"maps"
	"slices"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/expression"
)

// Limits of batches.
const (
	maxBatchGets   = 100
	maxBatchWrites = 25
	// maxBatchBytes is the size of the items after which a batch leaves the rest of
	// its keys unprocessed.
	maxBatchBytes = 16 << 20
)

type batchGetItemInput struct {
	RequestItems           map[string]keysAndAttributes
	ReturnConsumedCapacity string
}

type keysAndAttributes struct {
	Keys                     []map[string]any
	ConsistentRead           bool              `json:",omitempty"`
	ProjectionExpression     *string           `json:",omitempty"`
	ExpressionAttributeNames map[string]string `json:",omitempty"`
	AttributesToGet          any               `json:",omitempty"`
}

func (in batchGetItemInput) tables() []string { return tablesOf(in.RequestItems) }

// tablesOf returns the names of the tables of a batch, in their order.
func tablesOf[V any](items map[string]V) []string {
	names := slices.Sorted(maps.Keys(items))
	for i, name := range names {
		names[i] = tableOfARN(name)
	}
	return names
}

type batchGetItemOutput struct {
	Responses        map[string][]attribute.Item
	UnprocessedKeys  map[string]keysAndAttributes
	ConsumedCapacity []consumedCapacity `json:",omitempty"`
}

func (e *Engine) batchGetItem(in batchGetItemInput, consumed *usage) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(in.RequestItems))
	gets := make(map[string][]*get, len(names))
	for _, name := range names {
		prepared, err := e.prepareBatchGets(name, in.RequestItems[name])
		if err != nil {
			return nil, err
		}
		gets[name] = prepared
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, name := range names {
		if err := locateDistinct(e, gets[name]); err != nil {
			return nil, err
		}
	}
	out := &batchGetItemOutput{Responses: make(map[string][]attribute.Item), UnprocessedKeys: make(map[string]keysAndAttributes)}
	total := 0
	for _, name := range names {
		request := in.RequestItems[name]
		items := []attribute.Item{}
		for i, g := range gets[name] {
			if total > maxBatchBytes {
				rest := request
				rest.Keys = request.Keys[i:]
				out.UnprocessedKeys[name] = rest
				break
			}
			item, size := g.read()
			if item != nil {
				items = append(items, *item)
			}
			total += size
			consumed.add(g.table.name(), units{read: readUnits(size, request.ConsistentRead)})
		}
		out.Responses[name] = items
	}
	out.ConsumedCapacity = consumed.report(in.ReturnConsumedCapacity)
	return out, nil
}

func (in batchGetItemInput) check() error {
	if err := checkBatch("BatchGetItem", in.RequestItems, in.ReturnConsumedCapacity); err != nil {
		return err
	}
	var v violations
	total := 0
	for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
		field := "RequestItems." + name + ".member.Keys"
		switch count := len(in.RequestItems[name].Keys); {
		case count == 0:
			v = append(v, "Value at '"+field+"' failed to satisfy constraint: Member must have length greater than or equal to 1")
		case count > maxBatchGets:
			v = append(v, fmt.Sprintf("Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", field, maxBatchGets))
		default:
			total += count
		}
	}
	if err := v.err(); err != nil {
		return err
	}
	if total > maxBatchGets {
		return validationf("Too many items requested for the BatchGetItem call")
	}
	return nil
}

// checkBatch checks what the batches of both operations share.
func checkBatch[V any](operation string, items map[string]V, capacity string) error {
	var v violations
	v.returnConsumedCapacity(capacity)
	v.require("requestItems", items != nil)
	for _, name := range tablesOf(items) {
		v.name("requestItems."+name+".key", &name)
	}
	if err := v.err(); err != nil {
		return err
	}
	if len(items) == 0 {
		return validationf("The requestItems parameter is required for %s", operation)
	}
	return nil
}

func (e *Engine) prepareBatchGets(name string, request keysAndAttributes) ([]*get, error) {
	if err := refuseLegacy([]legacy{{"AttributesToGet", request.AttributesToGet}}, map[expression.Field]*string{
		expression.ProjectionExpression: request.ProjectionExpression,
	}); err != nil {
		return nil, err
	}
	gets := make([]*get, len(request.Keys))
	table := tableOfARN(name)
	for i, key := range request.Keys {
		var err error
		gets[i], err = e.prepareGet(&table, key, request.ProjectionExpression, request.ExpressionAttributeNames)
		if err != nil {
			return nil, err
		}
	}
	return gets, nil
}

// locateDistinct finds the table and the keys, and refuses one key twice. The
// caller holds the lock.
func locateDistinct(e *Engine, gets []*get) error {
	seen := make(map[string]bool, len(gets))
	for _, g := range gets {
		if err := g.locate(e); err != nil {
			return err
		}
		if key := g.key.encode(); seen[key] {
			return duplicateKeys()
		} else {
			seen[key] = true
		}
	}
	return nil
}

func duplicateKeys() error { return validationf("Provided list of item keys contains duplicates") }

type batchWriteItemInput struct {
	RequestItems                map[string][]writeRequest
	ReturnConsumedCapacity      string
	ReturnItemCollectionMetrics string
}

// writeRequest is one write: exactly one of its members is there.
type writeRequest struct {
	PutRequest    *struct{ Item map[string]any }
	DeleteRequest *struct{ Key map[string]any }
}

func (in batchWriteItemInput) tables() []string { return tablesOf(in.RequestItems) }

// batchWriteItemOutput never has unprocessed items: the writes of a batch are
// made all together.
type batchWriteItemOutput struct {
	UnprocessedItems map[string][]writeRequest
	ConsumedCapacity []consumedCapacity `json:",omitempty"`
}

func (e *Engine) batchWriteItem(in batchWriteItemInput, consumed *usage) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	var writes []*write
	for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
		table := tableOfARN(name)
		for _, request := range in.RequestItems[name] {
			w, err := e.prepareBatchWrite(writeParameters{TableName: &table}, request)
			if err != nil {
				return nil, err
			}
			writes = append(writes, w)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var changes []change
	outcomes := make([]*outcome, len(writes))
	seen := make(map[string]bool, len(writes))
	for i, w := range writes {
		if err := w.locate(e); err != nil {
			return nil, err
		}
		key := w.tableName + "/" + w.key.encode()
		if seen[key] {
			return nil, duplicateKeys()
		}
		seen[key] = true
		done, err := w.evaluate()
		if err != nil {
			return nil, err
		}
		outcomes[i] = done
		changes = append(changes, done.changes()...)
	}
	if err := e.commit(changes, nil); err != nil {
		return nil, err
	}
	for _, done := range outcomes {
		done.consume(consumed, 1)
	}
	return &batchWriteItemOutput{
		UnprocessedItems: make(map[string][]writeRequest), ConsumedCapacity: consumed.report(in.ReturnConsumedCapacity),
	}, nil
}

func (in batchWriteItemInput) check() error {
	if err := checkBatch("BatchWriteItem", in.RequestItems, in.ReturnConsumedCapacity); err != nil {
		return err
	}
	var v violations
	v.returnItemCollectionMetrics(in.ReturnItemCollectionMetrics)
	total := 0
	for _, requests := range in.RequestItems {
		total += len(requests)
		if len(requests) == 0 || len(requests) > maxBatchWrites {
			v.add("requestItems", fmt.Sprintf("'{%d requests}'", len(requests)), fmt.Sprintf("Map value must satisfy constraint: "+
				"[Member must have length less than or equal to %d, Member must have length greater than or equal to 1]", maxBatchWrites))
		}
	}
	if err := v.err(); err != nil {
		return err
	}
	if total > maxBatchWrites {
		return validationf("Too many items requested for the BatchWriteItem call")
	}
	return nil
}

func (e *Engine) prepareBatchWrite(p writeParameters, request writeRequest) (*write, error) {
	switch put, deletion := request.PutRequest, request.DeleteRequest; {
	case put != nil && deletion != nil:
		return nil, validationf("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	case put != nil:
		return e.preparePut(p, put.Item)
	case deletion != nil:
		return e.prepareDelete(p, deletion.Key)
	}
	return nil, validationf("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
}
