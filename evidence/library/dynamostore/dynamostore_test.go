package dynamostore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/idempotent-requests/idempotent-requests/evidence/records"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/storetest"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

const table = "idempotency"

func TestStore(t *testing.T) {
	t.Parallel()
	db := dynamotest.New(t, dynamolocal.Config{})
	var tables atomic.Int32
	for name, options := range map[string][]dynamostore.Option{
		"inline":     nil,
		"parts":      {dynamostore.InlineLimit(0)},
		"compressed": {dynamostore.CompressAbove(0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) idempotency.Store {
				table := fmt.Sprint("idempotency-", tables.Add(1))
				db.CreateTable(t, table, "id")
				return newStore(t, db, table, options...)
			})
		})
	}
}

// unhurried keeps a busy machine out of tests that are not about time.
var unhurried = dynamostore.RequestTimeout(-1)

func newStore(t *testing.T, db *dynamotest.DynamoDB, table string, options ...dynamostore.Option) *dynamostore.Store {
	t.Helper()
	store, err := dynamostore.New(db.Client, table, append([]dynamostore.Option{unhurried}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// fixture is a table with a store on it, and what the requests that reached the
// engine have cost.
type fixture struct {
	*dynamotest.DynamoDB
	*dynamostore.Store

	mu            sync.Mutex
	calls         map[string]int // by operation
	writes, reads float64        // capacity units
}

func newFixture(t *testing.T, options ...dynamostore.Option) *fixture {
	t.Helper()
	f := &fixture{}
	f.reset()
	f.DynamoDB = dynamotest.New(t, dynamolocal.Config{Observe: func(e dynamolocal.Event) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.calls[e.Operation]++
		for _, consumed := range e.Consumed {
			f.writes += consumed.Write
			f.reads += consumed.Read
		}
	}})
	f.CreateTable(t, table, "id")
	f.Store = newStore(t, f.DynamoDB, table, options...)
	f.reset()
	return f
}

func (f *fixture) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.writes, f.reads = map[string]int{}, 0, 0
}

func (f *fixture) wantCost(t *testing.T, calls map[string]int, writes, reads float64) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if diff := cmp.Diff(calls, f.calls); diff != "" || f.writes != writes || f.reads != reads {
		t.Errorf("%v write and %v read units, want %v and %v; requests (-want +got):\n%s", f.writes, f.reads, writes, reads, diff)
	}
}

var now = records.Now

func (f *fixture) duplicate(t *testing.T) *idempotency.Record {
	t.Helper()
	existing, err := f.Claim(t.Context(), idempotency.Claim{Record: records.InProgress("duplicate"), Now: now})
	if existing == nil || err != nil {
		t.Fatalf("Claim: %+v, %v", existing, err)
	}
	return existing
}

// wantNothingLeft checks that the table is empty.
func (f *fixture) wantNothingLeft(t *testing.T) {
	t.Helper()
	output, err := f.Client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(table)})
	if err != nil {
		t.Fatal(err)
	}
	if len(output.Items) != 0 {
		t.Errorf("%d items are left", len(output.Items))
	}
}

func (f *fixture) item(t *testing.T, id string) map[string]types.AttributeValue {
	t.Helper()
	output, err := f.Client.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String(table), Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return output.Item
}

