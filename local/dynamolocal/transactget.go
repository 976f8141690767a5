package dynamolocal

import (
	"fmt"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

type transactGetItemsInput struct {
	TransactItems          []transactGetItem
	ReturnConsumedCapacity string
}

type transactGetItem struct {
	Get *getAction
}

type getAction struct {
	TableName                *string
	Key                      map[string]any
	ProjectionExpression     *string
	ExpressionAttributeNames map[string]string
}

func (in transactGetItemsInput) actions() int { return len(in.TransactItems) }

func (in transactGetItemsInput) tables() []string {
	var names []string
	for _, item := range in.TransactItems {
		if item.Get != nil {
			names = append(names, tableList(item.Get.TableName)...)
		}
	}
	return names
}

type transactGetItemsOutput struct {
	Responses        []itemResponse
	ConsumedCapacity []consumedCapacity `json:",omitempty"`
}

type itemResponse struct {
	Item *attribute.Item `json:",omitempty"`
}

func (e *Engine) transactGetItems(in transactGetItemsInput, consumed *usage) (any, error) {
	consumed.split = true
	gets, err := e.prepareGets(in)
	if err != nil {
		return nil, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	reasons := newReasons(len(gets))
	for i, g := range gets {
		if err := reasons.note(i, g.locate(e)); err != nil {
			return nil, err
		}
		// Of several keys that are wrong only the first is named.
		if err := reasons.err(); err != nil {
			return nil, err
		}
	}
	out := &transactGetItemsOutput{Responses: make([]itemResponse, len(gets))}
	seen := make(map[string]bool, len(gets))
	total := 0
	for i, g := range gets {
		key := g.tableName + "/" + g.key.encode()
		if seen[key] {
			return nil, validationf("Transaction request cannot include multiple operations on one item")
		}
		seen[key] = true
		item, size := g.read()
		if item != nil && len(*item) > 0 {
			out.Responses[i].Item = item
		}
		total += size
		consumed.add(g.tableName, units{read: transactionFactor * readUnits(size, true)})
	}
	out.ConsumedCapacity = consumed.report(in.ReturnConsumedCapacity)
	return out, checkTransactionSize(total)
}

func (e *Engine) prepareGets(in transactGetItemsInput) ([]*get, error) {
	var v violations
	v.returnConsumedCapacity(in.ReturnConsumedCapacity)
	if in.TransactItems == nil {
		v.require("transactItems", false)
	} else {
		v.count("transactItems", len(in.TransactItems), 1, maxActions)
	}
	for i, item := range in.TransactItems {
		prefix := fmt.Sprintf("transactItems.%d.member.get", i+1)
		v.require(prefix, item.Get != nil)
		if item.Get != nil {
			v.require(prefix+".key", item.Get.Key != nil)
			v.name(prefix+".tableName", item.Get.TableName)
		}
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	gets := make([]*get, len(in.TransactItems))
	for i, item := range in.TransactItems {
		var err error
		gets[i], err = e.prepareGet(item.Get.TableName, item.Get.Key, item.Get.ProjectionExpression, item.Get.ExpressionAttributeNames)
		if err != nil {
			return nil, err
		}
	}
	return gets, nil
}
