package idemlambda_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// quiet keeps the failures that an example means to cause out of the output.
var quiet = slog.New(slog.DiscardHandler)

var errInjected = errors.New("injected")

// order is the body of a message.
type order struct {
	ID       string
	Customer string
	Article  string
}

func orderID(o order) (string, error) { return o.ID, nil }

// world is a shop that takes orders from queues and streams. Its effects are the
// bodies that it has handled.
type world struct {
	t       *testing.T
	store   *faultyStore
	guard   *idempotency.Guard
	log     bytes.Buffer
	mu      sync.Mutex // guards effects
	effects []string
	// fail is asked what becomes of a body; it may panic.
	fail func(body string) error
}

func newWorld(t *testing.T, configure ...func(*idempotency.Config)) *world {
	t.Helper()
	w := &world{t: t, store: &faultyStore{Store: memstore.New()}}
	cfg := idempotency.Config{Store: w.store, CacheEntries: -1}
	for _, c := range configure {
		c(&cfg)
	}
	var err error
	if w.guard, err = idempotency.New(cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) handle(body string) error {
	if w.fail != nil {
		if err := w.fail(body); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.effects = append(w.effects, body)
	return nil
}

func (w *world) wantEffects(want ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.effects, want) {
		w.t.Errorf("handled %q, want %q", w.effects, want)
	}
}

// wantLogged asks for one line of the log for each of the given words, and for
// no more.
func (w *world) wantLogged(words ...string) {
	w.t.Helper()
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	for i, word := range words {
		if i >= len(lines) || !strings.Contains(lines[i], word) {
			w.t.Errorf("line %d of the log does not have %q:\n%s", i, word, w.log.String())
			return
		}
	}
	if len(lines) != len(words) && w.log.Len() > 0 {
		w.t.Errorf("want %d lines:\n%s", len(words), w.log.String())
	}
	w.log.Reset()
}

// faultyStore lets a test stand between a guard and its store.
type faultyStore struct {
	idempotency.Store
	claim func(context.Context, idempotency.Claim) (*idempotency.Record, error)
	loads int
}

func (s *faultyStore) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	if s.claim != nil {
		return s.claim(ctx, c)
	}
	return s.Store.Claim(ctx, c)
}

func (s *faultyStore) Load(ctx context.Context, id string) (*idempotency.Record, error) {
	s.loads++
	return s.Store.Load(ctx, id)
}

// queue is a consumer of the world's, with the body's ID as the key.
func (w *world) queue(configure ...func(*idemlambda.Config[events.SQSMessage])) func(...events.SQSMessage) []string {
	w.t.Helper()
	consume := w.consumer(configure...)
	return func(messages ...events.SQSMessage) []string {
		w.t.Helper()
		response, err := consume(w.t.Context(), events.SQSEvent{Records: messages})
		if err != nil {
			w.t.Fatal(err)
		}
		return failed(response)
	}
}

func (w *world) consumer(configure ...func(*idemlambda.Config[events.SQSMessage])) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	w.t.Helper()
	cfg := idemlambda.Config[events.SQSMessage]{
		Guard:     w.guard,
		Operation: "orders.place",
		Scope:     idemlambda.QueueScope,
		Key:       idemlambda.FromBody(orderID),
		Logger:    slog.New(slog.NewTextHandler(&w.log, nil)),

		Concurrency: 1, // so that effects have an order
	}
	for _, c := range configure {
		c(&cfg)
	}
	consume, err := idemlambda.SQS(cfg, func(_ context.Context, m events.SQSMessage) error { return w.handle(m.Body) })
	if err != nil {
		w.t.Fatal(err)
	}
	return consume
}

func failed(response events.SQSEventResponse) []string {
	ids := []string{}
	for _, f := range response.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

func wantFailed(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("reported as failed: %q, want %q", got, want)
	}
}

const queueARN = "arn:aws:sqs:eu-central-1:000000000000:orders"

func message(id, body string) events.SQSMessage {
	return events.SQSMessage{MessageId: id, Body: body, EventSource: "aws:sqs", EventSourceARN: queueARN,
		Attributes: map[string]string{"ApproximateReceiveCount": "1"}}
}

const (
	tea    = `{"ID":"o1","Customer":"alice","Article":"tea"}`
	coffee = `{"ID":"o2","Customer":"alice","Article":"coffee"}`
	milk   = `{"ID":"o3","Customer":"bob","Article":"milk"}`
)

// body is that of the n-th of many messages.
func body(n int) string { return fmt.Sprintf(`{"ID":"o%d"}`, n) }

// numbered is a batch of n messages.
func numbered(n int) (messages []events.SQSMessage) {
	for i := range n {
		messages = append(messages, message(fmt.Sprint("m", i+1), body(i+1)))
	}
	return messages
}
