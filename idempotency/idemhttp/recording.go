package idemhttp

import (
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
)

// EncodeResponse returns a response as a middleware records it, a Binary HTTP message
// (RFC 9292). It is for operators, who settle an interrupted request by
// [idempotency.Guard.Settle]. It refuses a status that is not recorded, and header
// fields that must not be replayed; see Config.RecordedHeaders.
func EncodeResponse(r Response) ([]byte, error) {
	if r.Status < 200 || r.Status > 599 || r.Status == http.StatusNotModified {
		return nil, fmt.Errorf("idemhttp: a response with status %d is never recorded", r.Status)
	}
	if !bodyAllowed(r.Status) && len(r.Body) > 0 {
		return nil, fmt.Errorf("idemhttp: a response with status %d has no body", r.Status)
	}
	header := make(http.Header, len(r.Header))
	var names []string
	for name, values := range r.Header {
		canonical := http.CanonicalHeaderKey(name)
		if !isToken(name) || slices.Contains(neverRecorded, canonical) {
			return nil, fmt.Errorf("idemhttp: the header field %q must not be replayed", name)
		}
		for _, value := range values {
			if textproto.TrimString(value) != value || slices.ContainsFunc([]byte(value), notInValue) {
				return nil, fmt.Errorf("idemhttp: the value of the header field %q is malformed", name)
			}
		}
		header[canonical] = append(header[canonical], values...)
		names = append(names, canonical)
	}
	slices.Sort(names)
	return encodeResponse(Response{r.Status, header, r.Body}, nil, slices.Compact(names), nil), nil
}

// notInValue reports whether b is in no field value (RFC 9110 section 5.5).
func notInValue(b byte) bool { return b < ' ' && b != '\t' || b == 0x7f }

// DecodeResponse returns a response that a middleware has recorded, and its trailer,
// nil if there is none. It returns an error if data is no Binary HTTP response, which a
// sealed one is not.
func DecodeResponse(data []byte) (r Response, trailer http.Header, err error) {
	recorded, err := decodeResponse(data)
	if err != nil {
		return Response{}, nil, err
	}
	r = Response{Status: recorded.status, Header: make(http.Header), Body: slices.Clone(recorded.body)}
	recorded.fields.setIn(r.Header)
	if recorded.trailer != "" {
		trailer = make(http.Header)
		recorded.trailer.setIn(trailer)
	}
	return r, trailer, nil
}
