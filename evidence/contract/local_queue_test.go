package contract_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// queue delivers messages to the payments function as SQS does: in batches, and
// again those that were not acknowledged.
type queue struct {
	*visitor
}

// message is one message of a batch, as Lambda is given it.
type message struct {
	ID         string            `json:"messageId"`
	Body       string            `json:"body"`
	Source     string            `json:"eventSource"`
	ARN        string            `json:"eventSourceARN"`
	Attributes map[string]string `json:"attributes"`
}

// command is a message that asks for a payment in the visitor's session.
func (q queue) command(id, key string, amount int) message {
	return q.message(id, fmt.Sprintf(`{"session":%q,"idempotencyKey":%q,"payment":{"amount":%d,"currency":"EUR","description":"by message"}}`, q.session, key, amount))
}

func (q queue) message(id, body string) message {
	return message{
		ID: id, Body: body, Source: "aws:sqs", ARN: "arn:aws:sqs:us-east-1:000000000000:payments",
		Attributes: map[string]string{"ApproximateReceiveCount": "1"},
	}
}

// deliver invokes the function with a batch and returns the messages that were
// not acknowledged: all of them where the function has failed.
func (q queue) deliver(ctx context.Context, batch []message) (failed []message, err error) {
	event, err := json.Marshal(map[string]any{"Records": batch})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, q.url+"/2015-03-31/functions/payments/invocations", strings.NewReader(string(event)))
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request) // Lambda's API is no part of the document
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	var report struct {
		BatchItemFailures *[]struct{ ItemIdentifier string }
	}
	if answer.Header.Get("X-Amz-Function-Error") != "" {
		failed = slices.Clone(batch)
	} else if err := json.Unmarshal(text, &report); err != nil || answer.StatusCode != http.StatusOK || report.BatchItemFailures == nil {
		return nil, fmt.Errorf("got %s %s, want a report of failures", answer.Status, text)
	} else {
		for _, f := range *report.BatchItemFailures {
			i := slices.IndexFunc(batch, func(m message) bool { return m.ID == f.ItemIdentifier })
			if i < 0 {
				return nil, fmt.Errorf("%q is reported, which was not delivered", f.ItemIdentifier)
			}
			failed = append(failed, batch[i])
		}
	}
	for i, m := range failed {
		count, err := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
		if err != nil {
			return nil, err
		}
		failed[i].Attributes = map[string]string{"ApproximateReceiveCount": strconv.Itoa(count + 1)}
	}
	return failed, nil
}

// deliverAll delivers a batch and its rest, until all of it is acknowledged.
func (q queue) deliverAll(batch []message) (deliveries int) {
	q.t.Helper()
	q.eventually("all messages are acknowledged", func() (bool, time.Duration) {
		deliveries++
		failed, err := q.deliver(q.t.Context(), batch)
		if err != nil {
			q.t.Error(err)
			return true, 0
		}
		batch = failed
		return len(batch) == 0, 100 * time.Millisecond
	})
	return deliveries
}

func (q queue) expectFailed(batch []message, want ...string) {
	q.t.Helper()
	failed, err := q.deliver(q.t.Context(), batch)
	if err != nil {
		q.t.Fatal(err)
	}
	var got []string
	for _, m := range failed {
		got = append(got, m.ID)
	}
	if !slices.Equal(got, want) {
		q.t.Errorf("not acknowledged: %q, want %q", got, want)
	}
}

// TestQueuedPayments sends duplicates within one batch and across batches, and
// among them messages that can never be carried out.
func TestQueuedPayments(t *testing.T) {
	t.Parallel()
	_, v := newStack(t)
	q := queue{v}
	first := []message{
		q.command("m1", "k1", 100),
		q.command("m2", "k1", 100), // sent twice
		q.command("m3", "k1", 999), // something else under the same key
		q.command("m4", "k2", 200),
		q.message("m5", "hello"),
		q.command("m6", "", 300),
		q.command("m7", "k3", -1),
		q.command("m8", "k4", 400),
	}
	q.expectFailed(first, "m3", "m5", "m6", "m7")
	q.expectFailed(first, "m3", "m5", "m6", "m7") // delivered twice
	q.expectFailed([]message{q.command("m9", "k4", 400), q.command("m10", "k3", 300)})
	a := v.expectActivity(4, 4)
	for _, e := range a.Executions {
		if e.Operation != "payments.create" {
			t.Errorf("executed %+v", e)
		}
	}
	outcomes := map[string]int{}
	for _, c := range v.calls() {
		outcomes[c.Outcome]++
	}
	if want := map[string]int{"executed": 4, "replayed": 6, "payload_mismatch": 2}; !maps.Equal(outcomes, want) {
		t.Errorf("the session's calls ended %v, want %v", outcomes, want)
	}
	// The key is the same one that a request could use.
	v.expectProblem(v.post("/api/payments", "k1", coffee), http.StatusUnprocessableEntity, "payload-mismatch")

	// Somebody else's key of the same name is another one.
	other := queue{newVisitorOf(t, v.url)}
	other.expectFailed([]message{other.command("m11", "k1", 100)})
	other.expectActivity(1, 1)
}

