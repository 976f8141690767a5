package idemlambda

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// HTTPResponse is the response to an [HTTPEvent], in the form that the source of
// the event wants.
type HTTPResponse struct {
	StatusCode        int                 `json:"statusCode"`
	StatusDescription string              `json:"statusDescription,omitempty"` // ALB
	Headers           map[string]string   `json:"headers,omitempty"`           // 2.0, ALB
	MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitempty"` // 1.0, REST, ALB with multi-value headers
	Cookies           []string            `json:"cookies,omitempty"`           // 2.0
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

// responseWriter buffers a response.
type responseWriter struct {
	header      http.Header
	withoutBody bool // the request's method is HEAD
	status      int  // 0 until the header is written
	sent        http.Header
	body        bytes.Buffer
}

var _ http.Flusher = (*responseWriter)(nil)

// Header implements http.ResponseWriter.
func (w *responseWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. Informational responses are dropped.
func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status, w.sent = status, w.header.Clone()
	}
}

// Write implements http.ResponseWriter.
func (w *responseWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	switch {
	case w.status == http.StatusNoContent || w.status == http.StatusNotModified:
		return 0, http.ErrBodyNotAllowed
	case w.withoutBody:
		return len(p), nil
	}
	if _, set := w.sent["Content-Type"]; !set && w.body.Len() == 0 && w.sent.Get("Content-Encoding") == "" && len(p) > 0 {
		w.sent.Set("Content-Type", http.DetectContentType(p))
	}
	return w.body.Write(p)
}

// Flush implements http.Flusher: it ends the header and sends nothing.
func (w *responseWriter) Flush() { w.WriteHeader(http.StatusOK) }

// oneLine makes one line of a header's value, as net/http does.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

func (w *responseWriter) response(e *HTTPEvent) HTTPResponse {
	w.WriteHeader(http.StatusOK)
	for _, values := range w.sent {
		for i := range values {
			values[i] = oneLine.Replace(values[i])
		}
	}
	r := HTTPResponse{StatusCode: w.status, Body: w.body.String()}
	if encoding := w.sent.Get("Content-Encoding"); encoding != "" && encoding != "identity" || !utf8.Valid(w.body.Bytes()) {
		r.Body, r.IsBase64Encoded = base64.StdEncoding.EncodeToString(w.body.Bytes()), true
	}
	switch {
	case e.isV2():
		r.Cookies = w.sent["Set-Cookie"]
		delete(w.sent, "Set-Cookie")
		r.Headers = joined(w.sent)
	case e.isALB():
		r.StatusDescription = strings.TrimSpace(strconv.Itoa(w.status) + " " + http.StatusText(w.status))
		if len(e.MultiValueHeaders) > 0 {
			r.MultiValueHeaders = w.sent
			break
		}
		cookies := w.sent["Set-Cookie"]
		delete(w.sent, "Set-Cookie")
		r.Headers = joined(w.sent)
		for i, cookie := range cookies {
			r.Headers[spelling("set-cookie", i)] = cookie
		}
	default:
		r.MultiValueHeaders = w.sent
	}
	return r
}

// joined returns a header whose values have been joined by commas, which means
// the same (RFC 9110 section 5.3) but for Set-Cookie.
func joined(header http.Header) map[string]string {
	all := make(map[string]string, len(header))
	for name, values := range header {
		all[name] = strings.Join(values, ", ")
	}
	return all
}

// spelling returns the n-th spelling of a header's name in capitals and small
// letters. A load balancer without multi-value headers takes one value for each
// spelling, and there are more of those than cookies in a response.
func spelling(name string, n int) string {
	letters := []byte(name)
	for i, c := range letters {
		if c < 'a' {
			continue
		}
		if n&1 == 1 {
			letters[i] = c - 'a' + 'A'
		}
		n >>= 1
	}
	return string(letters)
}
