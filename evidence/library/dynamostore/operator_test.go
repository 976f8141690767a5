package dynamostore_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/evidence/records"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

// What was forgotten is gone, the response beside the record included.
func TestForgetLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	f := newFixture(t, dynamostore.CompressAbove(-1))
	r := records.InProgress("owner-1")
	records.MustClaim(t, f, r)
	done := records.Completed(r, records.Random(900<<10))
	records.MustComplete(t, f, done)
	f.reset()
	if gone, err := f.Forget(t.Context(), done); !gone || err != nil {
		t.Fatalf("Forget: %v, %v", gone, err)
	}
	f.wantCost(t, map[string]int{"DeleteItem": 4}, 1+381+381+141, 0)
	f.wantNothingLeft(t)
}

// A settlement may be larger than the record, and costs what a completion does.
func TestSettlementOfAnySize(t *testing.T) {
	t.Parallel()
	f := newFixture(t, dynamostore.CompressAbove(-1))
	crashed := records.InProgress("crashed")
	records.MustClaim(t, f, crashed)
	f.reset()
	settled := records.Completed(crashed, records.Random(600<<10))
	settled.Owner = "operator"
	for range 2 { // the reply was lost
		if done, err := f.Settle(t.Context(), crashed, settled); !done || err != nil {
			t.Fatalf("Settle: %v, %v", done, err)
		}
	}
	got := f.duplicate(t)
	if got.Owner != "operator" || !bytes.Equal(got.Data, settled.Data) {
		t.Errorf("a duplicate meets a record of %q with %d bytes", got.Owner, len(got.Data))
	}
	for i := range 2 {
		if f.item(t, fmt.Sprintf("payments.create#k#operator#%d", i)) == nil {
			t.Errorf("part %d is not bound to the operator", i)
		}
	}
}

// An operator sees what a delayed replica does not show yet.
func TestLookIsConsistent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	records.MustClaim(t, f, records.InProgress("owner-1"))
	f.reset()
	if r, err := f.Look(t.Context(), "payments.create#k"); r == nil || err != nil {
		t.Fatalf("Look: %v, %v", r, err)
	}
	f.wantCost(t, map[string]int{"GetItem": 1}, 0, 1) // twice what an eventually consistent read costs
}

// A record of an earlier version has no time of its claim.
func TestRecordWithoutTheTimeOfItsClaim(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := records.InProgress("owner-1")
	records.MustClaim(t, f, r)
	_, err := f.Client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName:        aws.String(table),
		Key:              map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: r.ID}},
		UpdateExpression: aws.String("REMOVE claimed"),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Look(t.Context(), r.ID)
	if err != nil || got == nil || !got.Claimed.IsZero() {
		t.Fatalf("Look: %+v, %v", got, err)
	}
	if existing, err := f.Claim(t.Context(), idempotency.Claim{Record: records.InProgress("heir"), Now: now, TakeOver: got}); existing != nil || err != nil {
		t.Errorf("it cannot be taken over: %+v, %v", existing, err)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	f := newFixture(t, dynamostore.CompressAbove(-1))
	want := make(map[string]idempotency.Status)
	for i := range 25 {
		r := records.InProgress(fmt.Sprint("owner ", i))
		r.ID = fmt.Sprintf("payments.create#%d", i)
		records.MustClaim(t, f, r)
		want[r.ID] = idempotency.InProgress
		if i%2 == 0 {
			records.MustComplete(t, f, records.Completed(r, records.Random(5<<10))) // beside the record
			want[r.ID] = idempotency.Completed
		}
	}
	_, err := f.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: map[string]types.AttributeValue{
		"id": &types.AttributeValueMemberS{Value: "foreign"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var (
		got     = make(map[string]idempotency.Status)
		foreign int
		pages   int
		scanned int
		after   string
	)
	for {
		page, err := f.List(t.Context(), dynamostore.ListRequest{After: after, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		pages++
		scanned += page.Scanned
		foreign += page.Unreadable
		for _, r := range page.Records {
			if _, twice := got[r.ID]; twice || r.Data != nil || r.Claimed.IsZero() {
				t.Errorf("listed: %+v", r)
			}
			got[r.ID] = r.Status
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if len(got) != len(want) || foreign != 1 || scanned != 25+13+1 || pages < 4 {
		t.Errorf("%d records of %d items and %d unreadable ones on %d pages, want 25 of 39, 1 and at least 4", len(got), scanned, foreign, pages)
	}
	for id, status := range want {
		if got[id] != status {
			t.Errorf("%s is %q, want %q", id, got[id], status)
		}
	}

	stuck, err := f.List(t.Context(), dynamostore.ListRequest{Status: idempotency.InProgress})
	if err != nil || len(stuck.Records) != 12 || stuck.Scanned != 39 || stuck.Next != "" {
		t.Errorf("in progress: %d of %d, then %q, error %v", len(stuck.Records), stuck.Scanned, stuck.Next, err)
	}
	for _, r := range stuck.Records {
		if r.Status != idempotency.InProgress || !strings.HasPrefix(r.ID, "payments.create#") {
			t.Errorf("in progress: %+v", r)
		}
	}
}
