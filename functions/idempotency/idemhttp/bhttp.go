package idemhttp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
)

// A response is recorded as a known-length response of Binary HTTP, RFC 9292
// section 3.2: framing indicator, status, field section, content and an empty
// trailer section. Integers are those of QUIC, RFC 9000 section 16.

const knownLengthResponse = 1 // framing indicator

var errNotBinaryHTTP = errors.New("idemhttp: the record does not hold a Binary HTTP response")

// encodeResponse is deterministic: fields are sorted by name.
func encodeResponse(status int, header http.Header, body []byte) []byte {
	var fields []byte
	for _, name := range slices.Sorted(maps.Keys(header)) {
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
	fields []byte
	body   []byte
}

// decodeResponse reverses encodeResponse. Trailers and padding, which are never
// recorded, are not looked at.
func decodeResponse(message []byte) (recordedResponse, error) {
	r := varintReader{rest: message}
	framing, code, fields, body := r.varint(), r.varint(), r.bytes(), r.bytes()
	names := varintReader{rest: fields}
	for len(names.rest) > 0 && !names.bad {
		name := names.bytes()
		names.bytes()
		names.bad = names.bad || len(name) == 0 || bytes.ContainsFunc(name, notInName)
	}
	if r.bad || names.bad || framing != knownLengthResponse || code < 200 || code > 599 {
		return recordedResponse{}, errNotBinaryHTTP
	}
	return recordedResponse{int(code), fields, body}, nil
}

// notInName tells whether r is not in the names that are recorded: lower case,
// and ASCII as all are.
func notInName(r rune) bool { return 'A' <= r && r <= 'Z' || r > '~' }

// setHeader puts the fields, which are sorted by name, in the place of those of
// the same names.
func (r recordedResponse) setHeader(header http.Header) {
	previous := ""
	for fields := (varintReader{rest: r.fields}); len(fields.rest) > 0; {
		name, value := http.CanonicalHeaderKey(string(fields.bytes())), string(fields.bytes())
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
type varintReader struct {
	rest []byte
	bad  bool
}

func (r *varintReader) varint() uint64 {
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
	for _, b := range r.rest[1:length] {
		n = n<<8 | uint64(b)
	}
	r.rest = r.rest[length:]
	return n
}

func (r *varintReader) bytes() []byte {
	n := r.varint()
	if n > math.MaxInt || int(n) > len(r.rest) {
		r.bad = true
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}
