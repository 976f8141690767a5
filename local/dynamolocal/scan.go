package dynamolocal

import (
	"iter"
	"math/bits"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/expression"
)

// maxSegments is the number of segments of the most parallel scan.
const maxSegments = 1_000_000

type scanInput struct {
	readParameters
	Segment       *int
	TotalSegments *int
	ScanFilter    any
}

func (e *Engine) scan(in scanInput, consumed *usage) (any, error) {
	r, err := e.prepareScan(in)
	if err != nil {
		return nil, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if err := r.locate(e); err != nil {
		return nil, err
	}
	if r.start != nil && !r.startKeyIsWhole() {
		return nil, validationf("The provided starting key is invalid: %s", errSchemaMismatch)
	}
	segment := segmentOf(in.Segment, in.TotalSegments)
	if r.start != nil && !segment.has(tokenOf(encode(r.start[r.schema().hash.name]))) {
		return nil, validationf("The provided starting key is invalid: Invalid ExclusiveStartKey. "+
			"Please use ExclusiveStartKey with correct Segment. "+
			"TotalSegments: %d Segment: %d", segment.total, segment.number)
	}
	return r.page(r.scanned(segment), consumed), nil
}

func (e *Engine) prepareScan(in scanInput) (*read, error) {
	var v violations
	in.check(&v)
	v.atLeast("segment", in.Segment, 0)
	v.atMost("segment", in.Segment, maxSegments-1)
	v.atLeast("totalSegments", in.TotalSegments, 1)
	v.atMost("totalSegments", in.TotalSegments, maxSegments)
	if err := v.err(); err != nil {
		return nil, err
	}
	if err := in.checkSegments(); err != nil {
		return nil, err
	}
	if err := refuseLegacy([]legacy{
		{"AttributesToGet", in.AttributesToGet}, {"ScanFilter", in.ScanFilter},
		{"ConditionalOperator", in.ConditionalOperator},
	}, map[expression.Field]*string{
		expression.ProjectionExpression: in.ProjectionExpression,
		expression.FilterExpression:     in.FilterExpression,
	}); err != nil {
		return nil, err
	}
	if err := in.checkSelect("Scanning"); err != nil {
		return nil, err
	}
	placeholders, err := in.placeholders(in.FilterExpression, in.ProjectionExpression)
	if err != nil {
		return nil, err
	}
	r, err := e.prepareRead(in.readParameters, placeholders)
	if err != nil {
		return nil, err
	}
	return r, placeholders.Unused()
}

func (in scanInput) checkSegments() error {
	switch {
	case in.Segment != nil && in.TotalSegments == nil:
		return validationf("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case in.Segment == nil && in.TotalSegments != nil:
		return validationf("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case in.Segment != nil && *in.Segment >= *in.TotalSegments:
		return validationf("The Segment parameter is zero-based and must be less than parameter TotalSegments: "+
			"Segment: %d is not less than TotalSegments: %d", *in.Segment, *in.TotalSegments)
	}
	return nil
}

// segment is a part of a parallel scan: one of total equal ranges of tokens.
type segment struct{ number, total uint64 }

func segmentOf(number, total *int) segment {
	if number == nil {
		return segment{total: 1}
	}
	return segment{number: uint64(*number), total: uint64(*total)}
}

func (s segment) has(token uint64) bool {
	at, _ := bits.Mul64(token, s.total)
	return at == s.number
}

// first returns the bound before the segment's first token.
func (s segment) first() place {
	token, rest := bits.Div64(s.number, 0, s.total)
	if rest > 0 {
		token++
	}
	return place{token: token, edge: -1}
}

// scanned returns the records of a segment in the order of scans, from the
// starting key.
func (r *read) scanned(s segment) iter.Seq[*record] {
	from := s.first()
	if r.start != nil {
		from = r.startBound(+1)
	}
	return func(yield func(*record) bool) {
		for p := range r.order().all(from) {
			if !s.has(p.token) || !yield(p.record) {
				return
			}
		}
	}
}
