package powertools

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

type item = map[string]types.AttributeValue

// TestSideBySide has functions in three languages work with the same keys, under
// the same name, in the same table at the same time. Each executes once for each
// key, and gives its own answer again and again.
func TestSideBySide(t *testing.T) {
	t.Parallel()
	const keys = 10
	db := newTable(t)
	var working sync.WaitGroup
	for _, f := range append(theirs(t, db), newOurs(t, db)) {
		working.Go(func() {
			for _, hash := range []string{"md5", "sha256"} {
				if f.name() == "Go" && hash != "md5" {
					continue // it has no choice of them
				}
				for i := range keys {
					workOff(t, f, event{ID: fmt.Sprintf("k%d", i), Amount: 1250, Hash: hash})
				}
			}
		})
	}
	working.Wait()

	items := scan(t, db)
	if want := (2 + 2 + 1) * keys; len(items) != want {
		t.Errorf("%d records, want %d", len(items), want)
	}
	for _, i := range items { // what an operator's own tools rely on
		if id := text(i["id"]); !strings.HasPrefix(id, operation+"#") || text(i["status"]) != "COMPLETED" || text(i["validation"]) == "" {
			t.Errorf("got %v", i)
		}
		if _, ok := i["expiration"].(*types.AttributeValueMemberN); !ok {
			t.Errorf("expiration, which is the TTL attribute, is no number: %v", i)
		}
	}
}

func workOff(t *testing.T, f function, e event) {
	t.Helper()
	first, _ := f.invoke(t, e)
	again, _ := f.invoke(t, e)
	if first.Error != "" || first.Result.By != f.name() || again.Result != first.Result || again.Executions != first.Executions {
		t.Errorf("%s, %+v: got %+v, then %+v", f.name(), e, first, again)
	}
	e.Amount++
	mismatch := "IdempotencyValidationError"
	if f.name() == "Go" {
		mismatch = "ErrPayloadMismatch"
	}
	if other, _ := f.invoke(t, e); other.Error != mismatch || other.Executions != first.Executions {
		t.Errorf("%s, %+v: got %+v, want %s", f.name(), e, other, mismatch)
	}
}

// TestTheirRecordUnderOurKey gives our store a record that they wrote, as if it
// were our own. No key of ours can name one; if it did, we would not take it for
// an answer of ours, nor for a free key, before it has expired.
func TestTheirRecordUnderOurKey(t *testing.T) {
	t.Parallel()
	db := newTable(t)
	store := newStore(t, db)
	for _, f := range theirs(t, db) {
		if done, _ := f.invoke(t, event{ID: "done", Amount: 1, Hash: "md5"}); done.Error != "" {
			t.Fatalf("%s: %+v", f.name(), done)
		}
		if _, alive := f.invoke(t, event{ID: "interrupted", Amount: 1, Hash: "md5", Dies: true}); alive {
			t.Fatalf("%s does not die", f.name())
		}
	}
	items := scan(t, db)
	if len(items) != 4 {
		t.Fatalf("%d records, want 4", len(items))
	}
	for _, before := range items {
		now := time.Now()
		record := idempotency.Record{
			ID: text(before["id"]), Owner: "ours", Status: idempotency.InProgress, Fingerprint: "f",
			LeaseUntil: now.Add(time.Minute), Expires: now.Add(time.Hour),
		}
		if existing, err := store.Claim(t.Context(), idempotency.Claim{Record: record, Now: now}); existing != nil || err == nil {
			t.Errorf("claimed over %s: got %v, %v", record.ID, existing, err)
		}
		if existing, err := store.Load(t.Context(), record.ID); existing != nil || err == nil {
			t.Errorf("loaded %s: got %v, %v", record.ID, existing, err)
		}
		if held, err := store.Renew(t.Context(), record); held || err != nil {
			t.Errorf("renewed %s: got %v, %v", record.ID, held, err)
		}
		if err := store.Release(t.Context(), record.ID, record.Owner); err != nil {
			t.Errorf("released %s: got %v", record.ID, err)
		}
		completed := record
		completed.Status, completed.Data = idempotency.Completed, []byte("ours")
		if existing, err := store.Complete(t.Context(), completed); existing != nil || err == nil {
			t.Errorf("completed over %s: got %v, %v", record.ID, existing, err)
		}
		if after := get(t, db, record.ID); !reflect.DeepEqual(after, before) {
			t.Errorf("the record %s has changed", record.ID)
		}
		if existing, err := store.Claim(t.Context(), idempotency.Claim{Record: record, Now: now.Add(2 * time.Hour)}); existing != nil || err != nil {
			t.Errorf("claimed over %s after its time: got %v, %v", record.ID, existing, err)
		}
	}
}

