package contract_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestKilledPaymentsWithReceipts kills the function at a hundred random moments of
// payments with two effects. Each is charged once and mailed once.
func TestKilledPaymentsWithReceipts(t *testing.T) {
	t.Parallel()
	const moments = 100
	stack, v := newStack(t)
	key := func(i int) string { return fmt.Sprint("k", i) }

	killed := 0
	for i := range moments {
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			// Whether there is a response is up to the kill.
			_, _ = v.send(t.Context(), http.MethodPost, "/api/payments", coffeeWithReceipt, http.Header{"Idempotency-Key": {key(i)}})
		}()
		time.Sleep(rand.N(40 * time.Millisecond)) // any moment will do
		for _, process := range stack.Processes("payments") {
			if syscall.Kill(process, syscall.SIGKILL) == nil {
				killed++
			}
		}
		<-sent
	}
	before := v.activity()
	t.Logf("%d processes killed, which left %d executions and %d effects", killed, before.ExecutionCount, before.EffectCount)
	if killed == 0 {
		t.Error("nothing was killed")
	}

	answers := make([]response, moments)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = v.postUntilDone("/api/payments", key(i), coffeeWithReceipt) })
	}
	wg.Wait()

	payments := make(map[string]string) // by charge and by receipt
	kinds := make(map[string]int)
	a := v.activity()
	if a.Truncated {
		t.Fatal("there is more than is shown")
	}
	for _, e := range a.Effects {
		payments[e.ID] = e.Resource
		kinds[e.Kind]++
	}
	if kinds["charge"] != moments || kinds["receipt"] != moments || len(a.Effects) != 2*moments {
		t.Errorf("%v for %d keys, want a charge and a receipt of each", kinds, moments)
	}
	for i, answer := range answers {
		v.expectStatus(answer, http.StatusCreated)
		var payment struct{ ID, ChargeID, ReceiptID string }
		v.decode(answer, &payment)
		if payments[payment.ChargeID] != payment.ID || payments[payment.ReceiptID] != payment.ID {
			t.Errorf("the payment %+v of %s: the charge is of %q, the receipt of %q", payment, key(i), payments[payment.ChargeID], payments[payment.ReceiptID])
		}
		v.expectReplay(v.post("/api/payments", key(i), coffeeWithReceipt), answer)
	}
}
