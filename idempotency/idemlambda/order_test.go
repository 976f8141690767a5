package idemlambda_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// TestFIFOOrderThroughFailures delivers messages as a FIFO queue does, to a
// handler that fails now and then: each comes until it is acknowledged, and none
// of a group before those sent earlier are. Each is handled once, and the groups
// are handled in their order.
func TestFIFOOrderThroughFailures(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 0))
		w := newWorld(t)
		receive := w.queue(concurrently(1 + random.IntN(4)))
		failures := 0
		var mu sync.Mutex
		w.fail = func(string) error {
			mu.Lock()
			defer mu.Unlock()
			if failures < 50 && random.IntN(4) == 0 {
				failures++
				if failures%2 == 0 {
					panic("boom")
				}
				return errInjected
			}
			return nil
		}
		var left []events.SQSMessage
		sent := map[string][]string{} // bodies by group
		for i := range 1 + random.IntN(12) {
			group := []string{"a", "b", "c"}[random.IntN(3)]
			body := fmt.Sprintf(`{"ID":"%s%d","Customer":%q}`, group, i, group)
			m := message(fmt.Sprint("m", i), body)
			m.EventSourceARN += ".fifo"
			m.Attributes["MessageGroupId"] = group
			left = append(left, m)
			sent[group] = append(sent[group], body)
			if random.IntN(4) == 0 { // the sender got no answer
				m.MessageId += "-again"
				left = append(left, m)
			}
		}
		for deliveries := 0; len(left) > 0; deliveries++ {
			if deliveries > 100 {
				t.Fatalf("seed %d: not acknowledged in %d deliveries: %v", seed, deliveries, left)
			}
			size := 1 + random.IntN(min(len(left), 10))
			failed := receive(left[:size]...)
			kept := slices.DeleteFunc(slices.Clone(left[:size]), func(m events.SQSMessage) bool { return !slices.Contains(failed, m.MessageId) })
			left = append(kept, left[size:]...)
		}
		handled := map[string][]string{}
		for _, body := range w.effects {
			handled[body[7:8]] = append(handled[body[7:8]], body) // the group is the first letter of the ID
		}
		for group, want := range sent {
			if !slices.Equal(handled[group], want) {
				t.Errorf("seed %d, group %s: handled %q, want %q", seed, group, handled[group], want)
			}
		}
	}
}
