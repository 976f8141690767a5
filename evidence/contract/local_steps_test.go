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

	b := v.opened()
	var wg sync.WaitGroup
	for i := range moments {
		wg.Go(func() { b.ask("/api/payments", key(i), coffeeWithReceipt) })
	}
	wg.Wait()
	b.repeat("/api/payments")
	b.judge()
}
