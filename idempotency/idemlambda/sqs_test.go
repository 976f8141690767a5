package idemlambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

func TestSQSDuplicatesAreHandledOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	receive := w.queue()
	// Sent twice, so they have two ids; and in one batch.
	wantFailed(t, receive(message("m1", tea), message("m2", tea), message("m3", coffee)))
	wantFailed(t, receive(message("m4", tea), message("m5", milk)))
	w.wantEffects(tea, coffee, milk)
	w.wantLogged()
}

func TestSQSResponseHasAList(t *testing.T) {
	t.Parallel()
	response, err := newWorld(t).consumer()(t.Context(), events.SQSEvent{Records: []events.SQSMessage{}})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(response); err != nil || string(text) != `{"batchItemFailures":[]}` {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestSQSMessageIDAsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	receive := w.queue(func(c *idemlambda.Config[events.SQSMessage]) { c.Key = idemlambda.MessageID })
	wantFailed(t, receive(message("m1", tea), message("m1", tea), message("m2", tea)))
	w.wantEffects(tea, tea)
}

// Each of them fails alone: the messages before and after it are handled.
func TestSQSPoisonFailsAlone(t *testing.T) {
	t.Parallel()
	other := strings.Replace(tea, "alice", "bob", 1)
	for name, test := range map[string]struct {
		body, logged string
		fail         func(string) error
		claim        func(context.Context, idempotency.Claim) (*idempotency.Record, error)
	}{
		"another payload": {body: other, logged: "another payload"},
		"no JSON":         {body: "hello", logged: "not the JSON that was expected"},
		"no key":          {body: `{"Article":"tea"}`, logged: "there is no key"},
		"null":            {body: `null`, logged: "there is no key"},
		"null key":        {body: `{"ID":null}`, logged: "there is no key"},
		"an error":        {body: milk, logged: "injected", fail: func(string) error { return errInjected }},
		"a panic":         {body: milk, logged: "panic: boom", fail: func(string) error { panic("boom") }},
		"store down":      {body: milk, logged: "store is unavailable", claim: func(context.Context, idempotency.Claim) (*idempotency.Record, error) { return nil, errInjected }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.fail = func(body string) error {
				if body == test.body && test.fail != nil {
					return test.fail(body)
				}
				return nil
			}
			receive := w.queue()
			wantFailed(t, receive(message("m1", tea)))
			claims := 0
			w.store.claim = func(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
				if claims++; test.claim != nil && claims == 1 {
					return test.claim(ctx, c)
				}
				return w.store.Store.Claim(ctx, c)
			}
			wantFailed(t, receive(message("m2", test.body), message("m3", coffee)), "m2")
			w.wantEffects(tea, coffee)
			logged := w.log.String()
			if !strings.Contains(logged, test.logged) || !strings.Contains(logged, "message=m2 ") || strings.Contains(logged, "Customer") {
				t.Errorf("logged %q, want the message's id and %q, and no body", logged, test.logged)
			}
		})
	}
}

func TestSQSFailedMessageIsHandledWhenItComesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	failing := true
	w.fail = func(string) error {
		if failing {
			return errInjected
		}
		return nil
	}
	receive := w.queue()
	wantFailed(t, receive(message("m1", tea)), "m1")
	failing = false
	wantFailed(t, receive(message("m1", tea)))
	w.wantEffects(tea)
}

// A duplicate that comes while the first is being handled is not acknowledged:
// the first may yet fail.
func TestSQSInProgressIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	receive := w.queue()
	w.fail = func(string) error {
		w.fail = nil
		wantFailed(t, receive(message("m2", tea)), "m2")
		return errInjected
	}
	wantFailed(t, receive(message("m1", tea)), "m1")
	w.wantLogged("in progress", "injected")
	wantFailed(t, receive(message("m2", tea)))
	w.wantEffects(tea)
}

func TestSQSOptionalKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	receive := w.queue(func(c *idemlambda.Config[events.SQSMessage]) { c.OptionalKey = true })
	const keyless = `{"Article":"tea"}`
	const blank = `{"ID":"  "}`
	wantFailed(t, receive(message("m1", keyless), message("m2", keyless), message("m3", "no JSON"), message("m4", blank)), "m3")
	w.wantEffects(keyless, keyless, blank)
}

