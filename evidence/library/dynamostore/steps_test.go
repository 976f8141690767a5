package dynamostore_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/evidence/records"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

// step records a step of r's owner and returns the record with it.
func (f *fixture) step(t *testing.T, r idempotency.Record, name string, data []byte) idempotency.Record {
	t.Helper()
	step := idempotency.RecordedStep{Name: name, Data: data}
	if held, err := f.RecordStep(t.Context(), r, step); !held || err != nil {
		t.Fatalf("RecordStep %q: %v, %v", name, held, err)
	}
	r.Steps = append(r.Steps, step)
	return r
}

// A step is one request and a write unit per KB of the record; what keeps it and
// brings it back costs no request more.
func TestStepsCost(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := records.InProgress("owner-1")
	records.MustClaim(t, f, r)
	for i, name := range []string{"charge", "receipt", "shipment"} {
		f.reset()
		r = f.step(t, r, name, []byte("done"))
		f.wantCost(t, map[string]int{"UpdateItem": 1}, 1, 0)
		if got := f.item(t, r.ID)["steps"].(*types.AttributeValueMemberL).Value; len(got) != i+1 {
			t.Errorf("%d steps in the record, want %d", len(got), i+1)
		}
	}
	f.reset()
	r.LeaseUntil = r.LeaseUntil.Add(time.Minute)
	if held, err := f.Renew(t.Context(), r); !held || err != nil {
		t.Errorf("Renew: %v, %v", held, err)
	}
	f.wantCost(t, map[string]int{"UpdateItem": 1}, 1, 0)

	f.reset()
	heir := records.InProgress("owner-2")
	steps, existing, err := f.TakeOver(t.Context(), idempotency.Claim{Record: heir, Now: now, TakeOver: &r})
	if len(steps) != 3 || existing != nil || err != nil {
		t.Errorf("TakeOver: %v, %v, %v", steps, existing, err)
	}
	f.wantCost(t, map[string]int{"UpdateItem": 1}, 1, 0)

	f.reset()
	records.MustComplete(t, f, records.Completed(heir, []byte("answer")))
	f.wantCost(t, map[string]int{"PutItem": 1}, 1, 0)
	if _, kept := f.item(t, r.ID)["steps"]; kept {
		t.Error("a completed record has steps")
	}
}

// A record whose execution has no steps is what it was, and needs no other right.
func TestRecordsWithoutStepsAreUnchanged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := records.InProgress("owner-1")
	records.MustClaim(t, f, r)
	if held, err := f.Renew(t.Context(), r); !held || err != nil {
		t.Errorf("Renew: %v, %v", held, err)
	}
	heir := records.InProgress("owner-2")
	if existing, err := f.Claim(t.Context(), idempotency.Claim{Record: heir, Now: now, TakeOver: &r}); existing != nil || err != nil {
		t.Errorf("Claim: %v, %v", existing, err)
	}
	f.wantCost(t, map[string]int{"PutItem": 3}, 3, 0)
	if _, found := f.item(t, r.ID)["steps"]; found {
		t.Error("the record has an attribute for steps")
	}
}

// The parts of a step outlive a takeover at the end of the window, which begins
// another, and are forgotten with their record.
func TestPartsOfSteps(t *testing.T) {
	t.Parallel()
	for _, window := range []time.Duration{time.Hour, 24 * time.Hour, 7 * 24 * time.Hour} {
		testPartsOfSteps(t, window)
	}
}

func testPartsOfSteps(t *testing.T, window time.Duration) {
	f := newFixture(t, dynamostore.CompressAbove(-1))
	r := records.InProgress("owner-1")
	r.Claimed = r.Expires.Add(-window)
	records.MustClaim(t, f, r)
	r = f.step(t, r, "charge", records.Random(500<<10))
	for i := range 2 {
		part := f.item(t, fmt.Sprintf("payments.create#k#owner-1#charge#%d", i))
		if part == nil {
			t.Fatalf("there is no part %d", i)
		}
		expiration, err := strconv.ParseInt(part["expiration"].(*types.AttributeValueMemberN).Value, 10, 64)
		if err != nil || !time.Unix(expiration, 0).Equal(r.Expires.Add(max(window, 24*time.Hour))) {
			t.Errorf("part %d expires at %v, %v; the record at %v, after a window of %v", i, time.Unix(expiration, 0), err, r.Expires, window)
		}
	}
	heir := records.InProgress("owner-2")
	steps, _, err := f.TakeOver(t.Context(), idempotency.Claim{Record: heir, Now: now, TakeOver: &r})
	if err != nil || len(steps) != 1 || len(steps[0].Data) != 500<<10 {
		t.Fatalf("TakeOver: %d steps, %v", len(steps), err)
	}
	heir.Steps = steps
	heir = f.step(t, heir, "receipt", records.Random(500<<10))
	if gone, err := f.Forget(t.Context(), heir); !gone || err != nil {
		t.Fatalf("Forget: %v, %v", gone, err)
	}
	f.wantNothingLeft(t)
}

// A step whose parts are gone has run, and has no result.
func TestStepWhosePartsAreGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, dynamostore.CompressAbove(-1))
	r := records.InProgress("owner-1")
	records.MustClaim(t, f, r)
	r = f.step(t, r, "charge", records.Random(10<<10))
	_, err := f.Client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String(table),
		Key:       map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "payments.create#k#owner-1#charge#0"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	steps, existing, err := f.TakeOver(t.Context(), idempotency.Claim{Record: records.InProgress("owner-2"), Now: now, TakeOver: &r})
	if len(steps) != 1 || steps[0].Name != "charge" || steps[0].Data != nil || existing != nil || err != nil {
		t.Errorf("TakeOver: %v, %v, %v", steps, existing, err)
	}
}
