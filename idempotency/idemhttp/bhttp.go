package idemhttp

import (
	"encoding/binary"
	"errors"
	"math"
	"net/http"
	"strings"
)

// A response is recorded as a known-length response of Binary HTTP, RFC 9292
// section 3.2: framing indicator, status, field section, content and an empty
// trailer section. Integers are those of QUIC, RFC 9000 section 16.

const knownLengthResponse = 1 // framing indicator

var errNotBinaryHTTP = errors.New("idemhttp: the record does not hold a Binary HTTP response")

// encodeResponse records the fields of the given names, which are canonical, in
// their order.
func encodeResponse(status int, header http.Header, names []string, body []byte) []byte {
	var fields []byte
	for _, name := range names {
		for _, value := range header[name] {
			fields = appendString(fields, strings.ToLower(name))
			fields = appendString(fields, value)
		}
	}
	message := make([]byte, 0, 2+2+8+len(fields)+8+len(body)+1)
	message = appendVarint(message, knownLengthResponse)
	message = appendVarint(message, uint64(status))
	message = appendString(message, fields)
	message = appendString(message, body)
	return appendVarint(message, 0)
}

// recordedResponse is a response in parts of the message that holds it.
type recordedResponse struct {
	status int
	fields string // of which the header's values are parts
	body   []byte
}

// decodeResponse reverses encodeResponse. Trailers and padding, which are never
// recorded, are not looked at.
func decodeResponse(message []byte) (recordedResponse, error) {
	r := varintReader[[]byte]{rest: message}
	framing, code, fields, body := r.varint(), r.varint(), string(r.next()), r.next()
	names := varintReader[string]{rest: fields}
	for len(names.rest) > 0 && !names.bad {
		name := names.next()
		names.next()
		names.bad = names.bad || name == "" || strings.ContainsFunc(name, notInName)
	}
	if r.bad || names.bad || framing != knownLengthResponse || code < 200 || code > 599 {
		return recordedResponse{}, errNotBinaryHTTP
	}
	return recordedResponse{int(code), fields, body}, nil
}

// notInName tells whether r is not in the names that are recorded: lower case,
// and ASCII as all are.
func notInName(r rune) bool { return 'A' <= r && r <= 'Z' || r > '~' }

// setHeader puts the fields, of which those of one name follow one another, in
// the place of those of the same names.
func (r recordedResponse) setHeader(header http.Header) {
	previous := ""
	for fields := (varintReader[string]{rest: r.fields}); len(fields.rest) > 0; {
		name, value := http.CanonicalHeaderKey(fields.next()), fields.next()
		if name == previous {
			header[name] = append(header[name], value)
		} else {
			header[name] = []string{value}
		}
		previous = name
	}
}

func appendString[T ~string | ~[]byte](b []byte, s T) []byte {
	return append(appendVarint(b, uint64(len(s))), s...)
}

func appendVarint(b []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(b, byte(n))
	case n < 1<<14:
		return binary.BigEndian.AppendUint16(b, uint16(n)|1<<14)
	case n < 1<<30:
		return binary.BigEndian.AppendUint32(b, uint32(n)|2<<30)
	default:
		return binary.BigEndian.AppendUint64(b, n|3<<62)
	}
}

// varintReader reads what appendVarint and appendString wrote. Once the input
// proves too short, it is bad and yields zeros.
type varintReader[T ~string | ~[]byte] struct {
	rest T
	bad  bool
}

func (r *varintReader[T]) varint() uint64 {
	if r.bad || len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	length := 1 << (r.rest[0] >> 6)
	if len(r.rest) < length {
		r.bad = true
		return 0
	}
	n := uint64(r.rest[0] & 0x3f)
	for i := 1; i < length; i++ {
		n = n<<8 | uint64(r.rest[i])
	}
	r.rest = r.rest[length:]
	return n
}

func (r *varintReader[T]) next() (s T) {
	n := r.varint()
	if n > math.MaxInt || int(n) > len(r.rest) {
		r.bad = true
		return s
	}
	s, r.rest = r.rest[:n], r.rest[n:]
	return s
}
