package dynamostore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

// contended is a replica of a global table with strong consistency, whose items
// another Region is writing for a while.
type contended struct {
	*dynamodb.Client
	conflicts int
	puts      int
}

func (c *contended) PutItem(ctx context.Context, input *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	if c.puts++; c.puts <= c.conflicts {
		return nil, &types.ReplicatedWriteConflictException{}
	}
	return c.Client.PutItem(ctx, input, options...)
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
	region := func(conflicts int) *idempotency.Guard {
		store, err := dynamostore.New(&contended{Client: db.Client, conflicts: conflicts}, table, unhurried)
		if err != nil {
			t.Fatal(err)
		}
		guard, err := idempotency.New(idempotency.Config{Store: store, CacheEntries: -1})
		if err != nil {
			t.Fatal(err)
		}
		return guard
	}
	outcome, err := region(0).Do(t.Context(), request, func(ctx context.Context) (idempotency.Result, error) {
		_, err := region(2).Do(ctx, request, mustNotRun(t))
		if _, inProgress := errors.AsType[*idempotency.InProgressError](err); !inProgress {
			t.Errorf("while it runs in another Region: %v", err)
		}
		return idempotency.Result{Data: []byte("paid")}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	replayed, err := region(2).Do(t.Context(), request, mustNotRun(t))
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
