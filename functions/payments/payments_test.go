package payments_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/apitest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable/datatabletest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/functions/payments"
)

const coffee = `{"amount":1250,"currency":"EUR","description":"coffee"}`

type fixture struct {
	*datatabletest.Fixture
	handler http.Handler
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	data := datatabletest.New(t, nil)
	ledger, err := payments.NewLedger(data.Table, nil)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := payments.New(payments.Config{
		Guard:     apitest.Guard(t),
		Data:      data.Table,
		Processor: ledger,
		Faults:    apitest.Faults(t),
		Logger:    apitest.Logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return fixture{data, handler}
}

// pay makes a payment in Alice's session.
func (f fixture) pay(t *testing.T, path, key, body string, faults ...string) apitest.Response {
	t.Helper()
	return apitest.Send(t, f.handler, http.MethodPost, path, apitest.Request{
		Session: apitest.Alice, Key: key, Body: body, Header: http.Header{"Demo-Fault": faults},
	})
}

// charges returns what was charged in Alice's session, and how often an operation
// ran.
func (f fixture) charges(t *testing.T) (charges []payments.ChargeDetail, executions int) {
	t.Helper()
	entries, _, err := f.Table.List(t.Context(), apitest.Alice, datatable.Charge, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var detail payments.ChargeDetail
		if err := e.Detail(&detail); err != nil {
			t.Fatal(err)
		}
		charges = append(charges, detail)
	}
	ran, _, err := f.Table.List(t.Context(), apitest.Alice, datatable.Execution, 100)
	if err != nil {
		t.Fatal(err)
	}
	return charges, len(ran)
}

func TestPaymentIsMadeOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.pay(t, "/api/payments", "k1", coffee)
	var payment payments.Payment
	first.Decode(t, &payment)
	if first.Status != http.StatusCreated || payment.Amount != 1250 || payment.Currency != "EUR" || payment.Description != "coffee" || payment.Status != payments.Succeeded || payment.ChargeID == "" {
		t.Fatalf("got %+v", first)
	}
	// The same, written in another way.
	second := f.pay(t, "/api/payments", "k1", ` {"description":"c\u006fffee", "currency":"EUR","amount":1250}`)
	if diff := cmp.Diff(first.Body, second.Body); diff != "" || second.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("got %+v; %s", second, diff)
	}
	if other := f.pay(t, "/api/payments", "k1", strings.Replace(coffee, "1250", "1251", 1)); other.Problem(t) != "payload-mismatch" {
		t.Errorf("another amount: got %+v", other)
	}
	charges, executions := f.charges(t)
	if executions != 1 || len(charges) != 1 || charges[0].Amount != 1250 || charges[0].Currency != "EUR" {
		t.Errorf("%d executions, charges %+v", executions, charges)
	}

	read := apitest.Send(t, f.handler, http.MethodGet, first.Header.Get("Location"), apitest.Request{Session: apitest.Alice})
	if read.Status != http.StatusOK || read.Body != first.Body || read.Header.Get("ETag") != first.Header.Get("ETag") {
		t.Errorf("made %+v, but read %+v", first, read)
	}
	if wrong := apitest.Send(t, f.handler, http.MethodGet, "/api/unprotected/payments/"+payment.ID, apitest.Request{Session: apitest.Alice}); wrong.Problem(t) != "not-found" {
		t.Errorf("among the unprotected: got %+v", wrong)
	}
}

func TestUnprotectedPaymentIsMadeEveryTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.pay(t, "/api/unprotected/payments", "k1", coffee)
	second := f.pay(t, "/api/unprotected/payments", "k1", coffee)
	if first.Status != http.StatusCreated || second.Status != http.StatusCreated || first.Header.Get("Location") == second.Header.Get("Location") {
		t.Fatalf("got %+v and %+v", first, second)
	}
	charges, executions := f.charges(t)
	if executions != 2 || len(charges) != 2 || charges[0].Reference == charges[1].Reference {
		t.Errorf("%d executions, charges %+v; want two charges of their own", executions, charges)
	}
	read := apitest.Send(t, f.handler, http.MethodGet, first.Header.Get("Location"), apitest.Request{Session: apitest.Alice})
	if !strings.HasPrefix(first.Header.Get("Location"), "/api/unprotected/payments/") || read.Body != first.Body {
		t.Errorf("made %+v, but read %+v", first, read)
	}
}

func TestFaultsAroundTheCharge(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]int{"crash-before-effect": 0, "crash-after-effect": 1} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.pay(t, "/api/payments", "k1", coffee, fault)
			charges, executions := f.charges(t)
			if executions != 1 || len(charges) != want {
				t.Errorf("%d executions, charges %+v; want 1 and %d", executions, charges, want)
			}
		})
	}
}

// TestRepeatedExecutionKeepsIDAndReference: after a crash it is the same payment
// under the same reference, which is what lets the charge be found again.
func TestRepeatedExecutionKeepsIDAndReference(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.pay(t, "/api/payments", "k1", coffee, "crash-after-effect")
	f.pay(t, "/api/payments", "k1", coffee)
	entries, _, err := f.Table.List(t.Context(), apitest.Alice, datatable.Charge, 100)
	if err != nil || len(entries) != 2 {
		t.Fatalf("got %v, %v; want two charges", entries, err)
	}
	if a, b := entries[0], entries[1]; a.Group != b.Group || a.Resource != b.Resource || a.ID == b.ID {
		t.Errorf("got %+v and %+v", a, b)
	}
}

func TestNothingIsChargedWithoutTheTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	restore := f.Engine.Inject(func(dynamolocal.Call) dynamolocal.Action { return dynamolocal.Action{Effect: dynamolocal.Fail} })
	down := f.pay(t, "/api/payments", "k1", coffee)
	if down.Problem(t) != "store-unavailable" || down.Header.Get("Retry-After") == "" {
		t.Errorf("got %+v", down)
	}
	restore()
	if retry := f.pay(t, "/api/payments", "k1", coffee); retry.Status != http.StatusCreated || retry.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("the retry gets %+v", retry)
	}
	if charges, executions := f.charges(t); len(charges) != 1 || executions != 1 {
		t.Errorf("%d executions, charges %+v", executions, charges)
	}
}

type processorFunc func(context.Context, payments.ChargeRequest) (payments.Receipt, error)

func (f processorFunc) Charge(ctx context.Context, r payments.ChargeRequest) (payments.Receipt, error) {
	return f(ctx, r)
}

func TestProcessorsErrorIsNoneOfTheClientsBusiness(t *testing.T) {
	t.Parallel()
	handler, err := payments.New(payments.Config{
		Guard:  apitest.Guard(t),
		Data:   datatabletest.New(t, nil).Table,
		Faults: apitest.Faults(t),
		Logger: apitest.Logger(),
		Processor: processorFunc(func(context.Context, payments.ChargeRequest) (payments.Receipt, error) {
			return payments.Receipt{}, errors.New("secret")
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := apitest.Send(t, handler, http.MethodPost, "/api/payments", apitest.Request{Session: apitest.Alice, Key: "k1", Body: coffee})
	if answer.Problem(t) != "internal" || strings.Contains(answer.Body, "secret") {
		t.Errorf("got %+v", answer)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	valid := payments.NewPayment{Amount: 1, Currency: "EUR", Description: "x"}
	for _, test := range []struct {
		name   string
		change func(*payments.NewPayment)
		wrong  string // field; empty: none
	}{
		{"valid", func(*payments.NewPayment) {}, ""},
		{"largest amount", func(p *payments.NewPayment) { p.Amount = 99_999_999 }, ""},
		{"larger amount", func(p *payments.NewPayment) { p.Amount = 100_000_000 }, "amount"},
		{"no amount", func(p *payments.NewPayment) { p.Amount = 0 }, "amount"},
		{"negative amount", func(p *payments.NewPayment) { p.Amount = -1 }, "amount"},
		{"last currency", func(p *payments.NewPayment) { p.Currency = "ZWG" }, ""},
		{"lower case", func(p *payments.NewPayment) { p.Currency = "eur" }, "currency"},
		{"withdrawn currency", func(p *payments.NewPayment) { p.Currency = "DEM" }, "currency"},
		{"no currency", func(p *payments.NewPayment) { p.Currency = "XXX" }, "currency"},
		{"gold", func(p *payments.NewPayment) { p.Currency = "XAU" }, "currency"},
		{"empty currency", func(p *payments.NewPayment) { p.Currency = "" }, "currency"},
		{"part of the list", func(p *payments.NewPayment) { p.Currency = "D A" }, "currency"},
		{"two currencies", func(p *payments.NewPayment) { p.Currency = "EUR FJD" }, "currency"},
		{"longest description", func(p *payments.NewPayment) { p.Description = strings.Repeat("ö", 200) }, ""},
		{"longer description", func(p *payments.NewPayment) { p.Description = strings.Repeat("ö", 201) }, "description"},
		{"blank description", func(p *payments.NewPayment) { p.Description = " " }, "description"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			input := valid
			test.change(&input)
			invalid := input.Validate()
			switch {
			case test.wrong == "" && len(invalid) == 0:
			case len(invalid) == 1 && invalid[0].Field == test.wrong && invalid[0].Detail != "":
			default:
				t.Errorf("got %+v, want an error of %q", invalid, test.wrong)
			}
		})
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	table := datatabletest.New(t, nil).Table
	ledger, err := payments.NewLedger(table, nil)
	if err != nil {
		t.Fatal(err)
	}
	complete := payments.Config{Guard: apitest.Guard(t), Data: table, Processor: ledger, Faults: apitest.Faults(t), Logger: apitest.Logger()}
	for field, remove := range map[string]func(*payments.Config){
		"Guard":     func(c *payments.Config) { c.Guard = nil },
		"Data":      func(c *payments.Config) { c.Data = nil },
		"Processor": func(c *payments.Config) { c.Processor = nil },
		"Faults":    func(c *payments.Config) { c.Faults = nil },
		"Logger":    func(c *payments.Config) { c.Logger = nil },
	} {
		cfg := complete
		remove(&cfg)
		if _, err := payments.New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("got %v, want an error that names %s", err, field)
		}
	}
	if _, err := payments.NewLedger(nil, nil); err == nil {
		t.Error("a ledger without data was made")
	}
}
