package sqs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/sqs"
)

func send(t *testing.T, q *sqs.Queue, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if _, err := q.Send(body); err != nil {
			t.Fatal(err)
		}
	}
}

func bodies(messages []sqs.Message) string {
	var all []string
	for _, m := range messages {
		all = append(all, m.Body)
	}
	return strings.Join(all, " ")
}

func TestMessagesAreHiddenAndComeAgain(t *testing.T) {
	t.Parallel()
	now := time.Now()
	dead := sqs.New(sqs.Config{Name: "dead", Clock: func() time.Time { return now }})
	q := sqs.New(sqs.Config{
		Name: "q", Visibility: time.Minute, Retention: time.Hour, MaxReceives: 2, DeadLetters: dead,
		Clock: func() time.Time { return now },
	})
	send(t, q, "a", "b", "c")
	first := q.Receive(2)
	if got := bodies(first); got != "a b" || first[0].ReceiveCount != 1 {
		t.Fatalf("got %q", got)
	}
	if got := bodies(q.Receive(10)); got != "c" {
		t.Errorf("got %q, want what is not hidden", got)
	}
	if visible, hidden := q.Count(); visible != 0 || hidden != 3 {
		t.Errorf("%d can be received and %d are hidden", visible, hidden)
	}
	if err := q.Delete(first[0].Receipt); err != nil {
		t.Error(err)
	}
	now = now.Add(time.Minute)
	again := q.Receive(10)
	if got := bodies(again); got != "b c" || again[0].ReceiveCount != 2 || !again[0].FirstReceived.Equal(first[1].FirstReceived) {
		t.Errorf("got %q, %+v", got, again)
	}
	if err := q.Delete(first[1].Receipt); err == nil {
		t.Error("a message was deleted by the receipt of an earlier delivery")
	}
	q.Release()
	if got := bodies(q.Receive(10)); got != "" {
		t.Errorf("got %q after two deliveries", got)
	}
	if got := bodies(dead.Receive(10)); got != "b c" {
		t.Errorf("the dead letters are %q", got)
	}
	send(t, q, "old")
	now = now.Add(time.Hour)
	if got := bodies(q.Receive(10)); got != "" {
		t.Errorf("got %q after its retention", got)
	}
	for _, body := range []string{"", strings.Repeat("x", sqs.MaxBody+1)} {
		if _, err := q.Send(body); !errors.Is(err, sqs.ErrBody) {
			t.Errorf("a message of %d bytes: %v", len(body), err)
		}
	}
}

// TestConsumer has a function handle a queue: what it reports as failed comes
// again alone, and what it cannot report comes again as a whole.
func TestConsumer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dead := sqs.New(sqs.Config{Name: "dead"})
		q := sqs.New(sqs.Config{Name: "q", ARN: "arn:q", Visibility: time.Minute, MaxReceives: 3, DeadLetters: dead})
		var mu sync.Mutex
		var deliveries []string
		consumer := sqs.Consumer{
			Queue: q, BatchSize: 10, Concurrency: 1, ReportsFailures: true, Region: "here", Log: slog.New(slog.DiscardHandler),
			Invoke: func(_ context.Context, event []byte) ([]byte, error) {
				var e struct {
					Records []struct{ MessageID, Body, EventSource, EventSourceARN, AWSRegion string }
				}
				if err := json.Unmarshal(event, &e); err != nil {
					return nil, err
				}
				var seen []string
				failed := []map[string]string{}
				for _, r := range e.Records {
					if r.EventSource != "aws:sqs" || r.EventSourceARN != "arn:q" || r.AWSRegion != "here" {
						t.Errorf("the record is %+v", r)
					}
					seen = append(seen, r.Body)
					if r.Body == "poison" {
						failed = append(failed, map[string]string{"itemIdentifier": r.MessageID})
					}
				}
				q.Release()
				if visible, hidden := q.Count(); visible != 0 || hidden != len(seen) {
					t.Errorf("while they are handled, %d messages can be received and %d are hidden", visible, hidden)
				}
				mu.Lock()
				defer mu.Unlock()
				deliveries = append(deliveries, strings.Join(seen, " "))
				if len(deliveries) == 1 {
					return nil, errors.New("the function dies")
				}
				return json.Marshal(map[string]any{"batchItemFailures": failed})
			},
		}
		send(t, q, "a", "poison")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			consumer.Run(ctx)
		}()
		time.Sleep(10 * time.Minute)
		stop()
		<-done
		want := []string{"a poison", "a poison", "poison"}
		if fmt.Sprint(deliveries) != fmt.Sprint(want) {
			t.Errorf("delivered %q, want %q", deliveries, want)
		}
		if visible, hidden := q.Count(); visible+hidden != 0 {
			t.Errorf("%d messages are left", visible+hidden)
		}
		if got := bodies(dead.Receive(10)); got != "poison" {
			t.Errorf("the dead letters are %q", got)
		}
	})
}

func TestReportThatCannotBeUnderstoodFailsTheBatch(t *testing.T) {
	t.Parallel()
	for _, report := range []string{"no JSON", `{"batchItemFailures":[{"itemIdentifier":"stranger"}]}`, `{"batchItemFailures":[{"itemIdentifier":""}]}`} {
		synctest.Test(t, func(t *testing.T) {
			q := sqs.New(sqs.Config{Name: "q", Visibility: time.Hour})
			send(t, q, "a")
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				sqs.Consumer{
					Queue: q, BatchSize: 1, Concurrency: 1, ReportsFailures: true, Log: slog.New(slog.DiscardHandler),
					Invoke: func(context.Context, []byte) ([]byte, error) { return []byte(report), nil },
				}.Run(ctx)
			}()
			synctest.Wait()
			stop()
			<-done
			if _, hidden := q.Count(); hidden != 1 {
				t.Errorf("%s: the message is gone", report)
			}
		})
	}
}
