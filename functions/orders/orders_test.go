package orders_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/api"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/apitest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable/datatabletest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/fault"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/functions/orders"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

const (
	twoMugs = `{"sku":"mug","quantity":2}`
	samovar = `{"sku":"samovar","quantity":1}` // there is one
)

type fixture struct {
	*datatabletest.Fixture
	handler http.Handler
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	return newFixtureAt(t, nil)
}

func newFixtureAt(t *testing.T, clock func() time.Time) fixture {
	t.Helper()
	data := datatabletest.New(t, clock)
	handler, err := orders.New(orders.Config{
		Guard:      data.AtomicGuard(t, 0),
		ShortGuard: data.AtomicGuard(t, fault.ShortWindow),
		Data:       data.Table,
		Faults:     apitest.Faults(t),
		Logger:     apitest.Logger(),
		Clock:      clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return fixture{data, handler}
}

// order places an order in Alice's session.
func (f fixture) order(t *testing.T, key, body string, faults ...string) apitest.Response {
	t.Helper()
	return f.orderOf(t, apitest.Alice, key, body, faults...)
}

func (f fixture) orderOf(t *testing.T, caller session.ID, key, body string, faults ...string) apitest.Response {
	t.Helper()
	return apitest.Send(t, f.handler, http.MethodPost, "/api/orders", apitest.Request{
		Session: caller, Key: key, Body: body, Header: http.Header{"Demo-Fault": faults},
	})
}

// expectLedger compares how often the operation ran in Alice's session and how
// many orders that made.
func (f fixture) expectLedger(t *testing.T, executions, placed int) {
	t.Helper()
	for kind, want := range map[datatable.Kind]int{datatable.Execution: executions, datatable.Order: placed} {
		entries, _, err := f.Table.List(t.Context(), apitest.Alice, kind, 100)
		if err != nil || len(entries) != want {
			t.Errorf("%d %ss, %v; want %d", len(entries), kind, err, want)
		}
	}
}

// available is what an answer says is left in stock.
func available(t *testing.T, r apitest.Response) int {
	t.Helper()
	if r.Problem(t) != "out-of-stock" || r.Status != http.StatusConflict || r.Header.Get("Retry-After") != "" {
		t.Fatalf("got %+v, want out-of-stock", r)
	}
	var document struct{ Available *int }
	r.Decode(t, &document)
	if document.Available == nil {
		t.Fatalf("it does not say how many are left: %s", r.Body)
	}
	return *document.Available
}

func expectReplay(t *testing.T, r, first apitest.Response) {
	t.Helper()
	if r.Header.Get("Idempotent-Replayed") != "true" || r.Status != first.Status {
		t.Errorf("got %+v, want a replay of %+v", r, first)
	}
	if diff := cmp.Diff(first.Body, r.Body); diff != "" {
		t.Error(diff)
	}
}

func TestShortWindowEnds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 31, 9, 26, 53, 0, time.UTC)
	f := newFixtureAt(t, func() time.Time { return now })
	first := f.order(t, "k1", twoMugs, "short-window")
	if expires := first.Header.Get("Idempotency-Expires"); expires != "Sat, 31 Jan 2026 09:26:58 GMT" {
		t.Fatalf("Idempotency-Expires: %s", expires)
	}
	now = now.Add(fault.ShortWindow - time.Millisecond)
	expectReplay(t, f.order(t, "k1", twoMugs), first)
	f.expectLedger(t, 1, 1)
	now = now.Add(time.Millisecond)
	if second := f.order(t, "k1", twoMugs); second.Status != http.StatusCreated || second.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("past its window: got %+v", second)
	}
	f.expectLedger(t, 2, 2)
}

func TestOrderIsPlacedOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.order(t, "k1", twoMugs)
	var order orders.Order
	first.Decode(t, &order)
	if first.Status != http.StatusCreated || order.SKU != "mug" || order.Quantity != 2 || time.Since(order.CreatedAt) > time.Minute {
		t.Fatalf("got %+v", first)
	}
	if first.Header.Get("Location") != "/api/orders/"+order.ID {
		t.Errorf("Location: %s", first.Header.Get("Location"))
	}
	expectReplay(t, f.order(t, "k1", ` {"quantity":2e0, "sku":"m\u0075g"}`), first)
	if other := f.order(t, "k1", strings.Replace(twoMugs, "2", "3", 1)); other.Problem(t) != "payload-mismatch" {
		t.Errorf("another quantity: got %+v", other)
	}
	f.expectLedger(t, 1, 1)
	// Of a hundred mugs two are taken.
	if left := available(t, f.order(t, "k2", `{"sku":"mug","quantity":99}`)); left != 98 {
		t.Errorf("%d are left, want 98", left)
	}

	read := apitest.Send(t, f.handler, http.MethodGet, first.Header.Get("Location"), apitest.Request{Session: apitest.Alice})
	if read.Status != http.StatusOK || read.Body != first.Body || read.Header.Get("ETag") != first.Header.Get("ETag") {
		t.Errorf("placed %+v, but read %+v", first, read)
	}
	stranger := apitest.Send(t, f.handler, http.MethodGet, first.Header.Get("Location"), apitest.Request{Session: apitest.Bob})
	if stranger.Problem(t) != "not-found" {
		t.Errorf("another session gets %+v", stranger)
	}
}

func TestOutOfStockIsRecorded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if first := f.order(t, "k1", samovar); first.Status != http.StatusCreated {
		t.Fatalf("got %+v", first)
	}
	refused := f.order(t, "k2", samovar)
	if left := available(t, refused); left != 0 {
		t.Errorf("%d are left", left)
	}
	expectReplay(t, f.order(t, "k2", samovar), refused)
	// The refusal ran, and had no effect.
	f.expectLedger(t, 2, 1)
	// Bob's samovar is his.
	if his := f.orderOf(t, apitest.Bob, "k2", samovar); his.Status != http.StatusCreated {
		t.Errorf("another session gets %+v", his)
	}
}

func TestMoreThanThereEverWas(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if left := available(t, f.order(t, "k1", `{"sku":"samovar","quantity":2}`)); left != 1 {
		t.Errorf("%d are left, want 1", left)
	}
	f.expectLedger(t, 1, 0)
}

func TestConcurrentOrdersNeverOversell(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const buyers = 16 // of ten teapots, two at a time
	statuses := make([]int, buyers)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() {
			for {
				answer := f.order(t, string(rune('a'+i)), `{"sku":"teapot","quantity":2}`)
				if answer.Header.Get("Retry-After") == "" {
					statuses[i] = answer.Status
					return
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(statuses)
	want := slices.Concat(slices.Repeat([]int{http.StatusCreated}, 5), slices.Repeat([]int{http.StatusConflict}, buyers-5))
	if diff := cmp.Diff(want, statuses); diff != "" {
		t.Error(diff)
	}
	f.expectLedger(t, buyers, 5)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		fault  string
		placed int // before the retry
	}{
		{"crash-before-effect", 0},
		{"crash-after-effect", 1},
		{"drop-response", 1},
	} {
		t.Run(test.fault, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			// Where the process would have ended, the test's panics.
			func() {
				defer func() { _ = recover() }()
				f.order(t, "k1", twoMugs, test.fault)
			}()
			f.expectLedger(t, test.placed, test.placed)
			// What is done is not done again, and does not crash again.
			retry := f.order(t, "k1", twoMugs, "crash-after-effect")
			if test.placed == 1 && (retry.Status != http.StatusCreated || retry.Header.Get("Idempotent-Replayed") != "true") {
				t.Errorf("the retry gets %+v", retry)
			}
			f.expectLedger(t, 1, 1)
		})
	}
}

func TestRefusedOrderIsNoEffectToCrashAfter(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	available(t, f.order(t, "k1", `{"sku":"samovar","quantity":2}`, "crash-after-effect"))
}

func TestNothingIsOrderedWithoutTheTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	restore := f.Engine.Inject(func(dynamolocal.Call) dynamolocal.Action { return dynamolocal.Action{Effect: dynamolocal.Fail} })
	down := f.order(t, "k1", twoMugs)
	if down.Problem(t) != "store-unavailable" || down.Header.Get("Retry-After") == "" {
		t.Errorf("got %+v", down)
	}
	restore()
	f.expectLedger(t, 0, 0)
	if retry := f.order(t, "k1", twoMugs); retry.Status != http.StatusCreated || retry.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("the retry gets %+v", retry)
	}
	f.expectLedger(t, 1, 1)
}

func TestLostReplyIsFoundOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var lose sync.Once
	f.Engine.Inject(func(dynamolocal.Call) (action dynamolocal.Action) {
		lose.Do(func() { action.Effect = dynamolocal.DropReply })
		return action
	})
	if answer := f.order(t, "k1", twoMugs); answer.Status != http.StatusCreated || answer.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("got %+v", answer)
	}
	f.expectLedger(t, 1, 1)
}

// TestRepliesLostForGood: the order is placed, and nobody knows. The retry does.
func TestRepliesLostForGood(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	restore := f.Engine.Inject(func(dynamolocal.Call) dynamolocal.Action { return dynamolocal.Action{Effect: dynamolocal.DropReply} })
	unknown := f.order(t, "k1", twoMugs)
	if unknown.Problem(t) != "store-unavailable" || unknown.Header.Get("Retry-After") == "" {
		t.Errorf("got %+v", unknown)
	}
	restore()
	if retry := f.order(t, "k1", twoMugs); retry.Status != http.StatusCreated || retry.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the retry gets %+v", retry)
	}
	f.expectLedger(t, 1, 1)
}

func TestWithoutAtomicModeNothingIsOrdered(t *testing.T) {
	t.Parallel()
	data := datatabletest.New(t, nil)
	handler, err := orders.New(orders.Config{Guard: apitest.Guard(t), ShortGuard: apitest.Guard(t), Data: data.Table, Faults: apitest.Faults(t), Logger: apitest.Logger()})
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{data, handler}
	if answer := f.order(t, "k1", twoMugs); answer.Problem(t) != "internal" {
		t.Errorf("got %+v", answer)
	}
	f.expectLedger(t, 0, 0)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		input orders.NewOrder
		wrong []string
	}{
		{"valid", orders.NewOrder{SKU: "mug", Quantity: 1}, nil},
		{"largest quantity", orders.NewOrder{SKU: "samovar", Quantity: 100}, nil},
		{"empty", orders.NewOrder{}, []string{"sku", "quantity"}},
		{"larger quantity", orders.NewOrder{SKU: "mug", Quantity: 101}, []string{"quantity"}},
		{"negative quantity", orders.NewOrder{SKU: "mug", Quantity: -1}, []string{"quantity"}},
		{"unknown", orders.NewOrder{SKU: "flying-carpet", Quantity: 1}, []string{"sku"}},
		{"upper case", orders.NewOrder{SKU: "MUG", Quantity: 1}, []string{"sku"}},
		{"no SKU", orders.NewOrder{SKU: "mug#1", Quantity: 1}, []string{"sku"}},
		{"long SKU", orders.NewOrder{SKU: strings.Repeat("x", 41), Quantity: 1}, []string{"sku"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var wrong []string
			for _, e := range test.input.Validate() {
				wrong = append(wrong, e.Field)
			}
			if diff := cmp.Diff(test.wrong, wrong); diff != "" {
				t.Error(diff)
			}
		})
	}
	invalid := orders.NewOrder{SKU: "flying-carpet", Quantity: 1}.Validate()
	if want := "is not in the catalogue: mug, teapot, samovar"; len(invalid) != 1 || invalid[0].Detail != want {
		t.Errorf("got %+v, want %s", invalid, want)
	}
}

var _ api.Input = orders.NewOrder{}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	data := datatabletest.New(t, nil)
	complete := orders.Config{Guard: data.AtomicGuard(t, 0), ShortGuard: data.AtomicGuard(t, 0), Data: data.Table, Faults: apitest.Faults(t), Logger: apitest.Logger()}
	for field, remove := range map[string]func(*orders.Config){
		"Guard":      func(c *orders.Config) { c.Guard = nil },
		"ShortGuard": func(c *orders.Config) { c.ShortGuard = nil },
		"Data":       func(c *orders.Config) { c.Data = nil },
		"Faults":     func(c *orders.Config) { c.Faults = nil },
		"Logger":     func(c *orders.Config) { c.Logger = nil },
	} {
		cfg := complete
		remove(&cfg)
		if _, err := orders.New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("got %v, want an error that names %s", err, field)
		}
	}
}
