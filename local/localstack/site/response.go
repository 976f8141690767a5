package site

import (
	"bytes"
	"compress/gzip"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// response is a response on its way through the distribution.
type response struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func newResponse() *response { return &response{header: http.Header{}} }

// Header, WriteHeader and Write make it what an origin writes to.
func (r *response) Header() http.Header { return r.header }

func (r *response) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *response) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// CloudFront compresses content between these sizes in bytes.
const (
	minCompressed = 1_000
	maxCompressed = 10_000_000
)

// compressible are the content types that CloudFront compresses, as far as
// websites have them.
var compressible = []string{
	"application/javascript", "application/json", "application/manifest+json", "application/wasm",
	"application/x-javascript", "application/xml", "font/otf", "font/ttf", "image/svg+xml",
	"text/css", "text/html", "text/javascript", "text/plain", "text/xml",
}

// compress compresses the body when the client takes that and it is of a kind
// and size that CloudFront compresses.
func (r *response) compress(req *http.Request) {
	mediaType, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	size := r.body.Len()
	if r.status != http.StatusOK || r.header.Get("Content-Encoding") != "" ||
		size < minCompressed || size > maxCompressed || !slices.Contains(compressible, mediaType) {
		return
	}
	r.header.Add("Vary", "Accept-Encoding")
	if !acceptsGzip(req.Header.Values("Accept-Encoding")) {
		return
	}
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	// Writes to a buffer do not fail.
	_, _ = zw.Write(r.body.Bytes())
	_ = zw.Close()
	r.body = out
	r.header.Set("Content-Encoding", "gzip")
	r.header.Del("Accept-Ranges")
	if etag := r.header.Get("Etag"); etag != "" && !strings.HasPrefix(etag, "W/") {
		r.header.Set("Etag", "W/"+etag)
	}
}

func acceptsGzip(headers []string) bool {
	for _, header := range headers {
		for item := range strings.SplitSeq(header, ",") {
			coding, params, _ := strings.Cut(strings.TrimSpace(item), ";")
			if coding != "gzip" && coding != "*" {
				continue
			}
			weight, ok := strings.CutPrefix(strings.TrimSpace(params), "q=")
			if !ok {
				return true
			}
			q, err := strconv.ParseFloat(weight, 64)
			return err == nil && q > 0
		}
	}
	return false
}

// HeadersPolicy is a response headers policy.
type HeadersPolicy struct {
	// Set are headers to put on responses, Remove the names of those to take
	// off first.
	Set    []PolicyHeader
	Remove []string
}

// PolicyHeader is a header of a HeadersPolicy. An origin's own header of that
// name stays unless Override is set.
type PolicyHeader struct {
	Name, Value string
	Override    bool
}

func (p *HeadersPolicy) apply(h http.Header) {
	if p == nil {
		return
	}
	for _, name := range p.Remove {
		h.Del(name)
	}
	for _, header := range p.Set {
		if header.Override || len(h.Values(header.Name)) == 0 {
			h.Set(header.Name, header.Value)
		}
	}
}
