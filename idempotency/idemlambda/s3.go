package idemlambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// S3 returns a Lambda function that calls handle once for each record of the
// notifications of a bucket that invokes it directly. If one fails, the whole
// notification is delivered again. The error names the field of cfg that is
// wrong.
func S3(cfg Config[events.S3EventRecord], handle func(context.Context, events.S3EventRecord) error) (func(context.Context, events.S3Event) error, error) {
	c, err := newConsumer(cfg, s3Source, handle)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, event events.S3Event) error { return c.one(ctx, event.Records...) }, nil
}

// S3InSQS is [SQS] for a queue that receives the notifications of a bucket. It
// calls handle once for each record. A message fails if one of its records does;
// the others are not handled again. The test message that S3 sends when a
// notification is configured is acknowledged. If the notifications reach the
// queue through a topic, set Unwrap to [UnwrapSNS].
func S3InSQS(cfg Config[events.S3EventRecord], handle func(context.Context, events.S3EventRecord) error) (func(context.Context, events.SQSEvent) (events.SQSEventResponse, error), error) {
	unwrap := cfg.Unwrap
	cfg.Unwrap = nil
	c, err := newConsumer(cfg, s3Source, handle)
	if err != nil {
		return nil, err
	}
	read := func(id string, m events.SQSMessage) entry {
		var records []entry
		err := contain(func() error {
			body := []byte(m.Body)
			if unwrap != nil {
				var err error
				if body, err = unwrap(body); err != nil {
					return malformed("envelope", err)
				}
			}
			found, err := s3Records(body)
			for _, record := range found {
				records = append(records, c.entry(id, record))
			}
			return err
		})
		e := entry{id: id, refused: firstRefused(err, records)}
		if len(records) == 1 { // nearly all have one
			e.lane = records[0].lane
		}
		e.handle = func(ctx context.Context) error {
			errs := []error{err}
			for _, record := range records {
				if ctx.Err() != nil {
					return idempotency.ErrNoTime
				}
				errs = append(errs, record.handle(ctx))
			}
			return errors.Join(errs...)
		}
		return e
	}
	return sqsFunction(read, c.runAll, c.verdict), nil
}

// firstRefused returns the error of a message that cannot be read, or of the first
// of its records that cannot.
func firstRefused(err error, records []entry) error {
	for _, record := range records {
		if err == nil {
			err = record.refused
		}
	}
	return err
}

// s3Records returns the records of a notification, of which a test has none.
func s3Records(body []byte) ([]events.S3EventRecord, error) {
	var notification struct {
		Event   string
		Records []events.S3EventRecord
	}
	if err := json.Unmarshal(body, &notification); err != nil {
		return nil, fmt.Errorf("%w: not a notification of S3: %w", ErrMalformed, err)
	}
	if len(notification.Records) == 0 && notification.Event != "s3:TestEvent" {
		return nil, fmt.Errorf("%w: not a notification of S3: it has no records", ErrMalformed)
	}
	return notification.Records, nil
}

// The ids of the request that changed the object, and the time and the
// configuration of the notification, are no part of the change.
var s3Source = source[events.S3EventRecord]{
	name: "S3",
	payload: func(r events.S3EventRecord) ([]byte, error) {
		o := r.S3.Object
		return json.Marshal([]any{r.EventName, r.S3.Bucket.Name, o.Key, o.VersionID, o.ETag, o.Size, o.Sequencer})
	},
}
