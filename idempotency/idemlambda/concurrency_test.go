package idemlambda_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
)

// concurrently undoes what the harness does for the sake of order.
func concurrently(n int) func(*idemlambda.Config[events.SQSMessage]) {
	return func(c *idemlambda.Config[events.SQSMessage]) { c.Concurrency = n }
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	for configured, want := range map[int]time.Duration{
		0:  100 * time.Millisecond, // the default is 10
		1:  time.Second,
		3:  400 * time.Millisecond,
		20: 100 * time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.fail = func(string) error { time.Sleep(100 * time.Millisecond); return nil }
			start := time.Now()
			wantFailed(t, w.queue(concurrently(configured))(numbered(10)...))
			if took := time.Since(start); took != want {
				t.Errorf("concurrency %d: took %v, want %v", configured, took, want)
			}
		})
	}
}

// A duplicate in the same batch waits for the first, and is acknowledged.
func TestDuplicatesInOneBatchDoNotMeet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.fail = func(string) error { time.Sleep(100 * time.Millisecond); return nil }
		wantFailed(t, w.queue(concurrently(10))(message("m1", tea), message("m2", tea), message("m3", tea)))
		w.wantEffects(tea)
	})
}

// So does a notification of S3 that came twice.
func TestS3DuplicatesInOneBatchDoNotMeet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.fail = func(string) error { time.Sleep(100 * time.Millisecond); return nil }
		cfg := ordersOf(w, idemlambda.BucketScope, idemlambda.ObjectChange)
		cfg.Concurrency = 10
		consume, err := idemlambda.S3InSQS(cfg, func(_ context.Context, r events.S3EventRecord) error { return w.handle(r.S3.Object.Key) })
		if err != nil {
			t.Fatal(err)
		}
		wantFailed(t, deliver(t, consume, message("m1", objects("1", "a")), message("m2", objects("2", "a"))))
		w.wantEffects("a")
	})
}

// The groups of a FIFO queue are handled side by side, each in its order, and a
// failure holds up its own group alone.
func TestFIFOGroupsAreConcurrent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.fail = func(b string) error {
			time.Sleep(100 * time.Millisecond)
			if b == body(3) {
				return errInjected
			}
			return nil
		}
		messages := numbered(8)
		for i := range messages {
			messages[i].EventSourceARN += ".fifo"
			messages[i].Attributes["MessageGroupId"] = []string{"a", "b"}[i%2]
		}
		start := time.Now()
		wantFailed(t, w.queue(concurrently(10))(messages...), "m3", "m5", "m7")
		if took := time.Since(start); took != 400*time.Millisecond {
			t.Errorf("took %v, want that of the longer group", took)
		}
		slices.Sort(w.effects)
		w.wantEffects(body(1), body(2), body(4), body(6), body(8))
	})
}

// A handler that does not heed its context is left behind: the response names it
// and leaves in time, with what others have achieved.
func TestHandlerThatIgnoresItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.fail = func(b string) error {
			if b == body(2) {
				time.Sleep(time.Hour)
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		start := time.Now()
		response, err := w.consumer(concurrently(2))(ctx, events.SQSEvent{Records: numbered(4)})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 29*time.Second || took >= 30*time.Second {
			t.Errorf("the response leaves after %v", took)
		}
		wantFailed(t, failed(response), "m2")
		w.wantEffects(body(1), body(3), body(4))
		time.Sleep(2 * time.Hour)
	})
}

// A handler that heeds its context has its failure recorded before the response
// leaves: the message can be handled again at once.
func TestContextEndsBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		consume, err := idemlambda.SQS(idemlambda.Config[events.SQSMessage]{
			Guard: w.guard, Operation: "orders.place", Scope: idemlambda.QueueScope, Key: idemlambda.MessageID, Logger: quiet,
		}, func(ctx context.Context, m events.SQSMessage) error {
			<-ctx.Done()
			return context.Cause(ctx)
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		response, err := consume(ctx, events.SQSEvent{Records: numbered(1)})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 9500*time.Millisecond {
			t.Errorf("the response leaves after %v", took)
		}
		wantFailed(t, failed(response), "m1")
	})
}

func TestHandlerThatLeavesByGoexit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.fail = func(b string) error {
			if b == body(1) {
				runtime.Goexit()
			}
			return nil
		}
		wantFailed(t, w.queue()(numbered(2)...), "m1")
		w.wantEffects(body(2))
	})
}

// What chooses key, scope and payload may panic as well.
func TestChoosersThatPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	receive := w.queue(func(c *idemlambda.Config[events.SQSMessage]) {
		c.Payload = func(m events.SQSMessage) ([]byte, error) {
			if m.Body == body(1) {
				panic("boom")
			}
			return []byte(m.Body), nil
		}
	})
	wantFailed(t, receive(numbered(2)...), "m1")
	w.wantEffects(body(2))
	w.wantLogged("panic: boom")
}

// Messages that will never succeed are told apart from those that may, in the log
// and to the observer.
func TestPermanentFailures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		message   events.SQSMessage
		policy    idempotency.Recovery
		permanent bool
		observed  idempotency.Observation
	}{
		"mismatch":        {message("m2", `{"ID":"o1","Article":"other"}`), idempotency.Reexecute, true, idempotency.ObservedMismatch},
		"no JSON":         {message("m2", "hello"), idempotency.Reexecute, true, idempotency.ObservedRefused},
		"no key":          {message("m2", "{}"), idempotency.Reexecute, true, idempotency.ObservedRefused},
		"blank key":       {message("m2", `{"ID":"  "}`), idempotency.Reexecute, true, idempotency.ObservedRefused},
		"outcome unknown": {message("m2", milk), idempotency.Refuse, true, idempotency.ObservedOutcomeUnknown},
		"an error":        {message("m2", milk), idempotency.Reexecute, false, idempotency.ObservedReleased},
		"found wrong":     {message("m2", coffee), idempotency.Reexecute, true, idempotency.ObservedReleased},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var seen []idempotency.Observation
			observer := observerFunc(func(_ context.Context, e idempotency.Event) {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, e.Observation)
			})
			w := newWorld(t, func(c *idempotency.Config) { c.Recovery, c.Observer = test.policy, observer })
			w.fail = func(b string) error {
				switch b {
				case milk:
					return errInjected
				case coffee:
					return fmt.Errorf("%w: there is no such article", idemlambda.ErrMalformed)
				}
				return nil
			}
			receive := w.queue()
			wantFailed(t, receive(message("m1", tea)))
			if test.policy == idempotency.Refuse {
				wantFailed(t, receive(test.message), "m2")
			}
			w.log.Reset()
			wantFailed(t, receive(test.message), "m2")
			w.wantLogged(fmt.Sprint("permanent=", test.permanent))
			if !slices.Contains(seen, test.observed) {
				t.Errorf("observed %q, want %q", seen, test.observed)
			}
		})
	}
}
