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
	if got := encode(Response{200, http.Header{"Etag": {`"v-1.0"`}}, []byte("hello")}, nil); !bytes.Equal(got, want) {
		t.Errorf("encoded\n%x, want\n%x", got, want)
	}
}

// The known-length response of RFC 9292 section 5.2.
func TestExampleOfTheStandardIsRead(t *testing.T) {
	t.Parallel()
	message := "\x01\x40\xc8\x00\x1dThis content contains CRLF.\r\n\x0d\x07trailer\x04text"
	got, trailer, err := decode([]byte(message))
	if err != nil || got.Status != 200 || len(got.Header) != 0 || string(got.Body) != "This content contains CRLF.\r\n" || trailer.Get("Trailer") != "text" {
		t.Errorf("got %+v, %v, %v", got, trailer, err)
	}
}

func TestResponseRoundTrip(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		response Response
		trailer  http.Header
	}{
		{Response{204, http.Header{}, nil}, http.Header{}},
		{Response{201, http.Header{"Location": {"/a"}, "Link": {"</b>", "</c>"}, "Etag": {""}}, []byte{0, 0xff}}, http.Header{}},
		{Response{599, http.Header{"Content-Type": {"text/plain"}}, bytes.Repeat([]byte("x"), 1<<20)}, http.Header{"Digest": {"a", "b"}, "Took": {"1"}}},
		{Response{200, http.Header{"Link": {string(bytes.Repeat([]byte("y"), 20000))}}, bytes.Repeat([]byte("x"), 100)}, http.Header{}},
	} {
		message := encode(test.response, test.trailer)
		got, trailer, err := decode(message)
		if err != nil || got.Status != test.response.Status || !reflect.DeepEqual(got.Header, test.response.Header) ||
			!bytes.Equal(got.Body, test.response.Body) || !reflect.DeepEqual(trailer, test.trailer) {
			t.Errorf("%d %v: got %d %v, %d bytes, %v, %v", test.response.Status, test.response.Header, got.Status, got.Header, len(got.Body), trailer, err)
		}
		if !bytes.Equal(message, encode(test.response, test.trailer)) {
			t.Errorf("%d %v: encoded differently the second time", test.response.Status, test.response.Header)
		}
	}
}

// encode records all of the header.
func encode(r Response, trailer http.Header) []byte {
	return encodeResponse(r, nil, slices.Sorted(maps.Keys(r.Header)), trailer)
}

func decode(message []byte) (r Response, trailer http.Header, err error) {
	recorded, err := decodeResponse(message)
	r = Response{recorded.status, make(http.Header), recorded.body}
	trailer = make(http.Header)
	recorded.fields.setIn(r.Header)
	recorded.trailer.setIn(trailer)
	return r, trailer, err
}

func TestTruncatedResponseIsRefused(t *testing.T) {
	t.Parallel()
	response := Response{201, http.Header{"Etag": {`"1"`}}, []byte("body")}
	for _, trailer := range []http.Header{nil, {"Digest": {"x"}}} {
		message := encode(response, trailer)
		without := len(encode(response, nil)) - 1 // the trailer section may be left out
		for n := range len(message) {
			if _, err := decodeResponse(message[:n]); err == nil && n != without {
				t.Errorf("the first %d of %d bytes were taken for a response", n, len(message))
			}
		}
	}
}

// No input makes the decoder fail otherwise than by its error, and what it
// accepts survives another round.
func FuzzDecodeResponse(f *testing.F) {
	f.Add([]byte{})
	f.Add(encode(Response{201, http.Header{"Content-Type": {"application/json"}, "Link": {"a", "b"}}, []byte(`{"a":1}`)}, http.Header{"Digest": {"x"}}))
	f.Add([]byte{1, 0x40, 0xc8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, message []byte) {
		first, trailer, err := decode(message)
		if err != nil {
			return
		}
		second, trailer2, err := decode(encode(first, trailer))
		if err != nil || second.Status != first.Status || !reflect.DeepEqual(second.Header, first.Header) ||
			!bytes.Equal(second.Body, first.Body) || !reflect.DeepEqual(trailer2, trailer) {
			t.Errorf("%+v %v became %+v %v, %v", first, trailer, second, trailer2, err)
		}
	})
}

func BenchmarkResponseCodec(b *testing.B) {
	header := http.Header{"Content-Type": {"application/json"}, "Location": {"/api/payments/1"}, "Etag": {`"1"`}}
	body := make([]byte, 150)
	message := encode(Response{201, header, body}, nil)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			encodeResponse(Response{201, header, body}, nil, alwaysRecorded, nil)
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
