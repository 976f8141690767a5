package idemlambda_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
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

// So it is with every source, not only with queues.
func TestNothingIsClaimedWithoutTimeFromAnySource(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idempotency.Config) { c.Recovery = idempotency.Refuse })
	event := events.EventBridgeEvent{ID: "e1", AccountID: "000000000000", Source: "shop", DetailType: "Order", Detail: []byte(`{}`)}
	eventBridge, err := idemlambda.EventBridge(ordersOf(w, idemlambda.SourceScope, idemlambda.EventID),
		func(context.Context, events.EventBridgeEvent) error { return w.handle("event") })
	if err != nil {
		t.Fatal(err)
	}
	record := events.KinesisEventRecord{EventID: "s:1", EventSourceArn: "arn", Kinesis: events.KinesisRecord{SequenceNumber: "1"}}
	kinesis, err := idemlambda.Kinesis(ordersOf(w, idemlambda.StreamScope, idemlambda.RecordID),
		func(context.Context, events.KinesisEventRecord) error { return w.handle("record") })
	if err != nil {
		t.Fatal(err)
	}
	s3, err := idemlambda.S3InSQS(ordersOf(w, idemlambda.BucketScope, idemlambda.ObjectChange),
		func(context.Context, events.S3EventRecord) error { return w.handle("object") })
	if err != nil {
		t.Fatal(err)
	}
	deliver := func(ctx context.Context) (failed int) {
		if err := eventBridge(ctx, event); err != nil {
			failed++
		}
		batch, err := kinesis(ctx, events.KinesisEvent{Records: []events.KinesisEventRecord{record}})
		if err != nil {
			t.Error(err)
		}
		messages, err := s3(ctx, events.SQSEvent{Records: []events.SQSMessage{message("m1", objects("1", "a"))}})
		if err != nil {
			t.Error(err)
		}
		return failed + len(batch.BatchItemFailures) + len(messages.BatchItemFailures)
	}
	late, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if failed := deliver(late); failed != 3 {
		t.Errorf("%d of 3 failed", failed)
	}
	w.wantEffects()
	if failed := deliver(t.Context()); failed != 0 {
		t.Errorf("%d of 3 failed when they came again", failed)
	}
	w.wantEffects("event", "record", "object")
}
