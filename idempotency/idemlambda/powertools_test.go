package idemlambda_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
)

// The cases that Powertools' batch utility is tested with, as far as they are
// about what is reported. Where we differ it is said why.
func TestPowertoolsCases(t *testing.T) {
	t.Parallel()
	const (
		standard = "arn:aws:sqs:eu-central-1:000000000000:q"
		fifo     = standard + ".fifo"
	)
	for _, test := range []struct {
		name   string
		arn    string
		bodies string // one message for each word: ok, fail or, of no such shape, bad; a group may follow a colon
		failed []string
	}{
		{"success only", standard, "ok ok", nil},
		{"with failure", standard, "fail ok fail", []string{"1", "3"}},
		{"a record that cannot be parsed", standard, "ok bad ok", []string{"2"}},
		// Powertools fails the function then, unless told otherwise; to Lambda that is
		// the same, and here every message is logged.
		{"entire batch fails", standard, "fail fail", []string{"1", "2"}},
		{"FIFO, success only", fifo, "ok:1 ok:1", nil},
		{"FIFO, with failure", fifo, "ok:1 fail:1 ok:1", []string{"2", "3"}},
		// What is an option there is the rule here: a group does not hold up another.
		{"FIFO, skip group on error", fifo, "ok:1 ok:1 fail:2 ok:2 fail:3", []string{"3", "4", "5"}},
		{"FIFO, the first fails", fifo, "fail:1 ok:1 fail:2 ok:2 ok:3", []string{"1", "2", "3", "4"}},
		{"FIFO, a record that cannot be parsed", fifo, "ok:1 bad:1 ok:1 ok:2", []string{"2", "3"}},
	} {
		for _, concurrency := range []int{1, 10} {
			w := newWorld(t)
			w.fail = failing
			type content struct{ Text string }
			cfg := ordersOf(w,
				idemlambda.OfEvent[content](idemlambda.QueueScope),
				idemlambda.OfEvent[content](idemlambda.MessageID))
			cfg.Concurrency = concurrency
			consume, err := idemlambda.SQSJSON(cfg, func(_ context.Context, m idemlambda.Message[events.SQSMessage, content]) error {
				return w.handle(m.Content.Text)
			})
			if err != nil {
				t.Fatal(err)
			}
			var messages []events.SQSMessage
			for i, word := range strings.Fields(test.bodies) {
				text, group, _ := strings.Cut(word, ":")
				m := message(string(rune('1'+i)), `{"Text":"`+text+`"}`)
				if text == "bad" {
					m.Body = `{"Text":7}`
				}
				m.EventSourceARN, m.Attributes["MessageGroupId"] = test.arn, group
				messages = append(messages, m)
			}
			if got := deliver(t, consume, messages...); !slices.Equal(got, test.failed) {
				t.Errorf("%s, %d at a time: reported %q, want %q", test.name, concurrency, got, test.failed)
			}
		}
	}
}

func failing(text string) error {
	if text == "fail" {
		return errInjected
	}
	return nil
}

// On a stream Powertools handles all records and reports each that failed; Lambda
// begins again at the first of them, so what came after it was in vain. Here
// nothing after it is handled.
func TestPowertoolsStreamCases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail = failing
	consume, err := idemlambda.Kinesis(ordersOf(w, idemlambda.StreamScope, idemlambda.RecordID),
		func(_ context.Context, r events.KinesisEventRecord) error { return w.handle(string(r.Kinesis.Data)) })
	if err != nil {
		t.Fatal(err)
	}
	for bodies, want := range map[string]string{"ok ok": "", "fail ok fail": "1", "ok fail ok": "2"} {
		event := events.KinesisEvent{}
		for i, text := range strings.Fields(bodies) {
			n := string(rune('1' + i))
			event.Records = append(event.Records, events.KinesisEventRecord{
				EventID: bodies + n, EventSourceArn: "arn", Kinesis: events.KinesisRecord{SequenceNumber: n, Data: []byte(text)},
			})
		}
		response, err := consume(t.Context(), event)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range response.BatchItemFailures {
			got += f.ItemIdentifier
		}
		if got != want {
			t.Errorf("%s: reported %q, want %q", bodies, got, want)
		}
	}
}

// What is no batch is an error, not an empty report: that would acknowledge it.
func TestEventsThatAreNoBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sqs := w.consumer()
	kinesis, err := idemlambda.Kinesis(ordersOf(w, idemlambda.StreamScope, idemlambda.RecordID), func(context.Context, events.KinesisEventRecord) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	dynamoDB, err := idemlambda.DynamoDB(ordersOf(w, idemlambda.TableScope, idemlambda.ChangeID), func(context.Context, events.DynamoDBEventRecord) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`{}`, `{"detail":{}}`, `{"Records":null}`} {
		var s events.SQSEvent
		var k events.KinesisEvent
		var d events.DynamoDBEvent
		for _, into := range []any{&s, &k, &d} {
			if err := json.Unmarshal([]byte(text), into); err != nil {
				t.Fatal(err)
			}
		}
		_, sErr := sqs(t.Context(), s)
		_, kErr := kinesis(t.Context(), k)
		_, dErr := dynamoDB(t.Context(), d)
		if sErr == nil || kErr == nil || dErr == nil {
			t.Errorf("%s: got %v, %v, %v", text, sErr, kErr, dErr)
		}
	}
}
