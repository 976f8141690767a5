package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Consumer is a queue's event source mapping: it polls the queue and invokes a
// function with what it gets, as Lambda does.
type Consumer struct {
	Queue *Queue
	// Invoke runs the function on an event.
	Invoke func(ctx context.Context, event []byte) ([]byte, error)
	// BatchSize is how many messages an event has at most.
	BatchSize int
	// Concurrency is how many invocations there are at once.
	Concurrency int
	// ReportsFailures reports that the function names the messages that it could
	// not handle. Without, a batch is handled or not as a whole.
	ReportsFailures bool
	// Region is what events name.
	Region string
	// Log receives what went wrong.
	Log *slog.Logger
}

// Run polls until ctx ends, and returns when no invocation is left.
func (c Consumer) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for range c.Concurrency {
		wg.Go(func() { c.poll(ctx) })
	}
}

func (c Consumer) poll(ctx context.Context) {
	for ctx.Err() == nil {
		changed, next := c.Queue.Changed() // before looking, so that nothing is missed
		if batch := c.Queue.takeInHand(c.BatchSize); len(batch) > 0 {
			c.handle(ctx, batch)
			continue
		}
		if next == 0 {
			next = time.Hour
		}
		timer := time.NewTimer(next)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// handle invokes the function with a batch, and deletes what it has handled.
// The rest comes again when it is not hidden any more.
func (c Consumer) handle(ctx context.Context, batch []Message) {
	defer c.Queue.putDown()
	event, err := json.Marshal(map[string]any{"Records": c.records(batch)})
	if err == nil {
		var answer []byte
		if answer, err = c.Invoke(ctx, event); err == nil {
			var failed []string
			if failed, err = c.failures(answer, batch); err == nil {
				for _, m := range batch {
					if !slices.Contains(failed, m.ID) {
						// One that was received again meanwhile stays.
						_ = c.Queue.Delete(m.Receipt)
					}
				}
				return
			}
		}
	}
	if ctx.Err() == nil {
		c.Log.Warn("a batch was not handled and comes again", "queue", c.Queue.Name(), "messages", len(batch), "error", err)
	}
}

// failures returns the messages that the function reports. A report that cannot
// be read, or names a message that was not in the batch, is a failure of all:
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func (c Consumer) failures(answer []byte, batch []Message) ([]string, error) {
	if !c.ReportsFailures {
		return nil, nil
	}
	var report struct {
		BatchItemFailures []struct{ ItemIdentifier string }
	}
	if err := json.Unmarshal(answer, &report); err != nil {
		return nil, fmt.Errorf("the function's report of failures: %w", err)
	}
	var failed []string
	for _, f := range report.BatchItemFailures {
		if !slices.ContainsFunc(batch, func(m Message) bool { return m.ID == f.ItemIdentifier }) {
			return nil, errors.New("the function reports a message that it was not given")
		}
		failed = append(failed, f.ItemIdentifier)
	}
	return failed, nil
}

// record is a message as a function is given it.
type record struct {
	MessageID         string            `json:"messageId"`
	ReceiptHandle     string            `json:"receiptHandle"`
	Body              string            `json:"body"`
	Attributes        map[string]string `json:"attributes"`
	MessageAttributes struct{}          `json:"messageAttributes"`
	MD5OfBody         string            `json:"md5OfBody"`
	EventSource       string            `json:"eventSource"`
	EventSourceARN    string            `json:"eventSourceARN"`
	AWSRegion         string            `json:"awsRegion"`
}

func (c Consumer) records(batch []Message) []record {
	records := make([]record, 0, len(batch))
	for _, m := range batch {
		records = append(records, record{
			MessageID: m.ID, ReceiptHandle: m.Receipt, Body: m.Body, MD5OfBody: m.MD5,
			EventSource: "aws:sqs", EventSourceARN: c.Queue.ARN(), AWSRegion: c.Region,
			Attributes: map[string]string{
				"ApproximateReceiveCount":          strconv.Itoa(m.ReceiveCount),
				"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.FirstReceived.UnixMilli(), 10),
				"SentTimestamp":                    strconv.FormatInt(m.Sent.UnixMilli(), 10),
				"SenderId":                         "local",
			},
		})
	}
	return records
}
