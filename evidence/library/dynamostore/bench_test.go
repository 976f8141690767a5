package dynamostore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

// BenchmarkRecordCodec measures what the store itself costs: a completion that
// turns a response into an item, compressed from 1 KB on, and the reading of a
// completed record that refuses a claim. No SDK and no network are behind it.
func BenchmarkRecordCodec(b *testing.B) {
	now := time.Now()
	for _, size := range []int{150, 4 << 10, 100 << 10} {
		table := &memory{}
		store, err := dynamostore.New(table, "idempotency", dynamostore.InlineLimit(380<<10))
		if err != nil {
			b.Fatal(err)
		}
		record := idempotency.Record{
			ID: "payments.create#1", Status: idempotency.Completed, Owner: "o", Fingerprint: "f",
			LeaseUntil: now, Expires: now.Add(time.Hour), Data: []byte(strings.Repeat(`{"amount":1250}`, size/15)),
		}
		b.Run(fmt.Sprintf("complete/%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := store.Complete(b.Context(), record); err != nil {
					b.Fatal(err)
				}
			}
		})
		if _, err := store.Complete(b.Context(), record); err != nil {
			b.Fatal(err)
		}
		claim := idempotency.Claim{Now: now, Record: record}
		claim.Record.Status, claim.Record.Owner, claim.Record.Data = idempotency.InProgress, "p", nil
		table.refuses = true // from now on
		b.Run(fmt.Sprintf("replay/%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if existing, err := store.Claim(b.Context(), claim); err != nil || existing == nil {
					b.Fatal(existing, err)
				}
			}
		})
	}
}

// memory holds one item, and refuses others if it is to.
type memory struct {
	dynamostore.Client
	item    map[string]types.AttributeValue
	refuses bool
}

func (m *memory) PutItem(_ context.Context, input *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	if m.refuses {
		return nil, &types.ConditionalCheckFailedException{Item: m.item}
	}
	m.item = input.Item
	return &dynamodb.PutItemOutput{}, nil
}
