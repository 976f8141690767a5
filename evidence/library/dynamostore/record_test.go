package dynamostore_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

// items is a table that refuses nothing.
type items map[string]map[string]types.AttributeValue

func (db items) id(item map[string]types.AttributeValue) string {
	return item["id"].(*types.AttributeValueMemberS).Value
}

func (db items) PutItem(_ context.Context, input *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	db[db.id(input.Item)] = input.Item
	return &dynamodb.PutItemOutput{}, nil
}

func (db items) DeleteItem(_ context.Context, input *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	delete(db, db.id(input.Key))
	return &dynamodb.DeleteItemOutput{}, nil
}

func (db items) GetItem(_ context.Context, input *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: db[db.id(input.Key)]}, nil
}

func (db items) UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return nil, errors.New("a table that refuses nothing has no expressions")
}

// A record is read as it was written, whatever is in it and however its data is kept.
func FuzzRecordIsReadAsWritten(f *testing.F) {
	f.Add("o1", "f1", int64(1_700_000_000), int64(1_700_000_000_123), []byte(`{"id":"p1"}`), 10, 100)
	f.Add("", "", int64(0), int64(0), []byte{}, 0, 0)
	f.Add("#", "\xff", int64(-1), int64(-1), []byte{0, 0xff}, 0, -1)
	f.Add("ö", "f", int64(1), int64(1), bytes.Repeat([]byte("a"), 3000), 4096, 1024)
	f.Add("o", "f", int64(253_402_300_799), int64(1), bytes.Repeat([]byte{0, 1, 2, 3}, 500), 0, 0)
	f.Fuzz(func(t *testing.T, owner, fingerprint string, expires, lease int64, data []byte, inlineLimit, compressAbove int) {
		store, err := dynamostore.New(items{}, table, dynamostore.InlineLimit(inlineLimit), dynamostore.CompressAbove(compressAbove))
		if err != nil {
			t.Skip(err)
		}
		claimed := idempotency.Record{
			ID: "id", Status: idempotency.InProgress, Owner: owner, Fingerprint: idempotency.Fingerprint(fingerprint),
			Claimed: time.UnixMilli(lease), LeaseUntil: time.UnixMilli(lease), Expires: time.Unix(expires, 0),
		}
		if existing, err := store.Claim(t.Context(), idempotency.Claim{Record: claimed}); existing != nil || err != nil {
			t.Fatal(existing, err)
		}
		expectLoaded(t, store, claimed)

		completed := claimed
		completed.Status, completed.LeaseUntil, completed.Data = idempotency.Completed, time.Time{}, data
		if existing, err := store.Complete(t.Context(), completed); existing != nil || err != nil {
			t.Fatal(existing, err)
		}
		expectLoaded(t, store, completed)
	})
}

func expectLoaded(t *testing.T, store idempotency.Store, want idempotency.Record) {
	t.Helper()
	got, err := store.Load(t.Context(), want.ID)
	if err != nil {
		t.Fatalf("%+v: %v", want, err)
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("the record differs (-written +read):\n%s", diff)
	}
}

// Whatever is in the table, it is read as a record that the protocol knows, or
// is an error: it is never a free key.
func FuzzForeignItem(f *testing.F) {
	const all = 1<<9 - 1
	f.Add("INPROGRESS", "o1", "f1", "1700000000", "1700000000123", []byte(nil), "", "", uint16(all), uint16(0))
	f.Add("COMPLETED", "o1", "f1", "1700000000", "", []byte("x"), "", "", uint16(all&^(1<<6|1<<7)), uint16(0))
	f.Add("COMPLETED", "o1", "f1", "1700000000", "", []byte("not gzip"), "gzip", "", uint16(all&^(1<<7)), uint16(0))
	f.Add("COMPLETED", "o1", "f1", "1700000000", "", []byte("\x28\xb5\x2f\xfd\x20\x01\x09\x00\x00x"), "zstd", "", uint16(all&^(1<<7)), uint16(0))
	f.Add("COMPLETED", "o1", "f1", "1700000000", "", []byte{}, "zstd", "", uint16(all&^(1<<7)), uint16(0))
	f.Add("COMPLETED", "o1", "f1", "1700000000", "", []byte("x"), "br", "3", uint16(all&^(1<<5)), uint16(0))
	f.Add("COMPLETED", "o1", "f1", "1e3", "", []byte(nil), "", "257", uint16(all&^(1<<5|1<<6)), uint16(0))
	f.Add("EXPIRED", "o1", "f1", "1700000000", "", []byte(nil), "", "", uint16(all), uint16(0))
	f.Add("COMPLETED", "", "", "9223372036854775808", "", []byte{}, "", "-1", uint16(all), uint16(1<<3))
	f.Fuzz(func(t *testing.T, status, owner, fingerprint, expires, lease string, data []byte, encoding, parts string, present, mistyped uint16) {
		item := map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "id"}}
		for i, attribute := range []struct {
			name  string
			value types.AttributeValue
		}{
			{"status", &types.AttributeValueMemberS{Value: status}},
			{"owner", &types.AttributeValueMemberS{Value: owner}},
			{"validation", &types.AttributeValueMemberS{Value: fingerprint}},
			{"expiration", &types.AttributeValueMemberN{Value: expires}},
			{"in_progress_expiration", &types.AttributeValueMemberN{Value: lease}},
			{"data", &types.AttributeValueMemberB{Value: data}},
			{"data_encoding", &types.AttributeValueMemberS{Value: encoding}},
			{"data_parts", &types.AttributeValueMemberN{Value: parts}},
			{"claimed", &types.AttributeValueMemberN{Value: lease}},
		} {
			switch {
			case present&(1<<i) == 0:
			case mistyped&(1<<i) != 0:
				item[attribute.name] = &types.AttributeValueMemberBOOL{Value: true}
			default:
				item[attribute.name] = attribute.value
			}
		}
		store, err := dynamostore.New(items{"id": item}, table)
		if err != nil {
			t.Fatal(err)
		}
		r, err := store.Load(t.Context(), "id")
		switch {
		case err != nil && r != nil:
			t.Errorf("the record %+v with the error %v", r, err)
		case err != nil:
		case r == nil:
			t.Error("an item was read as none")
		case r.Status != idempotency.InProgress && r.Status != idempotency.Completed:
			t.Errorf("the status %q", r.Status)
		case r.Status == idempotency.InProgress && r.Data != nil:
			t.Errorf("data in progress: %q", r.Data)
		case string(r.Status) != status || r.Owner != owner || string(r.Fingerprint) != fingerprint:
			t.Errorf("read as %+v", r)
		}
	})
}
