package payments_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/apitest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable/datatabletest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/fault"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/functions/payments"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

const coffee = `{"amount":1250,"currency":"EUR","description":"coffee"}`

type fixture struct {
	*datatabletest.Fixture
	handler http.Handler
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	return newFixtureWith(t, reconciling(t))
}

func newFixtureWith(t *testing.T, guard *idempotency.Guard) fixture {
	t.Helper()
	data := datatabletest.New(t, nil)
	ledger, err := payments.NewLedger(data.Table, nil)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := payments.New(payments.Config{
		Guard:     guard,
		Data:      data.Table,
		Processor: ledger,
		Mailer:    outbox(t, data.Table),
		Faults:    apitest.Faults(t),
		Logger:    apitest.Logger(),

		Unprotected: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return fixture{data, handler}
}

func outbox(t *testing.T, data *datatable.Table) *payments.Outbox {
	t.Helper()
	o, err := payments.NewOutbox(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func reconciling(t *testing.T) *idempotency.Guard {
	t.Helper()
	return apitest.GuardWith(t, idempotency.Config{Recovery: idempotency.Reconcile})
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

// onlyCharge returns the one charge that there is in Alice's session.
func (f fixture) onlyCharge(t *testing.T) datatable.Entry {
	t.Helper()
	entries, _, err := f.Table.List(t.Context(), apitest.Alice, datatable.Charge, 100)
	if err != nil || len(entries) != 1 {
		t.Fatalf("got %v, %v; want one charge", entries, err)
	}
	return entries[0]
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

// TestProductionHasNoUnprotectedTwin holds that the operation without protection
// is there only for those who ask for it.
func TestProductionHasNoUnprotectedTwin(t *testing.T) {
	t.Parallel()
	data := datatabletest.New(t, nil)
	ledger, err := payments.NewLedger(data.Table, nil)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := payments.New(payments.Config{
		Guard: reconciling(t), Data: data.Table, Processor: ledger, Mailer: outbox(t, data.Table), Faults: apitest.Faults(t), Logger: apitest.Logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{data, handler}
	if got := f.pay(t, "/api/unprotected/payments", "k1", coffee); got.Problem(t) != "not-found" {
		t.Errorf("got %+v", got)
	}
	if charges, _ := f.charges(t); len(charges) != 0 {
		t.Errorf("charged %+v", charges)
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	made := f.pay(t, "/api/payments", "k1", coffee)
	location := made.Header.Get("Location")
	get := apitest.Send(t, f.handler, http.MethodGet, location, apitest.Request{Session: apitest.Alice})
	head := apitest.Send(t, f.handler, http.MethodHead, location, apitest.Request{Session: apitest.Alice})
	if diff := cmp.Diff(get.Header, head.Header); diff != "" || head.Status != get.Status || head.Body != "" || get.Body == "" {
		t.Errorf("GET %+v, HEAD %+v: %s", get, head, diff)
	}
	missing := apitest.Send(t, f.handler, http.MethodHead, "/api/payments/"+string(apitest.Alice), apitest.Request{Session: apitest.Alice})
	if missing.Status != http.StatusNotFound || missing.Body != "" {
		t.Errorf("got %+v", missing)
	}
}

// TestRefusedRequestCausesNoFault holds that a fault acts only on what was
// accepted: session, key and body.
func TestRefusedRequestCausesNoFault(t *testing.T) {
	t.Parallel()
	faults, err := fault.New(fault.Config{Enabled: true, Exit: func(int) { t.Error("the process ends") }})
	if err != nil {
		t.Fatal(err)
	}
	data := datatabletest.New(t, nil)
	ledger, err := payments.NewLedger(data.Table, nil)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := payments.New(payments.Config{
		Guard: reconciling(t), Data: data.Table, Processor: ledger, Mailer: outbox(t, data.Table), Faults: faults, Logger: apitest.Logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	asked := http.Header{"Demo-Fault": {"drop-response"}}
	for name, test := range map[string]struct {
		request apitest.Request
		problem string
	}{
		"no session":      {apitest.Request{Key: "k1", Body: coffee, Header: asked}, "session-missing"},
		"no key":          {apitest.Request{Session: apitest.Alice, Body: coffee, Header: asked}, "key-missing"},
		"no body":         {apitest.Request{Session: apitest.Alice, Key: "k1", Header: asked}, "media-type-unsupported"},
		"no JSON":         {apitest.Request{Session: apitest.Alice, Key: "k1", Body: "x", Header: asked}, "payload-malformed"},
		"not a payment":   {apitest.Request{Session: apitest.Alice, Key: "k1", Body: "{}", Header: asked}, "validation-failed"},
		"no fault at all": {apitest.Request{Session: apitest.Alice, Key: "k1", Body: coffee, Header: http.Header{"Demo-Fault": {"rain"}}}, "fault-malformed"},
	} {
		if got := apitest.Send(t, handler, http.MethodPost, "/api/payments", test.request).Problem(t); got != test.problem {
			t.Errorf("%s: got %s, want %s", name, got, test.problem)
		}
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

// TestInterruptedPaymentIsReconciled: a crash between charge and completion
// leaves one charge, and the retry gets what the crashed execution would have
// answered.
func TestInterruptedPaymentIsReconciled(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.pay(t, "/api/payments", "k1", coffee, "crash-after-effect")
	charge := f.onlyCharge(t)
	retry := f.pay(t, "/api/payments", "k1", coffee)
	var payment payments.Payment
	retry.Decode(t, &payment)
	want := payments.Payment{
		ID: charge.Resource, Amount: 1250, Currency: "EUR", Description: "coffee",
		Status: payments.Succeeded, ChargeID: charge.ID, CreatedAt: charge.At,
	}
	if diff := cmp.Diff(want, payment, cmpopts.IgnoreUnexported(payments.Payment{})); diff != "" || retry.Status != http.StatusCreated {
		t.Errorf("got %+v; %s", retry, diff)
	}
	if retry.Header.Get("Location") != "/api/payments/"+payment.ID || retry.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("got %+v", retry)
	}
	again := f.pay(t, "/api/payments", "k1", coffee)
	if again.Header.Get("Idempotent-Replayed") != "true" || again.Body != retry.Body {
		t.Errorf("reconciled to %+v, replayed as %+v", retry, again)
	}
	read := apitest.Send(t, f.handler, http.MethodGet, retry.Header.Get("Location"), apitest.Request{Session: apitest.Alice})
	if read.Body != retry.Body || read.Header.Get("ETag") != retry.Header.Get("ETag") {
		t.Errorf("made %+v, but read %+v", retry, read)
	}
	if charges, executions := f.charges(t); len(charges) != 1 || executions != 1 {
		t.Errorf("%d executions, charges %+v; want one of each", executions, charges)
	}
}

// forgetful is a store that can lose completions.
type forgetful struct {
	idempotency.Store
	forgets bool
}

func (s *forgetful) Complete(ctx context.Context, completed idempotency.Record) (*idempotency.Record, error) {
	if s.forgets {
		return nil, errors.New("not now")
	}
	return s.Store.Complete(ctx, completed)
}

// TestReconciledAnswerIsTheFirstOne has an execution answer without being able to
// record it. Its retry finds the charge and answers the same bytes.
func TestReconciledAnswerIsTheFirstOne(t *testing.T) {
	t.Parallel()
	store, now := &forgetful{memstore.New(), true}, time.Now()
	guard, err := idempotency.New(idempotency.Config{
		Store: store, Recovery: idempotency.Reconcile, CompletionTimeout: time.Millisecond, Clock: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	f := newFixtureWith(t, guard)
	first := f.pay(t, "/api/payments", "k1", coffee)
	store.forgets = false
	now = now.Add(time.Hour) // the lease is over
	second := f.pay(t, "/api/payments", "k1", coffee)
	if first.Status != http.StatusCreated || second.Header.Get("Idempotent-Replayed") != "" {
		t.Fatalf("got %+v, then %+v", first, second)
	}
	for _, name := range []string{"Location", "ETag", "Content-Type"} {
		if first.Header.Get(name) != second.Header.Get(name) {
			t.Errorf("%s: first %q, then %q", name, first.Header.Get(name), second.Header.Get(name))
		}
	}
	if diff := cmp.Diff(first.Body, second.Body); diff != "" {
		t.Error(diff)
	}
	f.onlyCharge(t)
}

func TestPaymentThatCannotBeStoredIsReconciled(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	puts := 0
	restore := f.Engine.Inject(func(call dynamolocal.Call) (action dynamolocal.Action) {
		if call.Operation == "PutItem" {
			if puts++; puts > 2 { // the execution and the charge
				action.Effect = dynamolocal.Fail
			}
		}
		return action
	})
	if failed := f.pay(t, "/api/payments", "k1", coffee); failed.Problem(t) != "internal" {
		t.Errorf("got %+v", failed)
	}
	charge := f.onlyCharge(t)
	if still := f.pay(t, "/api/payments", "k1", coffee); still.Problem(t) != "not-reconciled" || still.Header.Get("Retry-After") == "" {
		t.Errorf("got %+v", still)
	}
	restore()
	var payment payments.Payment
	retry := f.pay(t, "/api/payments", "k1", coffee)
	retry.Decode(t, &payment)
	if retry.Status != http.StatusCreated || payment.ChargeID != charge.ID {
		t.Errorf("got %+v, want the charge %s", retry, charge.ID)
	}
	if charges, executions := f.charges(t); len(charges) != 1 || executions != 1 {
		t.Errorf("%d executions, charges %+v; want one of each", executions, charges)
	}
}

func TestProcessorThatCannotBeAskedIsNotAskedToCharge(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.pay(t, "/api/payments", "k1", coffee, "crash-before-effect")
	restore := f.Engine.Inject(func(call dynamolocal.Call) (action dynamolocal.Action) {
		if call.Operation == "Query" {
			action.Effect = dynamolocal.Fail
		}
		return action
	})
	if unknown := f.pay(t, "/api/payments", "k1", coffee); unknown.Problem(t) != "not-reconciled" {
		t.Errorf("got %+v", unknown)
	}
	restore()
	if charges, executions := f.charges(t); len(charges) != 0 || executions != 1 {
		t.Errorf("%d executions, charges %+v; want no charge", executions, charges)
	}
	if retry := f.pay(t, "/api/payments", "k1", coffee); retry.Status != http.StatusCreated {
		t.Errorf("got %+v", retry)
	}
	if charges, executions := f.charges(t); len(charges) != 1 || executions != 2 {
		t.Errorf("%d executions, charges %+v; want one charge by the second", executions, charges)
	}
}

func TestReferenceIsTheSameForEachExecution(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var references []string
	handler, err := payments.New(payments.Config{
		Guard: reconciling(t), Data: f.Table, Mailer: outbox(t, f.Table), Faults: apitest.Faults(t), Logger: apitest.Logger(),
		Processor: processor{
			charge: func(r payments.ChargeRequest) (payments.Charge, error) {
				references = append(references, r.Reference)
				return payments.Charge{}, errors.New("declined to say")
			},
			find: func(reference string) (payments.Charge, error) {
				references = append(references, reference)
				return payments.Charge{}, payments.ErrNoCharge
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.handler = handler
	f.pay(t, "/api/payments", "k1", coffee)
	f.pay(t, "/api/payments", "k1", coffee)
	f.pay(t, "/api/payments", "k2", coffee)
	if len(references) != 4 || references[0] != references[1] || references[1] != references[2] || references[2] == references[3] {
		t.Errorf("charged, found, charged and charged %q; want the first three to be the same", references)
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

// processor is one that a test makes up.
type processor struct {
	charge func(payments.ChargeRequest) (payments.Charge, error)
	find   func(reference string) (payments.Charge, error)
}

func (p processor) Charge(_ context.Context, r payments.ChargeRequest) (payments.Charge, error) {
	return p.charge(r)
}

func (p processor) Find(_ context.Context, _ session.ID, reference string) (payments.Charge, error) {
	return p.find(reference)
}

func TestProcessorsErrorIsNoneOfTheClientsBusiness(t *testing.T) {
	t.Parallel()
	data := datatabletest.New(t, nil).Table
	handler, err := payments.New(payments.Config{
		Guard:  reconciling(t),
		Data:   data,
		Mailer: outbox(t, data),
		Faults: apitest.Faults(t),
		Logger: apitest.Logger(),
		Processor: processor{charge: func(payments.ChargeRequest) (payments.Charge, error) {
			return payments.Charge{}, errors.New("secret")
		}},
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
	complete := payments.Config{Guard: reconciling(t), Data: table, Processor: ledger, Mailer: outbox(t, table), Faults: apitest.Faults(t), Logger: apitest.Logger()}
	for field, remove := range map[string]func(*payments.Config){
		"Guard":     func(c *payments.Config) { c.Guard = nil },
		"Data":      func(c *payments.Config) { c.Data = nil },
		"Processor": func(c *payments.Config) { c.Processor = nil },
		"Mailer":    func(c *payments.Config) { c.Mailer = nil },
		"Faults":    func(c *payments.Config) { c.Faults = nil },
		"Logger":    func(c *payments.Config) { c.Logger = nil },
	} {
		cfg := complete
		remove(&cfg)
		if _, err := payments.New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("got %v, want an error that names %s", err, field)
		}
	}
	unfit := complete
	unfit.Guard = apitest.Guard(t)
	if _, err := payments.New(unfit); err == nil || !strings.Contains(err.Error(), "Reconcile") {
		t.Errorf("a guard that does not reconcile: got %v", err)
	}
	if _, err := payments.NewLedger(nil, nil); err == nil {
		t.Error("a ledger without data was made")
	}
	if _, err := payments.NewOutbox(nil, nil); err == nil {
		t.Error("an outbox without data was made")
	}
}
