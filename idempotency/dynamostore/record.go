package dynamostore

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

func keyOf(id string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"id": text(id)}
}

func toItem(r idempotency.Record, p payload) map[string]types.AttributeValue {
	item := map[string]types.AttributeValue{
		"id":         text(r.ID),
		"status":     text(string(r.Status)),
		"owner":      text(r.Owner),
		"validation": text(string(r.Fingerprint)),
		"expiration": number(r.Expires.Unix()),
	}
	if !r.Claimed.IsZero() {
		item["claimed"] = number(r.Claimed.UnixMilli())
	}
	if r.Status == idempotency.InProgress {
		item["in_progress_expiration"] = number(r.LeaseUntil.UnixMilli())
	}
	p.addTo(item)
	return item
}

// addTo adds the payload to the attributes of a record or a step.
func (p payload) addTo(attributes map[string]types.AttributeValue) {
	if p.inline != nil {
		attributes["data"] = &types.AttributeValueMemberB{Value: p.inline}
	}
	if len(p.parts) > 0 {
		attributes["data_parts"] = number(int64(len(p.parts)))
	}
	if p.encoding != "" {
		attributes["data_encoding"] = text(p.encoding)
	}
}

// fromItem reads a record, without the data that is beside the item or belongs to
// its steps. An item that
// lacks an attribute is an error and not a free key, because it was written for some
// purpose.
func fromItem(item map[string]types.AttributeValue) (*idempotency.Record, payload, error) {
	r := reader{item: item}
	record := &idempotency.Record{
		ID:          r.text("id"),
		Status:      idempotency.Status(r.text("status")),
		Owner:       r.text("owner"),
		Fingerprint: idempotency.Fingerprint(r.text("validation")),
		Expires:     time.Unix(r.number("expiration"), 0),
	}
	if r.has("claimed") { // earlier versions wrote none
		record.Claimed = time.UnixMilli(r.number("claimed"))
	}
	var p payload
	switch record.Status {
	case idempotency.InProgress:
		record.LeaseUntil = time.UnixMilli(r.number("in_progress_expiration"))
		record.Steps = stepNames(&r)
	case idempotency.Completed:
		p = r.payload()
	default:
		r.fail("status")
	}
	if r.err != nil {
		return nil, payload{}, r.err
	}
	return record, p, nil
}

// reader reads attributes and keeps the first error.
type reader struct {
	item map[string]types.AttributeValue
	err  error
}

func (r *reader) fail(name string) {
	if r.err == nil {
		r.err = fmt.Errorf("dynamostore: the record's attribute %q is missing or malformed", name)
	}
}

func (r *reader) has(name string) bool {
	_, found := r.item[name]
	return found
}

func (r *reader) text(name string) string {
	if s, ok := r.item[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	r.fail(name)
	return ""
}

func (r *reader) number(name string) int64 {
	if n, ok := r.item[name].(*types.AttributeValueMemberN); ok {
		if value, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			return value
		}
	}
	r.fail(name)
	return 0
}

// list returns the elements of a list.
func (r *reader) list(name string) []types.AttributeValue {
	if l, ok := r.item[name].(*types.AttributeValueMemberL); ok {
		return l.Value
	}
	r.fail(name)
	return nil
}

// member returns a reader of an element that is a map.
func (r *reader) member(element types.AttributeValue) *reader {
	if m, ok := element.(*types.AttributeValueMemberM); ok {
		return &reader{item: m.Value}
	}
	r.fail("steps")
	return &reader{}
}

// payload returns the payload that [payload.addTo] has added, with room for the
// parts beside the item.
func (r *reader) payload() (p payload) {
	if r.has("data") {
		p.inline = r.bytes("data")
	}
	if r.has("data_parts") {
		p.parts = make([][]byte, r.parts("data_parts"))
	}
	if r.has("data_encoding") {
		p.encoding = r.text("data_encoding")
	}
	return p
}

// parts returns the number of parts.
func (r *reader) parts(name string) int {
	n := r.number(name)
	if n < 1 || n > maxParts {
		r.fail(name)
		return 0
	}
	return int(n)
}

// bytes returns the data, which is not nil even if it is empty.
func (r *reader) bytes(name string) []byte {
	b, ok := r.item[name].(*types.AttributeValueMemberB)
	if !ok {
		r.fail(name)
		return nil
	}
	if b.Value == nil {
		return []byte{}
	}
	return b.Value
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