// The attributes are a contract with Powertools' users, and with every version
// that is deployed beside this one.
func TestItems(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := records.InProgress("owner-1")
	records.MustClaim(t, f, r)
	s := func(value string) types.AttributeValue { return &types.AttributeValueMemberS{Value: value} }
	n := func(value string) types.AttributeValue { return &types.AttributeValueMemberN{Value: value} }
	ignore := cmpopts.IgnoreUnexported(types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberB{})
	want := map[string]types.AttributeValue{
		"id":                     s("payments.create#k"),
		"status":                 s("INPROGRESS"),
		"owner":                  s("owner-1"),
		"validation":             s(string(r.Fingerprint)),
		"expiration":             n(fmt.Sprint(now.Unix() + 3600)),
		"in_progress_expiration": n(fmt.Sprint(now.UnixMilli() + 10_123)),
		"claimed":                n(fmt.Sprint(now.UnixMilli() - 1)),
	}
	if diff := cmp.Diff(want, f.item(t, r.ID), ignore); diff != "" {
		t.Errorf("in progress (-want +got):\n%s", diff)
	}

	records.MustComplete(t, f, records.Completed(r, []byte("answer")))
	want["status"] = s("COMPLETED")
	want["data"] = &types.AttributeValueMemberB{Value: []byte("answer")}
	delete(want, "in_progress_expiration")
	if diff := cmp.Diff(want, f.item(t, r.ID), ignore); diff != "" {
		t.Errorf("completed (-want +got):\n%s", diff)
	}
}

func TestResponsesOfAnySizeAreReplayed(t *testing.T) {
	t.Parallel()
	const k = 1 << 10
	for _, test := range []struct {
		name  string
		data  []byte
		parts int
	}{
		{"empty", []byte{}, 0},
		{"one byte", []byte{0}, 0},
		{"at the inline limit", records.Random(4 * k), 0},
		{"over the inline limit", records.Random(4*k + 1), 1},
		{"large but compressible to the inline limit", bytes.Repeat([]byte("abc"), 100*k), 0},
		{"a whole part", records.Random(380 * k), 1},
		{"a part and a byte", records.Random(380*k + 1), 2},
		{"5 MB", records.Random(5 << 20), 14},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			r := records.InProgress("owner-1")
			records.MustClaim(t, f, r)
			records.MustComplete(t, f, records.Completed(r, test.data))
			if got := f.duplicate(t); !bytes.Equal(got.Data, test.data) || got.Data == nil {
				t.Errorf("%d bytes came back as %d", len(test.data), len(got.Data))
			}
			if got, err := f.Load(t.Context(), r.ID); err != nil || !bytes.Equal(got.Data, test.data) {
				t.Errorf("loaded %v, %v", got, err)
			}
			for i := range test.parts {
				part := f.item(t, fmt.Sprintf("payments.create#k#owner-1#%d", i))
				if expiration, _ := part["expiration"].(*types.AttributeValueMemberN); expiration == nil || expiration.Value != fmt.Sprint(r.Expires.Unix()) {
					t.Errorf("part %d expires at %v, want with its record", i, expiration)
				}
			}
			if part := f.item(t, fmt.Sprintf("payments.create#k#owner-1#%d", test.parts)); part != nil {
				t.Errorf("there are more than %d parts", test.parts)
			}
		})
	}
}

func TestCompressionIsRecorded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := records.InProgress("owner-1")
	records.MustClaim(t, f, r)
	records.MustComplete(t, f, records.Completed(r, bytes.Repeat([]byte("abc"), 1000)))
	item := f.item(t, r.ID)
	if encoding, _ := item["data_encoding"].(*types.AttributeValueMemberS); encoding == nil || encoding.Value != "zstd" {
		t.Errorf("data_encoding %v, want zstd", item["data_encoding"])
	}
	if data, _ := item["data"].(*types.AttributeValueMemberB); data == nil || len(data.Value) > 200 {
		t.Error("the response is not compressed")
	}
}

// What each path costs is part of the documentation.
func TestCosts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := records.InProgress("owner-1")
	records.MustClaim(t, f, r)
	records.MustComplete(t, f, records.Completed(r, records.Random(300)))
	f.wantCost(t, map[string]int{"PutItem": 2}, 2, 0)

	f.reset()
	f.duplicate(t)
	f.wantCost(t, map[string]int{"PutItem": 1}, 1, 0)

	f.reset()
	if _, err := f.Load(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	f.wantCost(t, map[string]int{"GetItem": 1}, 0, 0.5)

	f = newFixture(t)
	records.MustClaim(t, f, r)
	records.MustComplete(t, f, records.Completed(r, records.Random(100<<10)))
	f.reset()
	f.duplicate(t)
	f.wantCost(t, map[string]int{"PutItem": 1, "GetItem": 1}, 1, 13) // 100 KB and the attributes: 26 blocks of 4 KB

	f.reset()
	stranger := records.InProgress("duplicate")
	stranger.Fingerprint = "another"
	if _, err := f.Claim(t.Context(), idempotency.Claim{Record: stranger, Now: now}); err != nil {
		t.Fatal(err)
	}
	f.wantCost(t, map[string]int{"PutItem": 1}, 1, 0) // a mismatch needs no response
}

func TestResponseWithoutItsPartsWasNotKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := records.InProgress("owner-1")
	records.MustClaim(t, f, r)
	records.MustComplete(t, f, records.Completed(r, records.Random(10<<10)))
	if _, err := f.Client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String(table),
		Key:       map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: r.ID + "#owner-1#0"}},
	}); err != nil {
		t.Fatal(err)
	}
	if got := f.duplicate(t); got.Status != idempotency.Completed || got.Data != nil {
		t.Errorf("got %+v, want a completed record without data", got)
	}
}

func TestZombieCannotTouchTheWinnersParts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	zombie, winner := records.InProgress("zombie"), records.InProgress("winner")
	records.MustClaim(t, f, zombie)
	if existing, err := f.Claim(t.Context(), idempotency.Claim{Record: winner, Now: now, TakeOver: &zombie}); existing != nil || err != nil {
		t.Fatal(existing, err)
	}
	answer := records.Random(10 << 10)
	records.MustComplete(t, f, records.Completed(winner, answer))
	late := bytes.Clone(answer)
	late[0]++
	met, err := f.Complete(t.Context(), records.Completed(zombie, late))
	if err != nil || met == nil || !bytes.Equal(met.Data, answer) {
		t.Errorf("the zombie met %+v, %v, want the winner's response", met, err)
	}
	if got := f.duplicate(t); !bytes.Equal(got.Data, answer) {
		t.Error("the winner's response has changed")
	}
}

// lose drops the reply to the next call of the operation; the SDK repeats it.
// The returned function checks that it did.
func (f *fixture) lose(operation string) func(*testing.T) {
	var calls atomic.Int32
	f.Engine.Inject(func(c dynamolocal.Call) dynamolocal.Action {
		if c.Operation == operation && calls.Add(1) == 1 {
			return dynamolocal.Action{Effect: dynamolocal.DropReply}
		}
		return dynamolocal.Action{}
	})
	return func(t *testing.T) {
		t.Helper()
		if n := calls.Load(); n < 2 {
			t.Errorf("%d calls of %s, want a repetition", n, operation)
		}
	}
}

func TestHazardOwnLock(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	wantRepetition := f.lose("PutItem")
	records.MustClaim(t, f, records.InProgress("a"))
	wantRepetition(t)
}

func TestHazardOwnCompletion(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := records.InProgress("a")
	records.MustClaim(t, f, r)
	wantRepetition := f.lose("PutItem")
	records.MustComplete(t, f, records.Completed(r, []byte("answer")))
	wantRepetition(t)
}

func TestLostReplies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := records.InProgress("a")
	records.MustClaim(t, f, r)
	f.lose("PutItem")
	if held, err := f.Renew(t.Context(), r); !held || err != nil {
		t.Errorf("Renew: %v, %v", held, err)
	}
	f.lose("DeleteItem")
	if err := f.Release(t.Context(), r.ID, r.Owner); err != nil {
		t.Errorf("Release: %v", err)
	}
	if r, err := f.Load(t.Context(), r.ID); r != nil || err != nil {
		t.Errorf("loaded %+v, %v after the release", r, err)
	}
}

