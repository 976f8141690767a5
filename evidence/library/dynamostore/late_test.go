package dynamostore_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

// lateClient keeps a copy of the first transaction and delivers it before the
// second one.
type lateClient struct {
	*dynamodb.Client
	before func(context.Context) error // what happens before the copy arrives
	calls  int
	copy   *dynamodb.TransactWriteItemsInput
}

func (c *lateClient) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, options ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	switch c.calls++; c.calls {
	case 1:
		c.copy = in
	case 2:
		if err := c.before(ctx); err != nil {
			return nil, err
		}
		if _, err := c.Client.TransactWriteItems(ctx, c.copy); err != nil {
			return nil, err
		}
	}
	return c.Client.TransactWriteItems(ctx, in, options...)
}

// A plan that was refused may still be carried out, by a copy of its transaction
// that arrives when the conditions do hold. The caller is then told what is on
// record, and not what was planned instead.
func TestAtomicLateTransactionOfARefusedPlan(t *testing.T) {
	t.Parallel()
	s := newShop(t, 0)
	client := &lateClient{Client: s.Client, before: func(ctx context.Context) error {
		_, err := s.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(goods), Item: article(1)})
		return err
	}}
	store, err := dynamostore.NewAtomic(client, table, unhurried)
	if err != nil {
		t.Fatal(err)
	}
	s.guard = s.newGuard(t, func(c *idempotency.Config) { c.Store = store })

	outcome, err := s.order(t, "k1")
	wantOutcome(t, outcome, err, "order 1", true)
	again, err := s.order(t, "k1")
	wantOutcome(t, again, err, "order 1", true)
	s.wantLedger(t, 0, 1)
}
