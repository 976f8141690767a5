package datatable_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable/datatabletest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

const (
	alice session.ID = "3f1b6a5e-8c0d-4a57-9d3e-6a1f0c2b7e44"
	bob   session.ID = "b7e442c0-1d3e-4a57-8c0d-6a5e3f1b9d3e"
)

type thing struct {
	Name   string    `json:"name"`
	Amount int64     `json:"amount"`
	At     time.Time `json:"at"`
	None   string    `json:"none,omitempty"`
}

// clock stands until it is moved.
type clock struct{ now time.Time }

func newClock() *clock                   { return &clock{time.Date(2026, 1, 31, 9, 26, 53, 589e6, time.UTC)} }
func (c *clock) Now() time.Time          { return c.now }
func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

func TestGetReturnsWhatWasPut(t *testing.T) {
	t.Parallel()
	c := newClock()
	table := datatabletest.New(t, c.Now).Table
	want := thing{Name: "ada", Amount: 99_999_999, At: c.Now()}
	put := datatable.Entry{Kind: datatable.Customer, ID: "1", Operation: "customers.create", Resource: "1", At: c.Now()}
	if err := table.Put(t.Context(), alice, put, want); err != nil {
		t.Fatal(err)
	}
	entry, err := table.Get(t.Context(), alice, datatable.Customer, "1")
	if err != nil {
		t.Fatal(err)
	}
	var got thing
	if err := entry.Detail(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("detail: %s", diff)
	}
	if entry.Kind != put.Kind || entry.ID != put.ID || entry.Operation != put.Operation || entry.Resource != put.Resource || !entry.At.Equal(put.At) {
		t.Errorf("got %+v, want %+v", entry, put)
	}
}

func TestEntriesBelongToOneSessionAndKind(t *testing.T) {
	t.Parallel()
	table := datatabletest.New(t, nil).Table
	if err := table.Put(t.Context(), alice, datatable.Entry{Kind: datatable.Payment, ID: "1", At: time.Now()}, thing{}); err != nil {
		t.Fatal(err)
	}
	for _, other := range []struct {
		owner session.ID
		kind  datatable.Kind
		id    string
	}{{bob, datatable.Payment, "1"}, {alice, datatable.Customer, "1"}, {alice, datatable.Payment, "2"}} {
		if _, err := table.Get(t.Context(), other.owner, other.kind, other.id); !errors.Is(err, datatable.ErrNotFound) {
			t.Errorf("%+v: got %v, want ErrNotFound", other, err)
		}
	}
	if entries, _, err := table.List(t.Context(), bob, datatable.Payment, 10); err != nil || len(entries) != 0 {
		t.Errorf("bob sees %v, %v", entries, err)
	}
}

