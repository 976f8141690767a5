package idemhttp

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
)

// A response is recorded as a known-length response of Binary HTTP, RFC 9292
// section 3.2: framing indicator, status, field section, content and trailer
// section. Integers are those of QUIC, RFC 9000 section 16.

const knownLengthResponse = 1 // framing indicator

var errNotBinaryHTTP = errors.New("idemhttp: the record does not hold a Binary HTTP response")

// encodeResponse encodes a response with the header fields of the given names, which
// are canonical, in their order, and with all of the trailer. It leaves out the
// fields that are the same in outer.
func encodeResponse(r Response, outer http.Header, names []string, trailer http.Header) []byte {
	fields := make([]byte, 0, 512) // on the stack
	for _, name := range names {
		if values := r.Header[name]; len(values) > 0 && (len(outer) == 0 || !slices.Equal(values, outer[name])) {
			fields = appendFields(fields, name, values)
		}
	}
	var trailers []byte
	if len(trailer) > 0 {
		for _, name := range slices.Sorted(maps.Keys(trailer)) {
			trailers = appendFields(trailers, name, trailer[name])
		}
	}
	message := make([]byte, 0, 2+2+8+len(fields)+8+len(r.Body)+8+len(trailers))
	message = appendVarint(message, knownLengthResponse)
	message = appendVarint(message, uint64(r.Status))
	message = appendString(message, fields)
	message = appendString(message, r.Body)
	return appendString(message, trailers)
}

func appendFields(b []byte, name string, values []string) []byte {
	for _, value := range values {
		b = appendVarint(b, uint64(len(name)))
		for _, c := range []byte(name) {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			b = append(b, c)
		}
		b = appendString(b, value)
	}
	return b
}

// recordedResponse is a recorded response. Its parts share the memory of the
// message that holds it.
type recordedResponse struct {
	status          int
	fields, trailer fieldSection
	body            []byte
}

// decodeResponse reverses encodeResponse. A message may end before an empty
// trailer section, and be followed by padding.
func decodeResponse(message []byte) (recordedResponse, error) {
	r := varintReader[[]byte]{rest: message}
	framing, code, fields, body := r.varint(), r.varint(), fieldSection(r.next()), r.next()
	var trailer fieldSection
	if len(r.rest) > 0 {
		trailer = fieldSection(r.next())
	}
	if r.bad || framing != knownLengthResponse || code < 200 || code > 599 || !fields.valid() || !trailer.valid() {
		return recordedResponse{}, errNotBinaryHTTP
	}
	return recordedResponse{int(code), fields, trailer, body}, nil
}

// fieldSection is a sequence of names and values. The values of one name are
// adjacent.
type fieldSection string

func (s fieldSection) valid() bool {
	r := varintReader[fieldSection]{rest: s}
	for len(r.rest) > 0 && !r.bad {
		name := r.next()
		r.next()
		r.bad = r.bad || name == "" || strings.ContainsFunc(string(name), notInName)
	}
	return !r.bad
}

// notInName reports whether r is not in the names that are recorded, which are lower case
// and ASCII.
func notInName(r rune) bool { return 'A' <= r && r <= 'Z' || r > '~' }

// setIn replaces the fields of header that have the names of those in s.
func (s fieldSection) setIn(header http.Header) {
	previous := ""
	for r := (varintReader[fieldSection]{rest: s}); len(r.rest) > 0; {
		name, value := canonicalName(string(r.next())), string(r.next())
		if name == previous {
			header[name] = append(header[name], value)
		} else {
			header[name] = []string{value}
		}
		previous = name
	}
}

// canonicalName is http.CanonicalHeaderKey, and faster for the usual names.
func canonicalName(name string) string {
	switch name {
	case "content-type":
		return "Content-Type"
	case "etag":
		return "Etag"
	case "location":
		return "Location"
	}
	return http.CanonicalHeaderKey(name)
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

// varintReader reads what appendVarint and appendString wrote. After the input
// has proved too short, it is bad and returns zero values.
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