// TestSampleEvents delivers the events that docs/events has for people to send.
func TestSampleEvents(t *testing.T) {
	t.Parallel()
	_, v := newStack(t)
	v.session = "5b1f8f0c-7f0a-4c7e-9d5e-0c6e6a1d2f3b"
	q := queue{v}
	for _, sample := range []struct {
		file   string
		failed []string // by the end of their ids
	}{
		{"payments-batch", nil},
		{"payments-poison", []string{"2", "3", "4"}},
		{"payments-fifo", []string{"2", "4"}},
		{"payments-batch", nil},
	} {
		text, err := os.ReadFile("../../docs/events/" + sample.file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var event struct{ Records []message }
		if err := json.Unmarshal(text, &event); err != nil {
			t.Fatal(err)
		}
		failed, err := q.deliver(t.Context(), event.Records)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range failed {
			got = append(got, m.ID[len(m.ID)-1:])
		}
		if !slices.Equal(got, sample.failed) {
			t.Errorf("%s: not acknowledged: %q, want %q", sample.file, got, sample.failed)
		}
	}
	v.expectActivity(6, 6)
}

// TestQueuedPaymentsOnSeveralProcesses delivers the same messages, in different
// batches, to several processes at once.
func TestQueuedPaymentsOnSeveralProcesses(t *testing.T) {
	t.Parallel()
	stack, v := newStack(t)
	q := queue{v}
	const consumers, payments = 6, 12
	deliveries := q.compete(consumers, payments, "k")
	if n := len(stack.Processes("payments")); n < 2 {
		t.Errorf("%d processes: nothing was concurrent", n)
	}
	t.Logf("%d deliveries to %d processes", deliveries, len(stack.Processes("payments")))
	v.expectActivity(payments, payments)
}

// compete has consumers be sent all payments at once, each in an order of its
// own and some twice, until all are acknowledged. The payments' keys begin with
// the given text.
func (q queue) compete(consumers, payments int, keys string) (deliveries int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for c := range consumers {
		var batch []message
		for p := range payments {
			batch = append(batch, q.command(fmt.Sprintf("m%d-%d", c, p), fmt.Sprint(keys, p), 100+p))
		}
		batch = append(batch, q.command(fmt.Sprintf("again%d", c), keys+"0", 100))
		rand.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
		wg.Go(func() {
			n := q.deliverAll(batch)
			mu.Lock()
			defer mu.Unlock()
			deliveries += n
		})
	}
	wg.Wait()
	return deliveries
}

// TestKilledConsumers kills processes in the middle of batches. What they were at
// is reconciled when its lease is over, and charged once.
func TestKilledConsumers(t *testing.T) {
	t.Parallel()
	stack, v := newStack(t)
	q := queue{v}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	killed := make(chan int, 1)
	go func() { killed <- killAtRandom(ctx, t, stack, "payments", 1) }()
	const consumers, payments, maxRounds = 3, 20, maxKeys / 20
	rounds, deliveries := 0, 0
	for ; rounds == 0 || ctx.Err() == nil && rounds < maxRounds; rounds++ {
		deliveries += q.compete(consumers, payments, fmt.Sprintf("k%d-", rounds))
	}
	n := <-killed
	if deliveries == rounds*consumers {
		t.Error("nothing was disturbed")
	}
	t.Logf("%d processes killed, %d batches in %d deliveries", n, rounds*consumers, deliveries)
	if a := v.activity(); a.EffectCount != rounds*payments {
		t.Errorf("%d charges, want %d", a.EffectCount, rounds*payments)
	}
}
