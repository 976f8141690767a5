package contract_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
)

// needsFaults skips the test where the API ignores the Demo-Fault header.
func needsFaults(t *testing.T) *visitor {
	t.Helper()
	v := newVisitor(t)
	if probe := v.pay("probe", "nonsense"); probe.status == http.StatusBadRequest {
		v.expectProblem(probe, http.StatusBadRequest, "fault-malformed")
		return newVisitor(t)
	}
	t.Skip("the API ignores Demo-Fault")
	return nil
}

// result is what becomes of a request.
type result struct {
	response
	err error
}

// background sends a payment that takes its time and returns where its answer
// will be.
func (v *visitor) background(ctx context.Context, key, fault string) <-chan result {
	done := make(chan result, 1)
	go func() {
		answer, err := v.send(ctx, http.MethodPost, "/api/payments", coffee, http.Header{"Idempotency-Key": {key}, "Demo-Fault": {fault}})
		done <- result{answer, err}
	}()
	return done
}

func TestDuplicateOfARunningRequestIsAskedToWait(t *testing.T) {
	t.Parallel()
	v := needsFaults(t)
	done := v.background(t.Context(), "k1", "slow=4s")
	if r := v.awaitRecord("k1", "INPROGRESS"); r.LeaseExpiresAt.IsZero() || r.Size != 0 {
		t.Errorf("the record is %+v", r)
	}
	running := v.pay("k1")
	v.expectProblem(running, http.StatusConflict, "in-progress")
	if running.header.Get("Retry-After") == "" || running.header.Get("Idempotency-Expires") == "" {
		t.Errorf("got %v", running)
	}
	// What is asked for is compared though there is no answer yet.
	v.expectProblem(v.post("/api/payments", "k1", `{"amount":1,"currency":"EUR","description":"tea"}`), http.StatusUnprocessableEntity, "payload-mismatch")
	first := <-done
	if first.err != nil {
		t.Fatal(first.err)
	}
	v.expectCreated(first.response)
	v.expectReplay(v.pay("k1"), first.response)
	v.expectActivity(1, 1)
}

func TestDisconnectedClientFindsItsPaymentMade(t *testing.T) {
	t.Parallel()
	v := needsFaults(t)
	ctx, disconnect := context.WithCancel(t.Context())
	defer disconnect()
	done := v.background(ctx, "k1", "slow=4s")
	v.awaitRecord("k1", "INPROGRESS")
	disconnect()
	if gone := <-done; !errors.Is(gone.err, context.Canceled) {
		t.Fatalf("got %v, %v; want to be disconnected", gone.response, gone.err)
	}
	v.awaitRecord("k1", "COMPLETED")
	if answer := v.pay("k1"); answer.status != http.StatusCreated || answer.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the retry gets %v", answer)
	}
	v.expectActivity(1, 1)
}

func TestDroppedResponseIsReplayed(t *testing.T) {
	t.Parallel()
	v := needsFaults(t)
	if lost := v.pay("k1", "drop-response"); lost.status < 500 {
		t.Fatalf("got %v, want no answer of the function", lost)
	}
	v.awaitRecord("k1", "COMPLETED")
	answer := v.pay("k1")
	if answer.status != http.StatusCreated || answer.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the retry gets %v", answer)
	}
	v.expectReplay(v.pay("k1"), answer)
	v.expectActivity(1, 1)
}

func TestCrashBeforeTheEffect(t *testing.T) {
	t.Parallel()
	v := needsFaults(t)
	if lost := v.pay("k1", "crash-before-effect"); lost.status < 500 {
		t.Fatalf("got %v, want no answer of the function", lost)
	}
	v.expectActivity(1, 0)
	v.expectProblem(v.pay("k1"), http.StatusConflict, "in-progress")
	v.expectCreated(v.payUntilDone("k1"))
	v.expectActivity(2, 1)
}