func TestSQSScopes(t *testing.T) {
	t.Parallel()
	// The same key from two queues is two orders.
	w := newWorld(t)
	elsewhere := message("m2", tea)
	elsewhere.EventSourceARN += "-2"
	wantFailed(t, w.queue()(message("m1", tea), elsewhere))
	w.wantEffects(tea, tea)

	// So it is from two customers, where they are the scope.
	w = newWorld(t)
	receive := w.queue(func(c *idemlambda.Config[events.SQSMessage]) {
		c.Scope = idemlambda.FromBody(func(o order) (idempotency.Scope, error) { return idempotency.NewScope(o.Customer) })
	})
	bobs := strings.Replace(tea, "alice", "bob", 1)
	nobodys := strings.Replace(tea, "alice", "", 1)
	wantFailed(t, receive(message("m1", tea), message("m2", bobs), message("m3", nobodys), message("m4", tea)), "m3")
	w.wantEffects(tea, bobs)
	w.wantLogged("principal is empty")

	// A queue without an ARN is no scope.
	w = newWorld(t)
	nowhere := message("m1", tea)
	nowhere.EventSourceARN = ""
	wantFailed(t, w.queue()(nowhere), "m1")
	w.wantEffects()
}

func TestSQSPayload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	receive := w.queue(func(c *idemlambda.Config[events.SQSMessage]) {
		c.Payload = idemlambda.FromBody(func(o order) ([]byte, error) {
			if o.Article == "" {
				return nil, errInjected
			}
			return []byte(o.Article), nil
		})
	})
	wantFailed(t, receive(
		message("m1", tea),
		message("m2", strings.Replace(tea, "alice", "Alice", 1)),
		message("m3", strings.Replace(tea, "tea", "coffee", 1)),
		message("m4", strings.Replace(milk, "milk", "", 1)),
	), "m3", "m4")
	w.wantEffects(tea)
	w.wantLogged("another payload", "injected")
}

func TestSQSFIFOKeepsTheOrderOfAGroup(t *testing.T) {
	t.Parallel()
	text := func(id string) string { return `{"ID":"` + id + `"}` }
	grouped := func(arn, id, group string) events.SQSMessage {
		m := message(id, text(id))
		m.EventSourceARN = arn
		m.Attributes["MessageGroupId"] = group
		return m
	}
	for _, test := range []struct {
		arn    string
		failed []string
	}{
		{queueARN + ".fifo", []string{"a2", "a3", "a4"}},
		{queueARN, []string{"a2"}}, // a standard queue has groups as well, but no order
	} {
		w := newWorld(t)
		w.fail = func(b string) error {
			if b == text("a2") {
				return errInjected
			}
			return nil
		}
		got := w.queue()(
			grouped(test.arn, "a1", "a"), grouped(test.arn, "a2", "a"), grouped(test.arn, "b1", "b"),
			grouped(test.arn, "a3", "a"), grouped(test.arn, "b2", "b"), grouped(test.arn, "a4", "a"),
		)
		wantFailed(t, got, test.failed...)
		if len(w.effects)+len(test.failed) != 6 {
			t.Errorf("%s: handled %q", test.arn, w.effects)
		}
	}
}

func TestSQSWholeBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	consume := w.consumer(func(c *idemlambda.Config[events.SQSMessage]) { c.WholeBatch = true })
	w.fail = func(body string) error {
		if body == coffee {
			return errInjected
		}
		return nil
	}
	batch := events.SQSEvent{Records: []events.SQSMessage{message("m1", tea), message("m2", coffee), message("m3", milk)}}
	if _, err := consume(t.Context(), batch); err == nil || !strings.Contains(err.Error(), "1 of 3") {
		t.Errorf("got %v, want an error", err)
	}
	w.fail = nil
	if response, err := consume(t.Context(), batch); err != nil || len(response.BatchItemFailures) != 0 {
		t.Errorf("got %v, %v", response, err)
	}
	w.wantEffects(tea, milk, coffee)
}

// Lambda takes a response that names no message for the failure of them all.
func TestSQSMessageWithoutID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.consumer()(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{Body: tea}}}); err == nil {
		t.Error("accepted")
	}
	w.wantEffects()
}

func TestSQSNothingBeginsAfterTheDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Hour))
	w.fail = func(string) error { cancel(); return nil } // the time is up meanwhile
	consume := w.consumer(func(c *idemlambda.Config[events.SQSMessage]) { c.OptionalKey = true })
	response, err := consume(ctx, events.SQSEvent{Records: []events.SQSMessage{message("m1", tea), message("m2", coffee), message("m3", `{}`)}})
	if err != nil {
		t.Fatal(err)
	}
	wantFailed(t, failed(response), "m2", "m3")
	w.wantEffects(tea)
}

type observerFunc func(context.Context, idempotency.Event)

func (f observerFunc) Observe(ctx context.Context, e idempotency.Event) { f(ctx, e) }

// A message has a context of its own, which both its handler and the observer are
// given.
func TestSQSContext(t *testing.T) {
	t.Parallel()
	type traceKey struct{}
	var observed, handled []any
	guard, err := idempotency.New(idempotency.Config{
		Store: memstore.New(),
		Observer: observerFunc(func(ctx context.Context, e idempotency.Event) {
			if e.Observation.Ends() {
				observed = append(observed, ctx.Value(traceKey{}))
			}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	consume, err := idemlambda.SQS(idemlambda.Config[events.SQSMessage]{
		Guard: guard, Operation: "orders.place",
		Scope: idemlambda.QueueScope,
		Key:   idemlambda.MessageID,

		Concurrency: 1,
		Context: func(ctx context.Context, m events.SQSMessage) context.Context {
			return context.WithValue(ctx, traceKey{}, m.Body)
		},
	}, func(ctx context.Context, _ events.SQSMessage) error {
		handled = append(handled, ctx.Value(traceKey{}))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	response, err := consume(t.Context(), events.SQSEvent{Records: []events.SQSMessage{message("m1", "a"), message("m2", "b"), message("m2", "b")}})
	if err != nil {
		t.Fatal(err)
	}
	wantFailed(t, failed(response))
	if want := []any{"a", "b"}; !slices.Equal(handled, want) {
		t.Errorf("handled in %q, want %q", handled, want)
	}
	if want := []any{"a", "b", "b"}; !slices.Equal(observed, want) {
		t.Errorf("observed in %q, want %q", observed, want)
	}
}

// What comes again is looked up before it is claimed, which costs less.
func TestSQSReceivedBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	receive := w.queue()
	receive(message("m1", tea))
	if w.store.loads != 0 {
		t.Errorf("%d records read for what comes for the first time", w.store.loads)
	}
	again := message("m1", tea)
	again.Attributes["ApproximateReceiveCount"] = "2"
	wantFailed(t, receive(again))
	if w.store.loads != 1 {
		t.Errorf("%d records read, want 1", w.store.loads)
	}
	w.wantEffects(tea)
}

// What the guard remembers without a result has been handled all the same.
func TestSQSResultNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.claim = func(_ context.Context, c idempotency.Claim) (*idempotency.Record, error) {
		r := c.Record
		r.Status, r.Data = idempotency.Completed, nil
		return &r, nil
	}
	wantFailed(t, w.queue()(message("m1", tea)))
	w.wantEffects()
}

func TestSQSRefuseAndDiscard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idempotency.Config) { c.Recovery = idempotency.Refuse })
	w.fail = func(body string) error {
		if body == tea {
			return idempotency.Discard(errInjected) // not begun
		}
		return errInjected
	}
	receive := w.queue()
	wantFailed(t, receive(message("m1", tea), message("m2", milk)), "m1", "m2")
	w.fail = nil
	wantFailed(t, receive(message("m1", tea), message("m2", milk)), "m2")
	w.wantEffects(tea)
	w.wantLogged("injected", "injected", "outcome is unknown")
}

func TestSQSReconcile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idempotency.Config) { c.Recovery = idempotency.Reconcile })
	w.fail = func(body string) error {
		w.effects = append(w.effects, body)
		return errors.New("and then the connection broke")
	}
	receive := w.queue(func(c *idemlambda.Config[events.SQSMessage]) {
		c.Reconcile = func(_ context.Context, m events.SQSMessage) (idempotency.Reconciliation, error) {
			return idempotency.Reconciliation{Completed: m.Body == tea}, nil
		}
	})
	wantFailed(t, receive(message("m1", tea), message("m2", milk)), "m1", "m2")
	w.fail = nil
	wantFailed(t, receive(message("m1", tea), message("m2", milk)))
	wantFailed(t, receive(message("m1", tea), message("m2", milk)))
	w.wantEffects(tea, milk, milk)
}
