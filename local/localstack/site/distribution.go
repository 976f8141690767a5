// Package site is CloudFront and S3 on this machine: a distribution that leads
// requests to origins by path, with its functions, headers and compression, and
// a private bucket as the origin of a website.
//
// Content is not cached: every request for it reaches its origin. A distribution
// whose content changes only by deployment, and whose API is not cached at all,
// gives the same responses either way. Errors are cached, as CloudFront caches
// them unless it is told not to.
package site

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config describes a distribution.
type Config struct {
	// Domain is the distribution's own host, as origins see it in Via.
	Domain string
	// Origins are where requests go, by the ids that behaviours use.
	Origins map[string]Origin
	// Behaviors are tried in this order; Default takes what none matches.
	Behaviors []Behavior
	Default   Behavior
	// RootObject is what a request for / gets; nothing special when empty.
	RootObject string
	// ErrorResponses replace an origin's errors, and say how long they are
	// remembered.
	ErrorResponses []ErrorResponse
	// Clock tells the time by which errors are forgotten; time.Now by default.
	Clock func() time.Time
	// Log receives what went wrong in functions; dropped by default.
	Log *slog.Logger
}

// Origin is where a distribution gets its content from.
type Origin struct {
	Handler http.Handler
	// Host is the Host header that the origin gets.
	Host string
	// Path is put before the path of every request.
	Path string
}

// Behavior is what a distribution does with some of its requests.
type Behavior struct {
	// PathPattern selects the requests: * stands for any text, ? for any one
	// character. The default behaviour has none.
	PathPattern string
	// Origin is the id of the origin.
	Origin string
	// AllowedMethods are the methods that get through; GET and HEAD by default.
	AllowedMethods []string
	// Compress lets content be compressed for clients that take it.
	Compress bool
	// ViewerRequest runs before anything else; may be nil.
	ViewerRequest *Function
	// Headers is put on every response; may be nil.
	Headers *HeadersPolicy
}

// ErrorResponse replaces an error of an origin.
type ErrorResponse struct {
	// Code is the status it replaces.
	Code int
	// Page is the path of the page that is sent instead; empty keeps the
	// origin's.
	Page string
	// ResponseCode is the status that is sent instead; zero keeps Code.
	ResponseCode int
	// CachingMinTTL is how long the error is remembered at least; nil means
	// DefaultErrorTTL.
	CachingMinTTL *time.Duration
}

// Distribution is an http.Handler.
type Distribution struct {
	cfg    Config
	errors *errorCache
}

// New makes a distribution. It fails when a behaviour leads to an origin that
// does not exist.
func New(cfg Config) (*Distribution, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Behaviors = slices.Clone(cfg.Behaviors)
	for i := range cfg.Behaviors {
		if cfg.Behaviors[i].PathPattern == "" {
			return nil, errors.New("site: a behaviour has no path pattern")
		}
	}
	for _, b := range append([]Behavior{cfg.Default}, cfg.Behaviors...) {
		if o, ok := cfg.Origins[b.Origin]; !ok || o.Handler == nil {
			return nil, fmt.Errorf("site: the behaviour %q leads to the origin %q, which does not exist", b.PathPattern, b.Origin)
		}
	}
	return &Distribution{cfg, newErrorCache(cfg)}, nil
}

// ServeHTTP answers one request.
func (d *Distribution) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b := d.behavior(r.URL.EscapedPath())
	res := d.respond(b, r)
	if b.Compress {
		res.compress(r)
	}
	b.Headers.apply(res.header)
	if res.status >= http.StatusBadRequest {
		res.header.Set("X-Cache", "Error from cloudfront")
	} else {
		res.header.Set("X-Cache", "Miss from cloudfront")
	}
	res.writeTo(w, r)
}

// behavior gives the behaviour for a path. A pattern may leave out the slash
// that every path begins with.
func (d *Distribution) behavior(path string) *Behavior {
	for i := range d.cfg.Behaviors {
		pattern := d.cfg.Behaviors[i].PathPattern
		if !strings.HasPrefix(pattern, "/") && !strings.HasPrefix(pattern, "*") {
			pattern = "/" + pattern
		}
		if wildcardMatch(pattern, path) {
			return &d.cfg.Behaviors[i]
		}
	}
	return &d.cfg.Default
}