// TestCrashAfterTheEffect shows what reconciliation means: the retry finds the
// charge and makes the payment of it.
func TestCrashAfterTheEffect(t *testing.T) {
	t.Parallel()
	v := needsFaults(t)
	if lost := v.pay("k1", "crash-after-effect"); lost.status < 500 {
		t.Fatalf("got %v, want no answer of the function", lost)
	}
	charge := v.expectActivity(1, 1).Effects[0]
	first := v.payUntilDone("k1")
	v.expectCreated(first)
	var payment struct{ ID, ChargeID string }
	v.decode(first, &payment)
	if payment.ID != charge.Resource || payment.ChargeID != charge.ID {
		t.Errorf("the payment is %+v, the charge %+v", payment, charge)
	}
	if read := v.get(first.header.Get("Location")); read.body != first.body {
		t.Errorf("made %v, but read %v", first, read)
	}
	v.expectReplay(v.pay("k1"), first)
	v.expectActivity(1, 1)
}

// TestCrashBetweenTheEffects: the function dies when the charge is recorded. The
// retry sends the receipt, and charges nothing.
func TestCrashBetweenTheEffects(t *testing.T) {
	t.Parallel()
	v := needsFaults(t)
	if lost := v.post("/api/payments", "k1", coffeeWithReceipt, "crash-between-effects"); lost.status < 500 {
		t.Fatalf("got %v, want no answer of the function", lost)
	}
	charge := v.expectActivity(1, 1).Effects[0]
	first := v.postUntilDone("/api/payments", "k1", coffeeWithReceipt)
	v.expectCreated(first)
	a := v.expectActivity(2, 2)
	var payment struct{ ID, ChargeID, ReceiptID string }
	v.decode(first, &payment)
	if receipt := a.Effects[0]; payment.ChargeID != charge.ID || payment.ReceiptID != receipt.ID || receipt.Kind != "receipt" || receipt.Resource != payment.ID {
		t.Errorf("the payment is %+v, the charge %+v, the receipt %+v", payment, charge, receipt)
	}
	for i, want := range []string{"receipt", "charge"} { // the latest execution comes first
		if steps := a.Executions[i].Steps; len(steps) != 1 || steps[0].Name != want {
			t.Errorf("execution %d from the end began %v, want %s", i, steps, want)
		}
	}
	v.expectReplay(v.post("/api/payments", "k1", coffeeWithReceipt), first)
	v.expectActivity(2, 2)
}

// TestCrashesAroundAnOrder: whenever the function dies, a retry need not wait.
func TestCrashesAroundAnOrder(t *testing.T) {
	t.Parallel()
	for fault, placed := range map[string]int{"crash-before-effect": 0, "crash-after-effect": 1, "drop-response": 1} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			v := needsFaults(t)
			if lost := v.order("k1", samovar, fault); lost.status < 500 {
				t.Fatalf("got %v, want no answer of the function", lost)
			}
			v.expectActivity(placed, placed)
			retry := v.order("k1", samovar)
			v.expectStatus(retry, http.StatusCreated)
			if replayed := retry.header.Get("Idempotent-Replayed") == "true"; replayed != (placed == 1) {
				t.Errorf("got %v, replayed %v", retry, replayed)
			}
			v.expectActivity(1, 1)
			v.expectOutOfStock(v.order("k2", samovar), 0)
		})
	}
}

func TestSlowOrderIsNotInAnyonesWay(t *testing.T) {
	t.Parallel()
	v := needsFaults(t)
	slow := make(chan response, 1)
	go func() {
		answer, err := v.send(t.Context(), http.MethodPost, "/api/orders", samovar, http.Header{"Idempotency-Key": {"k1"}, "Demo-Fault": {"slow=4s"}})
		if err != nil {
			t.Error(err)
		}
		slow <- answer
	}()
	// Whichever of the two comes first, the other one gets its answer.
	answers := []response{v.order("k1", samovar), <-slow}
	v.expectStatus(answers[0], http.StatusCreated)
	v.expectOneFirst(answers, answers[0])
	v.expectActivity(1, 1)
}