func TestExpiredEntriesAreAbsentThoughNotYetDeleted(t *testing.T) {
	t.Parallel()
	c := newClock()
	table := datatabletest.New(t, c.Now).Table
	if err := table.Put(t.Context(), alice, datatable.Entry{Kind: datatable.Payment, ID: "1", At: c.Now()}, thing{}); err != nil {
		t.Fatal(err)
	}
	c.advance(datatabletest.Retention - time.Second)
	if _, err := table.Get(t.Context(), alice, datatable.Payment, "1"); err != nil {
		t.Errorf("just before its expiration: %v", err)
	}
	c.advance(time.Second)
	if _, err := table.Get(t.Context(), alice, datatable.Payment, "1"); !errors.Is(err, datatable.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if entries, more, err := table.List(t.Context(), alice, datatable.Payment, 10); err != nil || more || len(entries) != 0 {
		t.Errorf("listed %v, %v, %v", entries, more, err)
	}
}

func TestEntriesMayBeKeptForATimeOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := newClock()
	table := datatabletest.New(t, c.Now).Table
	entry := datatable.Entry{Kind: datatable.Call, ID: "1", At: c.Now(), Retention: time.Minute}
	if err := table.Put(t.Context(), alice, entry, thing{}); err != nil {
		t.Fatal(err)
	}
	c.advance(59 * time.Second)
	if _, err := table.Get(t.Context(), alice, datatable.Call, "1"); err != nil {
		t.Errorf("just before its expiration: %v", err)
	}
	c.advance(time.Second)
	if _, err := table.Get(t.Context(), alice, datatable.Call, "1"); !errors.Is(err, datatable.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestFirst(t *testing.T) {
	t.Parallel()
	c := newClock()
	table := datatabletest.New(t, c.Now).Table
	put := func(owner session.ID, group, id string) {
		t.Helper()
		if err := table.Put(t.Context(), owner, datatable.Entry{Kind: datatable.Charge, Group: group, ID: id, At: c.Now()}, thing{}); err != nil {
			t.Fatal(err)
		}
	}
	first := func() string {
		t.Helper()
		entry, err := table.First(t.Context(), alice, datatable.Charge, "ref")
		if err != nil && !errors.Is(err, datatable.ErrNotFound) {
			t.Fatal(err)
		}
		return entry.ID
	}
	put(bob, "ref", "0")
	put(alice, "ref2", "0")
	put(alice, "re", "0")
	if id := first(); id != "" {
		t.Errorf("found %s, which is another's", id)
	}
	put(alice, "ref", "1")
	c.advance(datatabletest.Retention / 2)
	put(alice, "ref", "3")
	put(alice, "ref", "2")
	if id := first(); id != "1" {
		t.Errorf("got %s, want 1", id)
	}
	c.advance(datatabletest.Retention / 2)
	if id := first(); id != "2" {
		t.Errorf("got %s, want 2: the first has expired", id)
	}
}

func TestItemsCarryKeysAndTimeToLive(t *testing.T) {
	t.Parallel()
	c := newClock()
	fixture := datatabletest.New(t, c.Now)
	entry := datatable.Entry{Kind: datatable.Charge, Group: "ref", ID: "1", At: c.Now()}
	if err := fixture.Table.Put(t.Context(), alice, entry, thing{}); err != nil {
		t.Fatal(err)
	}
	output, err := fixture.Client.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: &fixture.Name,
		Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "session#" + string(alice)},
			"sk": &types.AttributeValueMemberS{Value: "charge#ref#1"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	expiration, _ := output.Item["expiration"].(*types.AttributeValueMemberN)
	if want := fmt.Sprint(c.Now().Add(datatabletest.Retention).Unix()); expiration == nil || expiration.Value != want {
		t.Errorf("got the item %v, want expiration %s", output.Item, want)
	}
}

// TestListReadsAllPages stores more than the megabyte that one page holds.
func TestListReadsAllPages(t *testing.T) {
	t.Parallel()
	table := datatabletest.New(t, nil).Table
	const count = 6
	for i := range count {
		entry := datatable.Entry{Kind: datatable.Charge, Group: fmt.Sprint("ref", i%2), ID: fmt.Sprint(i), At: time.Now()}
		if err := table.Put(t.Context(), alice, entry, thing{Name: strings.Repeat("x", 300<<10)}); err != nil {
			t.Fatal(err)
		}
	}
	entries, more, err := table.List(t.Context(), alice, datatable.Charge, count)
	if err != nil || more {
		t.Fatalf("more %v, %v", more, err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Group+"/"+e.ID)
	}
	want := []string{"ref1/5", "ref1/3", "ref1/1", "ref0/4", "ref0/2", "ref0/0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if entries, more, err = table.List(t.Context(), alice, datatable.Charge, count-1); err != nil || !more || len(entries) != count-1 {
		t.Errorf("limited: %d entries, more %v, %v; want %d and more", len(entries), more, err, count-1)
	}
}

func TestRecordExecution(t *testing.T) {
	t.Parallel()
	table := datatabletest.New(t, nil).Table
	scope, err := alice.Scope()
	if err != nil {
		t.Fatal(err)
	}
	key, err := idempotency.NewKey(scope, "payments.create", "k1")
	if err != nil {
		t.Fatal(err)
	}
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		t.Fatal(err)
	}
	request := idempotency.Request{Key: key, Fingerprint: idempotency.NewFingerprint(nil)}
	_, err = guard.Do(t.Context(), request, func(ctx context.Context) (idempotency.Result, error) {
		_, err := table.RecordExecution(ctx, alice, key.Operation())
		return idempotency.Result{}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.RecordExecution(t.Context(), alice, "unprotected"); err != nil {
		t.Fatal(err)
	}
	entries, _, err := table.List(t.Context(), alice, datatable.Execution, 10)
	if err != nil || len(entries) != 2 {
		t.Fatalf("got %v, %v", entries, err)
	}
	hashes := make(map[string]string)
	for _, e := range entries {
		var detail datatable.ExecutionDetail
		if err := e.Detail(&detail); err != nil {
			t.Fatal(err)
		}
		hashes[e.Operation] = detail.KeyHash
	}
	want := map[string]string{"payments.create": strings.TrimPrefix(key.ID(), "payments.create#"), "unprotected": ""}
	if diff := cmp.Diff(want, hashes); diff != "" {
		t.Error(diff)
	}
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	client := dynamodb.New(dynamodb.Options{Region: "eu-central-1", BaseEndpoint: aws.String("http://127.0.0.1:1")})
	for field, cfg := range map[string]datatable.Config{
		"Client":    {Name: "data", Retention: time.Hour},
		"Name":      {Client: client, Retention: time.Hour},
		"Retention": {Client: client, Name: "data"},
	} {
		if _, err := datatable.New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("got %v, want an error that names %s", err, field)
		}
	}
}