func TestStoreFaultsAreErrors(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Engine.Inject(func(dynamolocal.Call) dynamolocal.Action { return dynamolocal.Action{Effect: dynamolocal.Fail} })
	r := records.InProgress("a")
	if _, err := f.Claim(t.Context(), idempotency.Claim{Record: r, Now: now}); err == nil {
		t.Error("Claim succeeded")
	}
	if _, err := f.Renew(t.Context(), r); err == nil {
		t.Error("Renew succeeded")
	}
	for _, data := range [][]byte{nil, records.Random(10 << 10)} {
		if _, err := f.Complete(t.Context(), records.Completed(r, data)); err == nil {
			t.Error("Complete succeeded")
		}
	}
	if err := f.Release(t.Context(), r.ID, r.Owner); err == nil {
		t.Error("Release succeeded")
	}
	if _, err := f.Load(t.Context(), r.ID); err == nil {
		t.Error("Load succeeded")
	}
}

// A record that makes no sense is no free key.
func TestMalformedRecordsAreErrors(t *testing.T) {
	t.Parallel()
	s := func(value string) types.AttributeValue { return &types.AttributeValueMemberS{Value: value} }
	n := func(value string) types.AttributeValue { return &types.AttributeValueMemberN{Value: value} }
	for name, spoil := range map[string]func(map[string]types.AttributeValue){
		"unknown status":         func(i map[string]types.AttributeValue) { i["status"] = s("EXPIRED") },
		"no status":              func(i map[string]types.AttributeValue) { delete(i, "status") },
		"no owner":               func(i map[string]types.AttributeValue) { delete(i, "owner") },
		"expiration is no time":  func(i map[string]types.AttributeValue) { i["expiration"] = n("1e100") },
		"data of another type":   func(i map[string]types.AttributeValue) { i["data"] = s("text") },
		"no parts":               func(i map[string]types.AttributeValue) { delete(i, "data"); i["data_parts"] = n("0") },
		"too many parts":         func(i map[string]types.AttributeValue) { delete(i, "data"); i["data_parts"] = n("1000000") },
		"unknown encoding":       func(i map[string]types.AttributeValue) { i["data_encoding"] = s("br") },
		"encoding of other type": func(i map[string]types.AttributeValue) { i["data_encoding"] = n("1") },
		"not the gzip it says":   func(i map[string]types.AttributeValue) { i["data_encoding"] = s("gzip") },
		"not the zstd it says":   func(i map[string]types.AttributeValue) { i["data_encoding"] = s("zstd") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			r := records.InProgress("a")
			r.Expires = time.Now().Add(100 * 365 * 24 * time.Hour)
			records.MustClaim(t, f, r)
			records.MustComplete(t, f, records.Completed(r, []byte("answer")))
			item := f.item(t, r.ID)
			spoil(item)
			if _, err := f.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: item}); err != nil {
				t.Fatal(err)
			}
			if existing, err := f.Claim(t.Context(), idempotency.Claim{Record: records.InProgress("b"), Now: now}); err == nil {
				t.Errorf("Claim: %+v, want an error", existing)
			}
			if existing, err := f.Load(t.Context(), r.ID); err == nil {
				t.Errorf("Load: %+v, want an error", existing)
			}
		})
	}
}

func TestNewIsValidated(t *testing.T) {
	t.Parallel()
	client := dynamodb.New(dynamodb.Options{})
	for name, open := range map[string]func() (*dynamostore.Store, error){
		"client": func() (*dynamostore.Store, error) { return dynamostore.New(nil, table) },
		"table":  func() (*dynamostore.Store, error) { return dynamostore.New(client, "") },
		"InlineLimit": func() (*dynamostore.Store, error) {
			return dynamostore.New(client, table, dynamostore.InlineLimit(1<<20))
		},
	} {
		if _, err := open(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want one that names the %s", err, name)
		}
	}
}