// TestOurRecordUnderTheirKey gives them a record of ours as if it were their
// own: while it lives they do not execute.
func TestOurRecordUnderTheirKey(t *testing.T) {
	t.Parallel()
	db := newTable(t)
	functions := theirs(t, db)
	ours := newOurs(t, db)
	for i, f := range functions {
		e := event{ID: "k", Amount: 1, Hash: "md5"}
		if first, _ := f.invoke(t, e); first.Error != "" {
			t.Fatalf("%s: %+v", f.name(), first)
		}
		theirs := scan(t, db)[0]

		e.ID = fmt.Sprint("ours", i)
		if first, _ := ours.invoke(t, e); first.Error != "" {
			t.Fatalf("%+v", first)
		}
		for _, record := range scan(t, db) {
			if text(record["id"]) == text(theirs["id"]) {
				continue
			}
			remove(t, db, text(record["id"]))
			record["id"], record["validation"] = theirs["id"], theirs["validation"]
			put(t, db, record)
			e.ID = "k"
			if met, _ := f.invoke(t, e); met.Executions != 1 {
				t.Errorf("%s executes over our completed record: %+v", f.name(), met)
			}

			delete(record, "data")
			record["status"] = &types.AttributeValueMemberS{Value: "INPROGRESS"}
			record["in_progress_expiration"] = number(time.Now().Add(time.Minute).UnixMilli())
			put(t, db, record)
			if met, _ := f.invoke(t, e); met.Error != "IdempotencyAlreadyInProgressError" || met.Executions != 1 {
				t.Errorf("%s meets our running execution: %+v", f.name(), met)
			}

			record["expiration"] = number(time.Now().Add(-time.Minute).Unix())
			put(t, db, record)
			if met, _ := f.invoke(t, e); met.Error != "" || met.Executions != 2 {
				t.Errorf("%s meets our expired record: %+v", f.name(), met)
			}
			remove(t, db, text(theirs["id"]))
		}
	}
}

// TestTableWithASortKey is about the tables that Powertools can be told to use
// and we cannot: it is noticed, and nothing executes.
func TestTableWithASortKey(t *testing.T) {
	t.Parallel()
	db := newTable(t)
	if _, err := db.Client.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String(table)}); err != nil {
		t.Fatal(err)
	}
	db.CreateTable(t, table, "id", "sort")
	if got, _ := newOurs(t, db).invoke(t, event{ID: "k", Amount: 1}); got.Error == "" || got.Executions != 0 {
		t.Errorf("got %+v", got)
	}
}

func scan(t *testing.T, db *dynamotest.DynamoDB) []item {
	t.Helper()
	output, err := db.Client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(table)})
	if err != nil {
		t.Fatal(err)
	}
	return output.Items
}

func get(t *testing.T, db *dynamotest.DynamoDB, id string) item {
	t.Helper()
	output, err := db.Client.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String(table), Key: item{"id": &types.AttributeValueMemberS{Value: id}}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	return output.Item
}

func put(t *testing.T, db *dynamotest.DynamoDB, i item) {
	t.Helper()
	if _, err := db.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: i}); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, db *dynamotest.DynamoDB, id string) {
	t.Helper()
	if _, err := db.Client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String(table), Key: item{"id": &types.AttributeValueMemberS{Value: id}},
	}); err != nil {
		t.Fatal(err)
	}
}

func text(value types.AttributeValue) string {
	s, _ := value.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: fmt.Sprint(n)}
}
