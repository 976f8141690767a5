package idemhttp

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Response headers.
const (
	// HeaderReplayed is "true" on a response that was recorded earlier.
	HeaderReplayed = "Idempotent-Replayed"
	// HeaderExpires is the end of the key's window, as an HTTP date.
	HeaderExpires = "Idempotency-Expires"
)

// alwaysRecorded are the headers that every replay repeats if the handler has set
// them. Without Content-Encoding the recorded body could not be read.
var alwaysRecorded = []string{
	"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Type", "Etag", "Location",
}

// neverRecorded belong to one connection, one moment or one client, or are the
// middleware's own.
var neverRecorded = []string{
	"Age", "Authentication-Info", "Authorization", "Connection", "Content-Length", "Cookie", "Date", "Host", "Keep-Alive",
	"Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization", "Proxy-Connection", "Set-Cookie",
	"Set-Cookie2", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Www-Authenticate",
	HeaderExpires, HeaderKey, HeaderReplayed, headerRepeatabilityResult,
}

// recordedNames returns the canonical names of the headers to record, sorted, or
// an error if one of the given must not be recorded.
func recordedNames(extra []string) ([]string, error) {
	names := slices.Clone(alwaysRecorded)
	for _, name := range extra {
		canonical := http.CanonicalHeaderKey(name)
		if !isToken(name) || slices.Contains(neverRecorded, canonical) {
			return nil, fmt.Errorf("idemhttp: Config.RecordedHeaders: %q must not be replayed", name)
		}
		names = append(names, canonical)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// isToken reports whether s is a token (RFC 9110 section 5.6.2), as methods and
// the names of headers are.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// response buffers a handler's response until it has been recorded.
type response struct {
	header  http.Header // the handler's
	status  int         // 0 until it is committed
	written bool        // by the handler, and not by finish
	sent    http.Header // the header when it was committed
	body    bytes.Buffer
	trailer http.Header // nil for none
}

var (
	_ http.ResponseWriter = (*response)(nil)
	_ http.Flusher        = (*response)(nil)
)

// newResponse returns a response whose header begins as outer middleware has left
// it.
func newResponse(outer http.Header) *response {
	if len(outer) == 0 {
		return &response{header: make(http.Header)}
	}
	return &response{header: outer.Clone()}
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. As in net/http, the first final
// status counts, headers that are set later do not, and a status of other than
// three digits panics. Informational responses are dropped.
func (w *response) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("idemhttp: invalid WriteHeader code %d", status))
	}
	if w.status != 0 || status < 200 {
		return
	}
	w.written = true
	w.commit(status)
}

// commit fixes the status and the header.
func (w *response) commit(status int) {
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

// Flush implements http.Flusher. It commits the header, but it sends nothing,
// because nothing is sent before it is recorded.
func (w *response) Flush() { w.WriteHeader(http.StatusOK) }

// finish completes the response of a handler that has returned. It sets the media type
// as net/http would, so that replays have it, too.
func (w *response) finish() {
	if w.status == 0 {
		w.commit(http.StatusOK)
	}
	w.collectTrailer()
	if _, set := w.sent["Content-Type"]; !set && w.body.Len() > 0 && w.sent.Get("Content-Encoding") == "" {
		w.sent.Set("Content-Type", http.DetectContentType(w.body.Bytes()))
	}
}

// collectTrailer moves the trailer out of the header: the fields that the Trailer
// header announces, and those whose names begin with [http.TrailerPrefix]. What is
// announced and not set stays announced, because outer middleware may set it.
func (w *response) collectTrailer() {
	var open []string
	for _, list := range w.sent["Trailer"] {
		for name := range strings.SplitSeq(list, ",") {
			name = http.CanonicalHeaderKey(strings.Trim(name, " \t"))
			if values, set := w.header[name]; set {
				w.addTrailer(name, values)
				delete(w.sent, name)
			} else {
				open = append(open, name)
			}
		}
	}
	if delete(w.sent, "Trailer"); open != nil {
		w.sent["Trailer"] = open
	}
	for name, values := range w.header {
		if trailer, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			w.addTrailer(http.CanonicalHeaderKey(trailer), values)
			delete(w.sent, name)
		}
	}
}

func (w *response) addTrailer(name string, values []string) {
	if len(values) == 0 || slices.Contains(neverRecorded, name) {
		return
	}
	if w.trailer == nil {
		w.trailer = make(http.Header)
	}
	w.trailer[name] = values
}

// setHeaderOf replaces the header of outer, with which this response's header
// began.
func (w *response) setHeaderOf(outer http.ResponseWriter) {
	header := outer.Header()
	clear(header)
	maps.Copy(header, w.sent)
}

// send sends a response whose header is set.
func send(w http.ResponseWriter, status int, body []byte, trailer http.Header) {
	header := w.Header()
	if len(trailer) > 0 {
		header["Trailer"] = append(header["Trailer"], slices.Sorted(maps.Keys(trailer))...)
	}
	switch _, chunked := header["Trailer"]; {
	case !bodyAllowed(status):
	case chunked: // a response with a trailer has no Content-Length
		delete(header, "Content-Length")
	default:
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	if len(body) > 0 {
		_, _ = w.Write(body) // a client that is gone gets the response when it retries
	}
	maps.Copy(header, trailer)
}

// httpDate returns t in http.TimeFormat. It takes a third of the time that
// time.Format takes. The year has four digits.
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