// What a call says of its cost is what DynamoDB charges, refusals included, which
// DynamoDB itself does not tell.
func TestCallsKnowTheirCost(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		size         int
		first, again idempotency.Cost
	}{
		{
			size:  300,
			first: idempotency.Cost{RoundTrips: 2, WriteUnits: 2},
			again: idempotency.Cost{RoundTrips: 1, WriteUnits: 1},
		},
		{
			size:  3000,
			first: idempotency.Cost{RoundTrips: 2, WriteUnits: 5},
			again: idempotency.Cost{RoundTrips: 1, WriteUnits: 4},
		},
		{
			size:  500 << 10,
			first: idempotency.Cost{RoundTrips: 4, WriteUnits: 504},
			again: idempotency.Cost{RoundTrips: 3, WriteUnits: 1, ReadUnits: 63.5},
		},
	} {
		t.Run(fmt.Sprint(test.size), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			guard, err := idempotency.New(idempotency.Config{Store: f.Store, CacheEntries: -1, CompletionTimeout: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			key, err := idempotency.NewKey(idempotency.SharedScope(), "payments.create", "k1")
			if err != nil {
				t.Fatal(err)
			}
			answer := records.Random(test.size)
			for _, want := range []idempotency.Cost{test.first, test.again} {
				f.reset()
				outcome, err := guard.Do(t.Context(), idempotency.Request{Key: key, Fingerprint: "f"}, func(context.Context) (idempotency.Result, error) {
					return idempotency.Result{Data: answer}, nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if outcome.Cost != want {
					t.Errorf("cost %+v, want %+v", outcome.Cost, want)
				}
				f.mu.Lock()
				if f.writes != want.WriteUnits || f.reads != want.ReadUnits {
					t.Errorf("DynamoDB charged %v write and %v read units, want %+v", f.writes, f.reads, want)
				}
				f.mu.Unlock()
			}
		})
	}
}

// A mismatch does not need the data, which is therefore not fetched; a process
// that remembers completed records must not take that for a result not kept.
func TestReplayAfterMismatch(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	key, err := idempotency.NewKey(idempotency.SharedScope(), "payments.create", "k1")
	if err != nil {
		t.Fatal(err)
	}
	do := func(guard *idempotency.Guard, payload string) (idempotency.Outcome, error) {
		request := idempotency.Request{Key: key, Fingerprint: idempotency.NewFingerprint([]byte(payload))}
		return guard.Do(t.Context(), request, func(context.Context) (idempotency.Result, error) {
			return idempotency.Result{Data: []byte("paid")}, nil
		})
	}
	var guards [2]*idempotency.Guard
	for i := range guards {
		if guards[i], err = idempotency.New(idempotency.Config{Store: f.Store, CompletionTimeout: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := do(guards[0], "pay 10"); err != nil {
		t.Fatal(err)
	}
	if _, err := do(guards[1], "pay 20"); !errors.Is(err, idempotency.ErrPayloadMismatch) {
		t.Errorf("error %v, want ErrPayloadMismatch", err)
	}
	outcome, err := do(guards[1], "pay 10")
	wantOutcome(t, outcome, err, "paid", true)
}

// A guard on a store that fails in between: the whole way.
func TestGuardOnDynamoDB(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	guard, err := idempotency.New(idempotency.Config{Store: f.Store, CacheEntries: -1, CompletionTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	key, err := idempotency.NewKey(idempotency.SharedScope(), "payments.create", "k1")
	if err != nil {
		t.Fatal(err)
	}
	request := idempotency.Request{Key: key, Fingerprint: idempotency.NewFingerprint([]byte("body"))}
	answer, err := json.Marshal(map[string]string{"paid": strings.Repeat("x", 10_000)})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{false, true, true} {
		f.lose("PutItem")
		outcome, err := guard.Do(t.Context(), request, func(context.Context) (idempotency.Result, error) {
			return idempotency.Result{Data: answer}, nil
		})
		if err != nil || outcome.Replayed != want || !bytes.Equal(outcome.Data, answer) {
			t.Errorf("replayed %v, %d bytes, %v; want replayed %v", outcome.Replayed, len(outcome.Data), err, want)
		}
	}
}
