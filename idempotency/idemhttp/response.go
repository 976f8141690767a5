package idemhttp

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// alwaysRecorded are the headers a replay repeats. Without Content-Encoding the
// recorded body could not be read.
var alwaysRecorded = []string{"Content-Type", "Content-Encoding", "Location", "Etag"}

// neverKept belong to one connection, one moment or one person.
var neverKept = []string{
	"Set-Cookie", "Date",
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length",
}

// response buffers what a handler answers until it has been recorded.
type response struct {
	header http.Header // the handler's, until it is committed
	status int         // 0 until committed
	sent   http.Header // as of the commit
	body   bytes.Buffer
}

var (
	_ http.ResponseWriter = (*response)(nil)
	_ http.Flusher        = (*response)(nil)
)

func newResponse() *response { return &response{header: make(http.Header)} }

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. As there, the first final status
// counts, and headers set later do not. Informational responses are dropped.
func (w *response) WriteHeader(status int) {
	if w.status != 0 || status < 200 {
		return
	}
	w.status = status
	w.sent = w.header.Clone()
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if !bodyAllowed(w.status) {
		return 0, http.ErrBodyNotAllowed
	}
	return w.body.Write(p)
}

// Flush implements http.Flusher: it commits the header as a flush does, and
// sends nothing, for nothing is sent before it is recorded.
func (w *response) Flush() { w.WriteHeader(http.StatusOK) }

// finish commits a response the handler left open and fills in the media type
// as net/http does, so that replays have it as well.
func (w *response) finish() {
	w.WriteHeader(http.StatusOK)
	if _, set := w.sent["Content-Type"]; !set && w.body.Len() > 0 && w.sent.Get("Content-Encoding") == "" {
		w.sent.Set("Content-Type", http.DetectContentType(w.body.Bytes()))
	}
}

func send(w http.ResponseWriter, status int, body []byte) {
	if bodyAllowed(status) {
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	if len(body) > 0 {
		_, _ = w.Write(body) // a client that is gone gets the response when it retries
	}
}

// httpDate is t in http.TimeFormat, to which time.Format takes three times as
// long. The year has four digits.
func httpDate(t time.Time) string {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	text := []byte(http.TimeFormat)
	copy(text, t.Weekday().String()[:3])
	copy(text[8:], month.String()[:3])
	for _, field := range [...]struct{ at, value int }{{5, day}, {12, year / 100}, {14, year % 100}, {17, hour}, {20, minute}, {23, second}} {
		text[field.at], text[field.at+1] = byte('0'+field.value/10), byte('0'+field.value%10)
	}
	return string(text)
}

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// recordedNames canonicalises the developer's list and adds the headers that are
// always kept. It returns the first name that must not be kept, if any.
func recordedNames(extra []string) (names []string, refused string) {
	names = slices.Clone(alwaysRecorded)
	for _, name := range extra {
		canonical := http.CanonicalHeaderKey(strings.TrimSpace(name))
		if canonical == "" || slices.Contains(neverKept, canonical) {
			return nil, name
		}
		names = append(names, canonical)
	}
	slices.Sort(names)
	return slices.Compact(names), ""
}
