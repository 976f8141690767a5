package activity_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/idempotent-requests/idempotent-requests/functions/activity"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/apitest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/calls"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable/datatabletest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

var start = time.Date(2026, 1, 31, 9, 26, 53, 0, time.UTC)

type fixture struct {
	handler http.Handler
	table   *datatable.Table
	records *memstore.Store
	now     time.Time
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{records: memstore.New(), now: start}
	clock := func() time.Time { return f.now }
	f.table = datatabletest.New(t, clock).Table
	var err error
	f.handler, err = activity.New(activity.Config{Data: f.table, Records: f.records, Logger: apitest.Logger(), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) put(t *testing.T, entry datatable.Entry, detail any) {
	t.Helper()
	if err := f.table.Put(t.Context(), apitest.Alice, entry, detail); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) activity(t *testing.T) activity.Activity {
	t.Helper()
	response := apitest.Send(t, f.handler, http.MethodGet, "/api/executions", apitest.Request{Session: apitest.Alice})
	if response.Status != http.StatusOK || response.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %+v", response)
	}
	var a activity.Activity
	response.Decode(t, &a)
	return a
}

func TestActivity(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	f.put(t, datatable.Entry{Kind: datatable.Execution, ID: "e1", Operation: "payments.create", At: at(1)}, datatable.ExecutionDetail{KeyHash: "h"})
	f.put(t, datatable.Entry{Kind: datatable.Execution, ID: "e2", Operation: "unprotected-payments.create", At: at(2)}, datatable.ExecutionDetail{})
	for i, step := range []string{"charge", "receipt"} {
		f.put(t, datatable.Entry{Kind: datatable.Step, Group: "e1", ID: fmt.Sprint("s", i), Operation: "payments.create", At: at(1 + i)}, datatable.StepDetail{Name: step})
	}
	f.put(t, datatable.Entry{Kind: datatable.Receipt, Group: "a", ID: "r1", Operation: "payments.create", Resource: "p2", At: at(7)}, map[string]any{"chargeId": "c2"})
	// The newest charge comes first, whatever its reference.
	f.put(t, datatable.Entry{Kind: datatable.Charge, Group: "z", ID: "c1", Operation: "payments.create", Resource: "p1", At: at(3)},
		map[string]any{"amount": 99_999_999, "currency": "EUR", "reference": "z"})
	f.put(t, datatable.Entry{Kind: datatable.Charge, Group: "a", ID: "c2", Operation: "payments.create", Resource: "p2", At: at(5)}, map[string]any{})
	f.put(t, datatable.Entry{Kind: datatable.Customer, ID: "u1", Operation: "customers.create", Resource: "u1", At: at(4)}, map[string]any{"name": "Ada"})
	f.put(t, datatable.Entry{Kind: datatable.Order, ID: "o1", Operation: "orders.create", Resource: "o1", At: at(6)}, map[string]any{"sku": "mug", "quantity": 2})
	f.put(t, datatable.Entry{Kind: datatable.Payment, ID: "p1", Operation: "payments.create", Resource: "p1", At: at(3)}, map[string]any{})

	want := activity.Activity{
		Executions: []activity.Execution{
			{ID: "e2", Operation: "unprotected-payments.create", At: at(2)},
			{ID: "e1", Operation: "payments.create", KeyHash: "h", Steps: []activity.Step{{Name: "charge", At: at(1)}, {Name: "receipt", At: at(2)}}, At: at(1)},
		},
		Effects: []activity.Effect{
			{ID: "r1", Kind: "receipt", Operation: "payments.create", Resource: "p2", Detail: map[string]any{"chargeId": "c2"}, At: at(7)},
			{ID: "o1", Kind: "order", Operation: "orders.create", Resource: "o1", Detail: map[string]any{"sku": "mug", "quantity": 2.}, At: at(6)},
			{ID: "c2", Kind: "charge", Operation: "payments.create", Resource: "p2", Detail: map[string]any{}, At: at(5)},
			{ID: "u1", Kind: "customer", Operation: "customers.create", Resource: "u1", Detail: map[string]any{"name": "Ada"}, At: at(4)},
			{ID: "c1", Kind: "charge", Operation: "payments.create", Resource: "p1", Detail: map[string]any{"amount": 99_999_999., "currency": "EUR", "reference": "z"}, At: at(3)},
		},
		ExecutionCount: 2,
		EffectCount:    5,
	}
	if diff := cmp.Diff(want, f.activity(t)); diff != "" {
		t.Error(diff)
	}
	stranger := apitest.Send(t, f.handler, http.MethodGet, "/api/executions", apitest.Request{Session: apitest.Bob})
	if want := `{"executions":[],"effects":[],"executionCount":0,"effectCount":0,"truncated":false}`; stranger.Body != want {
		t.Errorf("another session gets %s", stranger.Body)
	}
}

func TestActivityIsBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i := range activity.MaxEntries + 1 {
		f.put(t, datatable.Entry{Kind: datatable.Execution, ID: fmt.Sprintf("%04d", i), At: start.Add(time.Duration(i) * time.Millisecond)}, datatable.ExecutionDetail{})
	}
	a := f.activity(t)
	if !a.Truncated || a.ExecutionCount != activity.MaxEntries || len(a.Executions) != activity.MaxEntries {
		t.Fatalf("truncated %v, %d counted, %d listed", a.Truncated, a.ExecutionCount, len(a.Executions))
	}
	if newest := a.Executions[0].ID; newest != fmt.Sprintf("%04d", activity.MaxEntries) {
		t.Errorf("the newest is %s", newest)
	}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	list := func(caller session.ID) string {
		t.Helper()
		response := apitest.Send(t, f.handler, http.MethodGet, "/api/calls", apitest.Request{Session: caller})
		if response.Status != http.StatusOK || response.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("got %+v", response)
		}
		return response.Body
	}
	const none = `{"calls":[],"truncated":false}`
	if got := list(apitest.Alice); got != none {
		t.Errorf("at first: got %s", got)
	}
	recorder, err := calls.NewObserver(calls.Config{Data: f.table, Logger: apitest.Logger(), Clock: func() time.Time { return f.now }})
	if err != nil {
		t.Fatal(err)
	}
	ctx := session.NewContext(t.Context(), apitest.Alice)
	recorder.Observe(ctx, idempotency.Event{Observation: idempotency.ObservedExecuted, Operation: "orders.create", ID: "orders.create#h1", Duration: 7 * time.Millisecond, Cost: idempotency.Cost{RoundTrips: 1, WriteUnits: 8}})
	f.now = f.now.Add(time.Second)
	recorder.Observe(ctx, idempotency.Event{Observation: idempotency.ObservedReplayed, Operation: "orders.create", Duration: 1500 * time.Microsecond, Cost: idempotency.Cost{RoundTrips: 1, ReadUnits: .5}})

	var got activity.Calls
	if err := json.Unmarshal([]byte(list(apitest.Alice)), &got); err != nil {
		t.Fatal(err)
	}
	want := activity.Calls{Calls: []activity.Call{
		{Operation: "orders.create", Outcome: "replayed", Replayed: true, Cost: activity.Cost{RoundTrips: 1, ReadUnits: .5}, DurationMs: 1.5, At: start.Add(time.Second)},
		{Operation: "orders.create", KeyHash: "h1", Outcome: "executed", Cost: activity.Cost{RoundTrips: 1, WriteUnits: 8}, DurationMs: 7, At: start},
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(activity.Call{}, "ID")); diff != "" {
		t.Error(diff)
	}
	if got := list(apitest.Bob); got != none {
		t.Errorf("another session gets %s", got)
	}
	for i := range activity.MaxCalls {
		f.put(t, datatable.Entry{Kind: datatable.Call, ID: fmt.Sprintf("%04d", i), At: f.now, Retention: calls.Retention}, calls.Detail{Outcome: idempotency.ObservedMismatch})
	}
	if err := json.Unmarshal([]byte(list(apitest.Alice)), &got); err != nil {
		t.Fatal(err)
	}
	if !got.Truncated || len(got.Calls) != activity.MaxCalls || got.Calls[activity.MaxCalls-1].Outcome != idempotency.ObservedMismatch {
		t.Errorf("truncated %v, %d calls", got.Truncated, len(got.Calls))
	}
	f.now = f.now.Add(calls.Retention)
	if got := list(apitest.Alice); got != none {
		t.Errorf("in the end: got %s", got)
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	scope, err := apitest.Alice.Scope()
	if err != nil {
		t.Fatal(err)
	}
	key, err := idempotency.NewKey(scope, "payments.create", "my key")
	if err != nil {
		t.Fatal(err)
	}
	record := idempotency.Record{
		ID: key.ID(), Status: idempotency.InProgress, Owner: "me", Fingerprint: "f",
		LeaseUntil: start.Add(15 * time.Second), Expires: start.Add(time.Hour),
	}
	if existing, err := f.records.Claim(t.Context(), idempotency.Claim{Record: record, Now: start}); existing != nil || err != nil {
		t.Fatal(existing, err)
	}
	get := func(session, path string) apitest.Response {
		return apitest.Send(t, f.handler, http.MethodGet, path, apitest.Request{Session: apitest.Alice, Header: http.Header{"Demo-Session": {session}}})
	}
	const path = "/api/idempotency-records/payments.create/my%20key"
	alice, bob := string(apitest.Alice), string(apitest.Bob)

	if got, want := get(alice, path).Body, `{"id":"`+key.ID()+`","status":"INPROGRESS","owner":"me","fingerprint":"f",`+
		`"leaseExpiresAt":"2026-01-31T09:27:08Z","expiresAt":"2026-01-31T10:26:53Z","size":0}`; got != want {
		t.Errorf("in progress: got %s, want %s", got, want)
	}
	record.Status, record.Data = idempotency.Completed, []byte("12345")
	if existing, err := f.records.Complete(t.Context(), record); existing != nil || err != nil {
		t.Fatal(existing, err)
	}
	if got, want := get(alice, path).Body, `{"id":"`+key.ID()+`","status":"COMPLETED","owner":"me","fingerprint":"f",`+
		`"expiresAt":"2026-01-31T10:26:53Z","size":5}`; got != want {
		t.Errorf("completed: got %s, want %s", got, want)
	}

	absent := get(alice, "/api/idempotency-records/payments.create/another")
	for name, response := range map[string]apitest.Response{
		"another session":   get(bob, path),
		"another operation": get(alice, "/api/idempotency-records/customers.create/my%20key"),
		"no operation":      get(alice, "/api/idempotency-records/payments%20create/my%20key"),
	} {
		if response.Problem(t) != "not-found" {
			t.Errorf("%s: got %+v", name, response)
		}
		if diff := cmp.Diff(absent, response); diff != "" {
			t.Errorf("%s can be told from an absent key: %s", name, diff)
		}
	}
	f.now = start.Add(time.Hour)
	if diff := cmp.Diff(absent, get(alice, path)); diff != "" {
		t.Errorf("expired: %s", diff)
	}
}

type brokenRecords struct{}

func (brokenRecords) Load(context.Context, string) (*idempotency.Record, error) {
	return nil, errors.New("secret")
}

func TestRecordOfAnUnavailableStore(t *testing.T) {
	t.Parallel()
	handler, err := activity.New(activity.Config{Data: datatabletest.New(t, nil).Table, Records: brokenRecords{}, Logger: apitest.Logger()})
	if err != nil {
		t.Fatal(err)
	}
	response := apitest.Send(t, handler, http.MethodGet, "/api/idempotency-records/payments.create/k", apitest.Request{Session: apitest.Alice})
	if response.Problem(t) != "store-unavailable" || strings.Contains(response.Body, "secret") {
		t.Errorf("got %+v", response)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	complete := activity.Config{Data: datatabletest.New(t, nil).Table, Records: memstore.New(), Logger: apitest.Logger()}
	for field, remove := range map[string]func(*activity.Config){
		"Data":    func(c *activity.Config) { c.Data = nil },
		"Records": func(c *activity.Config) { c.Records = nil },
		"Logger":  func(c *activity.Config) { c.Logger = nil },
	} {
		cfg := complete
		remove(&cfg)
		if _, err := activity.New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("got %v, want an error that names %s", err, field)
		}
	}
}
