package payments_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/apitest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/payments"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

const coffeeWithReceipt = `{"amount":1250,"currency":"EUR","description":"coffee","receipt":true}`

// steps returns the names of the steps that were begun in Alice's session, oldest
// first.
func (f fixture) steps(t *testing.T) (names []string) {
	t.Helper()
	entries := f.list(t, datatable.Step)
	slices.SortFunc(entries, func(a, b datatable.Entry) int { return strings.Compare(a.ID, b.ID) })
	for _, e := range entries {
		var detail datatable.StepDetail
		if err := e.Detail(&detail); err != nil {
			t.Fatal(err)
		}
		names = append(names, detail.Name)
	}
	return names
}

func (f fixture) list(t *testing.T, kind datatable.Kind) []datatable.Entry {
	t.Helper()
	entries, _, err := f.Table.List(t.Context(), apitest.Alice, kind, 100)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// expectEffects checks how often was charged and mailed, in how many executions.
func (f fixture) expectEffects(t *testing.T, executions, charges, receipts int) {
	t.Helper()
	got := [...]int{len(f.list(t, datatable.Execution)), len(f.list(t, datatable.Charge)), len(f.list(t, datatable.Receipt))}
	if want := [...]int{executions, charges, receipts}; got != want {
		t.Errorf("executions, charges and receipts: %v, want %v", got, want)
	}
}

func TestPaymentWithReceipt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.pay(t, "/api/payments", "k1", coffeeWithReceipt)
	var payment payments.Payment
	first.Decode(t, &payment)
	charge, receipt := f.list(t, datatable.Charge)[0], f.list(t, datatable.Receipt)[0]
	if first.Status != http.StatusCreated || payment.ChargeID != charge.ID || payment.ReceiptID != receipt.ID || receipt.Resource != payment.ID {
		t.Errorf("got %+v; the charge is %s, the receipt %s of %s", first, charge.ID, receipt.ID, receipt.Resource)
	}
	if again := f.pay(t, "/api/payments", "k1", coffeeWithReceipt); again.Body != first.Body || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("made %+v, replayed %+v", first, again)
	}
	if without := f.pay(t, "/api/payments", "k1", coffee); without.Problem(t) != "payload-mismatch" {
		t.Errorf("without a receipt: got %+v", without)
	}
	f.expectEffects(t, 1, 1, 1)
	if diff := cmp.Diff([]string{"charge", "receipt"}, f.steps(t)); diff != "" {
		t.Error(diff)
	}
}

func TestUnprotectedPaymentWithReceipt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.pay(t, "/api/unprotected/payments", "k1", coffeeWithReceipt, "crash-between-effects")
	f.expectEffects(t, 1, 1, 0)
	if got := f.pay(t, "/api/unprotected/payments", "k1", coffeeWithReceipt); got.Status != http.StatusCreated {
		t.Errorf("got %+v", got)
	}
	f.expectEffects(t, 2, 2, 1)
}

// Wherever the function dies, the retry charges and mails what is missing, and
// answers what the first execution would have.
func TestPaymentWithReceiptResumes(t *testing.T) {
	t.Parallel()
	for fault, charged := range map[string]int{
		"crash-before-effect":   0,
		"crash-after-effect":    1, // the charge is found
		"crash-between-effects": 1, // the charge is recorded
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.pay(t, "/api/payments", "k1", coffeeWithReceipt, fault)
			f.expectEffects(t, 1, charged, 0)
			retry := f.pay(t, "/api/payments", "k1", coffeeWithReceipt)
			var payment payments.Payment
			retry.Decode(t, &payment)
			charge, receipt := f.list(t, datatable.Charge)[0], f.list(t, datatable.Receipt)[0]
			if retry.Status != http.StatusCreated || payment.ChargeID != charge.ID || payment.ReceiptID != receipt.ID || !payment.CreatedAt.Equal(charge.At) {
				t.Errorf("got %+v; the charge is %s, the receipt %s", retry, charge.ID, receipt.ID)
			}
			if again := f.pay(t, "/api/payments", "k1", coffeeWithReceipt); again.Body != retry.Body || again.Header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("made %+v, replayed %+v", retry, again)
			}
			f.expectEffects(t, 2, 1, 1)
			if diff := cmp.Diff([]string{"charge", "receipt"}, f.steps(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A charge that cannot be looked up is not made again, and the client is told to
// come again.
func TestStepThatCannotBeLookedUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.pay(t, "/api/payments", "k1", coffeeWithReceipt, "crash-after-effect")
	restore := f.Engine.Inject(func(call dynamolocal.Call) (action dynamolocal.Action) {
		if call.Operation == "Query" {
			action.Effect = dynamolocal.Fail
		}
		return action
	})
	if unknown := f.pay(t, "/api/payments", "k1", coffeeWithReceipt); unknown.Problem(t) != "interrupted" || unknown.Header.Get("Retry-After") == "" {
		t.Errorf("got %+v", unknown)
	}
	restore()
	f.expectEffects(t, 2, 1, 0)
	if retry := f.pay(t, "/api/payments", "k1", coffeeWithReceipt); retry.Status != http.StatusCreated {
		t.Errorf("got %+v", retry)
	}
	f.expectEffects(t, 3, 1, 1)
}
