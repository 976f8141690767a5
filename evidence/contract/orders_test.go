package contract_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	twoMugs = `{"sku":"mug","quantity":2}`
	samovar = `{"sku":"samovar","quantity":1}` // there is one
)

// order places an order with a key and, if there is one, a fault.
func (v *visitor) order(key, body string, fault ...string) response {
	v.t.Helper()
	return v.post("/api/orders", key, body, fault...)
}

// expectOutOfStock checks an answer that says so, be it the first or a replay.
func (v *visitor) expectOutOfStock(r response, available int) {
	v.t.Helper()
	var document struct {
		Type      string
		Available *int
	}
	if err := json.Unmarshal([]byte(r.body), &document); err != nil || r.status != http.StatusConflict || !strings.HasSuffix(document.Type, "#out-of-stock") ||
		document.Available == nil || *document.Available != available || r.header.Get("Retry-After") != "" {
		v.t.Errorf("got %v, want out-of-stock with %d available", r, available)
	}
}

func TestOrderIsPlacedOnce(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	first := v.order("k1", twoMugs)
	v.expectCreated(first)
	if first.header.Get("Idempotency-Expires") == "" {
		t.Errorf("got %v", first)
	}
	v.expectReplay(v.order("k1", twoMugs), first)
	v.expectReplay(v.order("k1", `{"quantity": 2.0, "sku": "mug"}`), first)
	v.expectProblem(v.order("k1", `{"sku":"mug","quantity":3}`), http.StatusUnprocessableEntity, "payload-mismatch")
	if read := v.get(first.header.Get("Location")); read.body != first.body || read.header.Get("Etag") != first.header.Get("Etag") {
		t.Errorf("placed %v, but read %v", first, read)
	}
	a := v.expectActivity(1, 1)
	if e := a.Effects[0]; e.Kind != "order" || e.Operation != "orders.create" || e.Detail.SKU != "mug" || e.Detail.Quantity != 2 || !strings.HasSuffix(first.header.Get("Location"), e.Resource) {
		t.Errorf("the effect is %+v", e)
	}
	v.expectOutOfStock(v.order("k2", `{"sku":"mug","quantity":99}`), 98)
}

func TestOutOfStockIsRecorded(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	v.expectCreated(v.order("k1", samovar))
	refused := v.order("k2", samovar)
	v.expectOutOfStock(refused, 0)
	v.expectReplay(v.order("k2", samovar), refused)
	v.expectActivity(2, 1)
	// Somebody else's samovar is still there.
	stranger := newVisitor(t)
	stranger.expectCreated(stranger.order("k2", samovar))
}

func TestConcurrentDuplicatesOrderOnce(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	answers := v.concurrently(40, "/api/orders", "k1", twoMugs)
	last := v.postUntilDone("/api/orders", "k1", twoMugs)
	v.expectStatus(last, http.StatusCreated)
	v.expectOneFirst(answers, last)
	v.expectActivity(1, 1)
	v.expectOutOfStock(v.order("k2", `{"sku":"mug","quantity":99}`), 98)
}

func TestRecordOfAnOrder(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	v.expectCreated(v.order("k1", twoMugs))
	var r record
	v.decode(v.recordResponse("orders.create", "k1"), &r)
	a := v.activity()
	if r.Status != "COMPLETED" || r.Size == 0 || !r.LeaseExpiresAt.IsZero() || r.ID != "orders.create#"+a.Executions[0].KeyHash {
		t.Errorf("the record is %+v, the execution %+v", r, a.Executions[0])
	}
	v.expectProblem(v.recordResponse("payments.create", "k1"), http.StatusNotFound, "not-found")
}

// call is one of those that GET /api/calls lists.
type call struct {
	Operation, Outcome, KeyHash string
	Replayed                    bool
	Cost                        struct {
		RoundTrips            int
		ReadUnits, WriteUnits float64
	}
	DurationMs float64
	At         time.Time
}

func (v *visitor) calls() []call {
	v.t.Helper()
	var list struct{ Calls []call }
	v.decode(v.get("/api/calls"), &list)
	return list.Calls
}

// TestCallsAndWhatTheyCost skips a deployment that does not write calls down.
func TestCallsAndWhatTheyCost(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	v.expectCreated(v.order("k1", twoMugs))
	if len(v.calls()) == 0 && deployed() {
		t.Skip("the API does not write calls down")
	}
	v.expectCreated(v.pay("k1"))
	v.order("k1", samovar)
	v.order("k2", `{"sku":"mug","quantity":0}`) // refused before it is a call
	calls := v.calls()
	if len(calls) != 3 {
		t.Fatalf("got %+v, want three calls", calls)
	}
	mismatch, payment, order := calls[0], calls[1], calls[2]
	if mismatch.Operation != "orders.create" || mismatch.Outcome != "payload_mismatch" || mismatch.Replayed {
		t.Errorf("the last call is %+v", mismatch)
	}
	// A claim and a completion; their charge and payment are no part of the store.
	if payment.Operation != "payments.create" || payment.Outcome != "executed" || payment.Cost.RoundTrips != 2 || payment.Cost.WriteUnits != 2 {
		t.Errorf("the payment is %+v", payment)
	}
	// One transaction of four items: record, execution, stock and order.
	if order.Operation != "orders.create" || order.Outcome != "executed" || order.Cost.RoundTrips != 1 || order.Cost.WriteUnits != 8 {
		t.Errorf("the order is %+v", order)
	}
	if order.DurationMs <= 0 || time.Since(order.At) > time.Hour {
		t.Errorf("the order is %+v", order)
	}
	if hash := v.activity().Executions[1].KeyHash; order.KeyHash != hash || mismatch.KeyHash != hash || payment.KeyHash != hash {
		t.Errorf("%+v do not all have the key's hash %s", calls, hash)
	}
	if strangers := newVisitor(t).calls(); len(strangers) != 0 {
		t.Errorf("another session sees %+v", strangers)
	}
}