func (d *Distribution) respond(b *Behavior, r *http.Request) *response {
	allowed := b.AllowedMethods
	if len(allowed) == 0 {
		allowed = []string{http.MethodGet, http.MethodHead}
	}
	if !slices.Contains(allowed, r.Method) {
		return errorPage(http.StatusForbidden, "this distribution does not take "+r.Method+" requests here")
	}
	if b.ViewerRequest != nil {
		rewritten, answer, err := b.ViewerRequest.run(r)
		switch {
		case err != nil:
			d.cfg.Log.Error("the viewer-request function failed", "path", r.URL.Path, "error", err)
			return errorPage(http.StatusServiceUnavailable, "the function of this distribution could not run")
		case answer != nil:
			return answer
		}
		r = rewritten
	}
	if r.URL.Path == "/" && d.cfg.RootObject != "" {
		r = withPath(r, "/"+d.cfg.RootObject)
	}
	key := b.Origin + " " + r.URL.EscapedPath()
	res := d.errors.get(key, r)
	if res == nil {
		res = d.fetch(b.Origin, r)
		d.errors.put(key, r, res)
	}
	for _, e := range d.cfg.ErrorResponses {
		if res.status == e.Code && (e.Page != "" || e.ResponseCode != 0) {
			return d.replaceError(e, res, r)
		}
	}
	return res
}

// replaceError gives what an error response is configured to be.
func (d *Distribution) replaceError(e ErrorResponse, res *response, r *http.Request) *response {
	if e.Page != "" {
		page := withPath(r, e.Page)
		page.Method = http.MethodGet
		got := d.fetch(d.behavior(e.Page).Origin, page)
		if got.status != http.StatusOK {
			return res // as CloudFront does when the page is missing too
		}
		res = got
		res.status = e.Code
	}
	if e.ResponseCode != 0 {
		res.status = e.ResponseCode
	}
	return res
}

// fetch asks an origin.
func (d *Distribution) fetch(id string, r *http.Request) *response {
	origin := d.cfg.Origins[id]
	out := withPath(r, origin.Path+r.URL.EscapedPath())
	out.Host = origin.Host
	out.Header.Set("Via", "1.1 "+d.cfg.Domain+" (CloudFront)")
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		out.Header.Set("X-Forwarded-For", strings.Join(append(r.Header.Values("X-Forwarded-For"), host), ", "))
	}
	res := newResponse()
	origin.Handler.ServeHTTP(res, out)
	res.WriteHeader(http.StatusOK) // unless the origin has written another
	return res
}

// withPath gives a copy of a request with another, percent-encoded, path.
func withPath(r *http.Request, escaped string) *http.Request {
	out := r.Clone(r.Context())
	path, err := url.PathUnescape(escaped)
	if err != nil {
		path = escaped
	}
	out.URL.Path, out.URL.RawPath = path, escaped
	out.RequestURI = out.URL.RequestURI()
	return out
}

// wildcardMatch matches a text with a pattern in which * stands for any text
// and ? for any one character.
func wildcardMatch(pattern, text string) bool {
	star, mark := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// errorPage is an error of the distribution's own.
func errorPage(status int, message string) *response {
	res := newResponse()
	res.status = status
	res.header.Set("Content-Type", "text/html")
	_, _ = fmt.Fprintf(&res.body, "<!DOCTYPE html><title>%d %s</title><h1>%d</h1><p>The request could not be satisfied: %s.</p>\n",
		status, http.StatusText(status), status, message)
	return res
}

func (r *response) writeTo(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	for name, values := range r.header {
		h[name] = values
	}
	if req.Method != http.MethodHead && r.status != http.StatusNoContent && r.status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(r.body.Len()))
	}
	w.WriteHeader(r.status)
	if req.Method != http.MethodHead {
		// A client that went away is its own business.
		_, _ = io.Copy(w, &r.body)
	}
}
