package crash_test

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

// shrinking is a client by which large items reach the engine with a ticket
// instead of their data, and come back whole. The store above cannot tell; the
// matrix, which moves such items thousands of times, takes seconds.
type shrinking struct {
	dynamostore.AtomicClient
	cloakroom *cloakroom
}

const shrinkAbove = 1 << 10

// cloakroom keeps data by tickets.
type cloakroom struct {
	mu   sync.Mutex
	kept map[string][]byte
}

func (c *cloakroom) leave(data []byte) (ticket []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ticket = fmt.Appendf(nil, "ticket %d", len(c.kept))
	c.kept[string(ticket)] = data
	return ticket
}

func (c *cloakroom) fetch(ticket []byte) (data []byte, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	data, found = c.kept[string(ticket)]
	return data, found
}

func (c shrinking) PutItem(ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	small := *in
	small.Item = c.shrink(in.Item)
	return c.AtomicClient.PutItem(ctx, &small, options...)
}

func (c shrinking) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, options ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	small := *in
	small.TransactItems = nil
	for _, item := range in.TransactItems {
		if item.Put != nil {
			put := *item.Put
			put.Item = c.shrink(put.Item)
			item.Put = &put
		}
		small.TransactItems = append(small.TransactItems, item)
	}
	return c.AtomicClient.TransactWriteItems(ctx, &small, options...)
}

func (c shrinking) GetItem(ctx context.Context, in *dynamodb.GetItemInput, options ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	out, err := c.AtomicClient.GetItem(ctx, in, options...)
	if err != nil {
		return nil, err
	}
	if data, ok := out.Item["data"].(*types.AttributeValueMemberB); ok {
		if whole, found := c.cloakroom.fetch(data.Value); found {
			out.Item["data"] = &types.AttributeValueMemberB{Value: whole}
		}
	}
	return out, nil
}

func (c shrinking) shrink(item map[string]types.AttributeValue) map[string]types.AttributeValue {
	data, ok := item["data"].(*types.AttributeValueMemberB)
	if !ok || len(data.Value) <= shrinkAbove {
		return item
	}
	item = maps.Clone(item)
	item["data"] = &types.AttributeValueMemberB{Value: c.cloakroom.leave(data.Value)}
	return item
}
