package dynamostore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/storetest"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

// contended is a replica of a global table with strong consistency, whose items
// another Region is writing. Each write is refused until it has been tried so often.
type contended struct {
	*dynamodb.Client
	tries   int64
	tried   sync.Map
	refused map[string]*atomic.Int64 // by operation
}

func (c *contended) busy(operation string, input any) error {
	n, _ := c.tried.LoadOrStore(input, new(atomic.Int64))
	if n.(*atomic.Int64).Add(1) < c.tries {
		if count := c.refused[operation]; count != nil {
			count.Add(1)
		}
		return &types.ReplicatedWriteConflictException{}
	}
	return nil
}

func (c *contended) PutItem(ctx context.Context, input *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	if err := c.busy("PutItem", input); err != nil {
		return nil, err
	}
	return c.Client.PutItem(ctx, input, options...)
}

func (c *contended) UpdateItem(ctx context.Context, input *dynamodb.UpdateItemInput, options ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	if err := c.busy("UpdateItem", input); err != nil {
		return nil, err
	}
	return c.Client.UpdateItem(ctx, input, options...)
}

func (c *contended) DeleteItem(ctx context.Context, input *dynamodb.DeleteItemInput, options ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	if err := c.busy("DeleteItem", input); err != nil {
		return nil, err
	}
	return c.Client.DeleteItem(ctx, input, options...)
}

// TestEveryWriteIsTakenInTurn: each write is refused at first, and the suite of all
// stores does not notice.
func TestEveryWriteIsTakenInTurn(t *testing.T) {
	t.Parallel()
	db := dynamotest.New(t)
	var tables atomic.Int32
	refused := map[string]*atomic.Int64{"PutItem": {}, "UpdateItem": {}, "DeleteItem": {}}
	t.Cleanup(func() {
		for operation, n := range refused {
			if n.Load() == 0 {
				t.Errorf("no %s was refused", operation)
			}
		}
	})
	storetest.Run(t, func(t *testing.T) idempotency.Store {
		table := fmt.Sprint("idempotency-", tables.Add(1))
		db.CreateTable(t, table, "id")
		store, err := dynamostore.New(&contended{Client: db.Client, tries: 2, refused: refused}, table, unhurried)
		if err != nil {
			t.Fatal(err)
		}
		return store
	})
}

// TestAWriteInAnotherRegionIsWaitedFor: what it has written then stands in the way.
func TestAWriteInAnotherRegionIsWaitedFor(t *testing.T) {
	t.Parallel()
	db := dynamotest.New(t)
	db.CreateTable(t, table, "id")
	key, err := idempotency.NewKey(idempotency.SharedScope(), "payments.create", "k1")
	if err != nil {
		t.Fatal(err)
	}
	request := idempotency.Request{Key: key, Fingerprint: "f"}
	region := func(tries int64) *idempotency.Guard {
		store, err := dynamostore.New(&contended{Client: db.Client, tries: tries}, table, unhurried)
		if err != nil {
			t.Fatal(err)
		}
		guard, err := idempotency.New(idempotency.Config{Store: store, CacheEntries: -1})
		if err != nil {
			t.Fatal(err)
		}
		return guard
	}
	outcome, err := region(1).Do(t.Context(), request, func(ctx context.Context) (idempotency.Result, error) {
		_, err := region(3).Do(ctx, request, mustNotRun(t))
		if _, inProgress := errors.AsType[*idempotency.InProgressError](err); !inProgress {
			t.Errorf("while it runs in another Region: %v", err)
		}
		return idempotency.Result{Data: []byte("paid")}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	replayed, err := region(3).Do(t.Context(), request, mustNotRun(t))
	if err != nil || !replayed.Replayed || string(replayed.Data) != string(outcome.Data) {
		t.Errorf("%q, replayed %v, %v", replayed.Data, replayed.Replayed, err)
	}
	if _, err := region(1000).Do(t.Context(), request, mustNotRun(t)); !errors.Is(err, idempotency.ErrStore) {
		t.Errorf("an item that another Region writes for ever: %v", err)
	}
}

func mustNotRun(t *testing.T) func(context.Context) (idempotency.Result, error) {
	return func(context.Context) (idempotency.Result, error) {
		t.Error("executed")
		return idempotency.Result{}, nil
	}
}
