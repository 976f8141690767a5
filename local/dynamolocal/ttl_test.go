package dynamolocal_test

import (
	"context"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

func TestSweep(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_700_000_000, 0)
	at := func(d time.Duration) types.AttributeValue { return num(strconv.FormatInt(start.Add(d).Unix(), 10)) }
	const year = 365 * 24 * time.Hour
	cases := []struct {
		name   string
		expiry types.AttributeValue // nil for an item without one
		gone   bool
	}{
		{"expired a second ago", at(-time.Second), true},
		{"expires now", at(0), false},
		{"expires in a second", at(time.Second), false},
		{"with a fraction", num("1699999999.9"), true},
		{"expired almost five years ago", at(-5*year + time.Second), true},
		{"expired five years ago", at(-5 * year), false},
		{"zero", num("0"), false},
		{"in milliseconds", num("1699999999000"), false},
		{"no seconds at all", num("1e100"), false},
		{"a string", str("1699999999"), false},
		{"without", nil, false},
	}
	now := &clock{now: start}
	s := serve(t, dynamolocal.Config{Clock: now.Now})
	s.table(t, "items", false)
	s.enableTTL(t, "items", "expiration")
	expected := 0
	for _, c := range cases {
		it := item{"pk": str(c.name)}
		if c.expiry != nil {
			it["expiration"] = c.expiry
		}
		if err := s.put(t, "items", it); err != nil {
			t.Fatal(err)
		}
		if !s.has(t, "items", item{"pk": str(c.name)}) {
			t.Errorf("%s: gone before the sweep", c.name)
		}
		if c.gone {
			expected++
		}
	}
	if deleted := sweep(t, s); deleted != expected {
		t.Errorf("the sweep deleted %d items, want %d", deleted, expected)
	}
	for _, c := range cases {
		if there := s.has(t, "items", item{"pk": str(c.name)}); there == c.gone {
			t.Errorf("%s: there is %t, want %t", c.name, there, !c.gone)
		}
	}

	now.advance(2 * time.Second)
	if deleted := sweep(t, s); deleted != 2 {
		t.Errorf("two seconds later the sweep deleted %d items, want 2", deleted)
	}
}

func TestSweepWithoutTimeToLive(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{})
	s.table(t, "items", false)
	if err := s.put(t, "items", item{"pk": str("a"), "expiration": num("1700000000")}); err != nil {
		t.Fatal(err)
	}
	if deleted := sweep(t, s); deleted != 0 {
		t.Errorf("the sweep deleted %d items", deleted)
	}
}

func TestSweepIsCancelled(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{})
	s.table(t, "items", false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Sweep(ctx); err == nil {
		t.Error("the sweep does not notice that it is cancelled")
	}
}

// A request token is remembered for ten minutes, and then stands for a new
// request.
func TestRequestTokenExpires(t *testing.T) {
	t.Parallel()
	now := &clock{now: time.Unix(1_700_000_000, 0)}
	s := serve(t, dynamolocal.Config{Clock: now.Now, File: filepath.Join(t.TempDir(), "data")})
	s.table(t, "items", false)
	for _, c := range []struct {
		after time.Duration
		sweep bool
		want  string
	}{{0, false, "1"}, {10*time.Minute - time.Second, true, "1"}, {time.Second, false, "2"}, {11 * time.Minute, true, "3"}} {
		now.advance(c.after)
		if c.sweep {
			sweep(t, s)
		}
		s.increment(t, "token")
		if got := s.count(t); got != c.want {
			t.Errorf("%v later the count is %s, want %s", c.after, got, c.want)
		}
	}
}

func sweep(t *testing.T, s *server) int {
	t.Helper()
	deleted, err := s.Sweep(t.Context())
	if err != nil {
		t.Fatalf("Sweep: %v", err)
	}
	return deleted
}

// increment adds one to a counter in the table items, in a transaction with a
// token.
func (s *server) increment(t *testing.T, token string) {
	t.Helper()
	_, err := s.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{
		ClientRequestToken: &token,
		TransactItems: []types.TransactWriteItem{{Update: &types.Update{
			TableName: aws.String("items"), Key: item{"pk": str("counter")},
			UpdateExpression:          aws.String("ADD n :one"),
			ExpressionAttributeValues: item{":one": num("1")},
		}}},
	})
	if err != nil {
		t.Fatalf("TransactWriteItems: %v", err)
	}
}

func (s *server) count(t *testing.T) string {
	t.Helper()
	out, err := s.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("items"), Key: item{"pk": str("counter")}})
	if err != nil {
		t.Fatalf("GetItem: %v", err)
	}
	n, ok := out.Item["n"].(*types.AttributeValueMemberN)
	if !ok {
		t.Fatalf("the counter is %v", out.Item)
	}
	return n.Value
}

// A sweep deletes more items than it deletes at a time.
func TestSweepMany(t *testing.T) {
	t.Parallel()
	now := &clock{now: time.Unix(1_700_000_000, 0)}
	s := serve(t, dynamolocal.Config{Clock: now.Now})
	s.table(t, "items", false)
	s.enableTTL(t, "items", "expiration")
	const items, size = 2500, 25
	for i := 0; i < items; i += size {
		var puts []types.WriteRequest
		for j := range size {
			puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: item{
				"pk": str(strconv.Itoa(i + j)), "expiration": num(strconv.FormatInt(now.Now().Unix()+int64(i%2), 10)),
			}}})
		}
		if _, err := s.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"items": puts}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{0, items / 2, items / 2, 0} {
		if deleted := sweep(t, s); deleted != want {
			t.Errorf("the sweep deleted %d items, want %d", deleted, want)
		}
		now.advance(time.Second)
	}
}
