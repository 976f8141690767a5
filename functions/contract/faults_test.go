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
	done := v.background(t.Context(), "k1", "slow=3s")
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
	done := v.background(ctx, "k1", "slow=2s")
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

// TestCrashAfterTheEffect shows what at-least-once recovery means: the payment is
// executed again. Both charges carry the reference that derives from the key, by
// which a processor that takes idempotency keys would have known the second.
func TestCrashAfterTheEffect(t *testing.T) {
	t.Parallel()
	v := needsFaults(t)
	if lost := v.pay("k1", "crash-after-effect"); lost.status < 500 {
		t.Fatalf("got %v, want no answer of the function", lost)
	}
	v.expectActivity(1, 1)
	v.expectCreated(v.payUntilDone("k1"))
	a := v.expectActivity(2, 2)
	if one, two := a.Effects[0], a.Effects[1]; one.Detail.Reference != two.Detail.Reference || one.Resource != two.Resource {
		t.Errorf("the charges are %+v and %+v", one, two)
	}
}
