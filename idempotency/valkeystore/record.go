package valkeystore

import (
	"fmt"
	"strconv"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/internal/compression"
)

// keepAfterWindow is how long a record stays after its window, so that the
// callers' clocks decide what has expired, and not the server's.
const keepAfterWindow = time.Hour

// longest bounds the time to live, which a server adds to its own time: 200 years.
const longest = 200 * 365 * 24 * time.Hour

// timeToLive returns how long the server keeps a record that is written now, in
// milliseconds. It is a duration and not a point in time, because the server's
// clock is none of those that have to agree.
func timeToLive(r idempotency.Record) string {
	return milliseconds(min(max(time.Until(r.Expires), 0), longest) + keepAfterWindow)
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func lease(r idempotency.Record) string { return strconv.FormatInt(r.LeaseUntil.UnixMilli(), 10) }

// withFields appends the names and values of those fields that not every record has.
func (s *Store) withFields(fields []string, r idempotency.Record) ([]string, error) {
	if !r.Claimed.IsZero() {
		fields = append(fields, "claimed", strconv.FormatInt(r.Claimed.UnixMilli(), 10))
	}
	return s.withData(fields, "data", r.Data)
}

// withData appends the data, unless it is nil, in a field of that name, and its
// encoding, if it has one.
func (s *Store) withData(fields []string, name string, data []byte) ([]string, error) {
	if data == nil {
		return fields, nil
	}
	data, encoding, err := s.codec.Compress(data)
	if err != nil {
		return nil, err
	}
	fields = append(fields, name, string(data))
	if encoding != "" {
		fields = append(fields, name+"_encoding", encoding)
	}
	return fields, nil
}

// toStep returns the names and values of a step's fields.
func (s *Store) toStep(n int, step idempotency.RecordedStep) ([]string, error) {
	prefix := "step" + strconv.Itoa(n)
	return s.withData([]string{prefix + "_name", step.Name}, prefix+"_data", step.Data)
}

// toSteps reads the steps in a script's reply.
func (s *Store) toSteps(reply any) ([]idempotency.RecordedStep, error) {
	elements, ok := reply.([]any)
	if !ok {
		return nil, fmt.Errorf("valkeystore: steps of the type %T, want an array", reply)
	}
	steps := make([]idempotency.RecordedStep, len(elements))
	for i, element := range elements {
		values, ok := element.([]any)
		if !ok || len(values) != 3 {
			return nil, fmt.Errorf("valkeystore: a step of the type %T, want an array of 3", element)
		}
		f := fields{values: values, codec: &s.codec}
		steps[i] = idempotency.RecordedStep{Name: f.text(0, "name"), Data: f.data(1, 2)}
		if f.err != nil {
			return nil, f.err
		}
	}
	return steps, nil
}

// toRecord reads a script's reply: no record if it has no elements or steps alone, or
// the fields that the script's look has read. A record that lacks a field is an error and
// not a free key, because it was written for some purpose.
func (s *Store) toRecord(id string, reply any) (*idempotency.Record, error) {
	values, ok := reply.([]any)
	if !ok || len(values) > 1 && len(values) != 9 {
		return nil, fmt.Errorf("valkeystore: a reply of the type %T, want an array of 9", reply)
	}
	if len(values) <= 1 {
		return nil, nil
	}
	f := fields{values: values, codec: &s.codec}
	r := &idempotency.Record{
		ID:          id,
		Status:      idempotency.Status(f.text(0, "status")),
		Owner:       f.text(1, "owner"),
		Fingerprint: idempotency.Fingerprint(f.text(2, "validation")),
		Expires:     time.Unix(f.number(3, "expiration"), 0),
	}
	if values[7] != nil { // earlier versions wrote none
		r.Claimed = time.UnixMilli(f.number(7, "claimed"))
	}
	switch r.Status {
	case idempotency.InProgress:
		r.LeaseUntil = time.UnixMilli(f.number(4, "in_progress_expiration"))
	case idempotency.Completed:
		r.Data = f.data(5, 6)
	default:
		f.fail("status")
	}
	if f.err != nil {
		return nil, f.err
	}
	if values[8] != nil {
		var err error
		if r.Steps, err = s.toSteps(values[8]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// fields reads values and keeps the first error.
type fields struct {
	values []any
	codec  *compression.Codec
	err    error
}

func (f *fields) fail(name string) {
	if f.err == nil {
		f.err = fmt.Errorf("valkeystore: the record's field %q is missing or malformed", name)
	}
}

func (f *fields) text(i int, name string) string {
	s, ok := f.values[i].(string)
	if !ok {
		f.fail(name)
	}
	return s
}

func (f *fields) number(i int, name string) int64 {
	n, err := strconv.ParseInt(f.text(i, name), 10, 64)
	if err != nil {
		f.fail(name)
	}
	return n
}

// data returns the data, or nil if there is none. Empty data is not nil.
func (f *fields) data(i, encodingAt int) []byte {
	if f.values[i] == nil {
		return nil
	}
	encoding := ""
	if f.values[encodingAt] != nil {
		encoding = f.text(encodingAt, "data_encoding")
	}
	data, err := f.codec.Decompress([]byte(f.text(i, "data")), encoding)
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("valkeystore: the record's data: %w", err)
	}
	return data
}
