package idemhttp

import (
	"bytes"
	"encoding/hex"
	"maps"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"
)

// The codec is tested from inside: outside it is only seen to round-trip, while
// what is stored has to be what the standard says.

func TestResponseIsBinaryHTTP(t *testing.T) {
	t.Parallel()
	want, err := hex.DecodeString("01" + // known-length response
		"40c8" + // 200
		"0d" + "04" + hex.EncodeToString([]byte("etag")) + "07" + hex.EncodeToString([]byte(`"v-1.0"`)) +
		"05" + hex.EncodeToString([]byte("hello")) +
		"00")
	if err != nil {
		t.Fatal(err)
	}
	if got := encoded(200, http.Header{"Etag": {`"v-1.0"`}}, []byte("hello")); !bytes.Equal(got, want) {
		t.Errorf("encoded\n%x, want\n%x", got, want)
	}
}

// The known-length response of RFC 9292 section 5.2.
func TestExampleOfTheStandardIsRead(t *testing.T) {
	t.Parallel()
	message := "\x01\x40\xc8\x00\x1dThis content contains CRLF.\r\n\x0d\x07trailer\x04text"
	status, header, body, err := decoded([]byte(message))
	if err != nil || status != 200 || len(header) != 0 || string(body) != "This content contains CRLF.\r\n" {
		t.Errorf("got %d, %v, %q, %v", status, header, body, err)
	}
}

func TestResponseRoundTrip(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		header http.Header
		body   []byte
	}{
		{204, http.Header{}, nil},
		{201, http.Header{"Location": {"/a"}, "Link": {"</b>", "</c>"}, "Etag": {""}}, []byte{0, 0xff}},
		{599, http.Header{"Content-Type": {"text/plain"}}, bytes.Repeat([]byte("x"), 1<<20)},
		{200, http.Header{"Link": {string(bytes.Repeat([]byte("y"), 20000))}}, bytes.Repeat([]byte("x"), 100)},
	} {
		message := encoded(test.status, test.header, test.body)
		status, header, body, err := decoded(message)
		if err != nil || status != test.status || !reflect.DeepEqual(header, test.header) || !bytes.Equal(body, test.body) {
			t.Errorf("%d %v: got %d %v, %d bytes, %v", test.status, test.header, status, header, len(body), err)
		}
		if !bytes.Equal(message, encoded(test.status, test.header, test.body)) {
			t.Errorf("%d %v: encoded differently the second time", test.status, test.header)
		}
	}
}

// encoded records all of the header.
func encoded(status int, header http.Header, body []byte) []byte {
	return encodeResponse(status, header, slices.Sorted(maps.Keys(header)), body)
}

func decoded(message []byte) (status int, header http.Header, body []byte, err error) {
	r, err := decodeResponse(message)
	header = make(http.Header)
	r.setHeader(header)
	return r.status, header, r.body, err
}

func TestTruncatedResponseIsRefused(t *testing.T) {
	t.Parallel()
	message := encoded(201, http.Header{"Etag": {`"1"`}}, []byte("body"))
	for n := range len(message) - 1 { // the empty trailer section may be left out
		if _, err := decodeResponse(message[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were taken for a response", n, len(message))
		}
	}
}

// No input makes the decoder fail otherwise than by its error, and what it
// accepts survives another round.
func FuzzDecodeResponse(f *testing.F) {
	f.Add([]byte{})
	f.Add(encoded(201, http.Header{"Content-Type": {"application/json"}, "Link": {"a", "b"}}, []byte(`{"a":1}`)))
	f.Add([]byte{1, 0x40, 0xc8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, message []byte) {
		status, header, body, err := decoded(message)
		if err != nil {
			return
		}
		status2, header2, body2, err := decoded(encoded(status, header, body))
		if err != nil || status2 != status || !reflect.DeepEqual(header2, header) || !bytes.Equal(body2, body) {
			t.Errorf("%d %v %q became %d %v %q, %v", status, header, body, status2, header2, body2, err)
		}
	})
}

func BenchmarkResponseCodec(b *testing.B) {
	header := http.Header{"Content-Type": {"application/json"}, "Location": {"/api/payments/1"}, "Etag": {`"1"`}}
	body := make([]byte, 150)
	message := encoded(201, header, body)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			encodeResponse(201, header, alwaysRecorded, body)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decodeResponse(message); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestDateIsThatOfTheStandardLibrary(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", -5*60*60)
	const first, last = -62135596800, 253402300799 // of the years 1 to 9999
	for range 1000 {
		date := time.Unix(first+rand.Int64N(last-first+1), 0).In(zone)
		if got, want := httpDate(date), date.UTC().Format(http.TimeFormat); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
