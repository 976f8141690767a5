package kmsseal_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

// TestASealedResultBesideItsRecord: its parts are written again when replies are lost,
// and still make one sealed result.
func TestASealedResultBesideItsRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	db := dynamotest.New(t)
	db.CreateTable(t, "idempotency", "id")
	store, err := dynamostore.New(db.Client, "idempotency", dynamostore.RequestTimeout(-1))
	if err != nil {
		t.Fatal(err)
	}
	w.store = store
	request := idempotency.Request{Fingerprint: "f"}
	if request.Key, err = idempotency.NewKey(idempotency.SharedScope(), "statements.create", "k1"); err != nil {
		t.Fatal(err)
	}
	statement := strings.Repeat("4242 paid 12.50\n", 30_000) // 480 KB
	outcome, err := w.process().Do(t.Context(), request, func(context.Context) (idempotency.Result, error) {
		// From now on each first request of a kind is carried out without a reply, for as
		// often as the SDK repeats it.
		for range 3 {
			db.Next("PutItem", dynamolocal.DropReply)
		}
		return idempotency.Result{Data: []byte(statement)}, nil
	})
	if err != nil || string(outcome.Data) != statement {
		t.Fatalf("%d bytes, %v", len(outcome.Data), err)
	}
	outcome, err = w.process().Do(t.Context(), request, func(context.Context) (idempotency.Result, error) {
		t.Error("executed")
		return idempotency.Result{}, nil
	})
	if err != nil || !outcome.Replayed || string(outcome.Data) != statement {
		t.Errorf("%d bytes, replayed %v, %v", len(outcome.Data), outcome.Replayed, err)
	}

	items := 0
	pages := dynamodb.NewScanPaginator(db.Client, &dynamodb.ScanInput{TableName: aws.String("idempotency")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			items++
			if data, ok := item["data"].(*types.AttributeValueMemberB); ok && bytes.Contains(data.Value, []byte("4242")) {
				t.Error("the table holds a result in the clear")
			}
		}
	}
	if items < 3 {
		t.Errorf("%d items: the result is not beside its record", items)
	}
}
