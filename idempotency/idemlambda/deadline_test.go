package idemlambda_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

func TestBatchThatDoesNotFit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.fail = func(string) error { time.Sleep(400 * time.Millisecond); return nil }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		response, err := w.consumer()(ctx, events.SQSEvent{Records: numbered(6)})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took >= time.Second {
			t.Errorf("the response leaves after %v", took)
		}
		wantFailed(t, failed(response), "m3", "m4", "m5", "m6")
		w.wantEffects(body(1), body(2))
	})
}

// A message for which no time is left is not begun, under any policy: nothing is
// claimed for it, and it is handled when it comes again.
func TestNothingIsClaimedWithoutTime(t *testing.T) {
	t.Parallel()
	for _, policy := range []idempotency.Recovery{idempotency.Reexecute, idempotency.Refuse} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(c *idempotency.Config) { c.Recovery = policy })
			w.fail = func(string) error { time.Sleep(100 * time.Millisecond); return nil }
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			response, err := w.consumer()(ctx, events.SQSEvent{Records: numbered(1)})
			if err != nil {
				t.Fatal(err)
			}
			wantFailed(t, failed(response), "m1")
			w.wantEffects()
			time.Sleep(time.Hour)
			wantFailed(t, w.queue()(numbered(1)...))
			w.wantEffects(body(1))
		})
	}
}
