package site

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// DefaultErrorTTL is how long a distribution remembers an error whose
// [ErrorResponse] does not say.
const DefaultErrorTTL = 10 * time.Second

// errorCache remembers the errors of origins as CloudFront does, whatever the
// cache policy says. Its key is the path: neither the query nor a header of the
// viewer's is part of it.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/custom-error-pages-expiration.html
type errorCache struct {
	clock func() time.Time
	ttl   map[int]time.Duration // by status

	mu   sync.Mutex
	kept map[string]keptError // by origin and path
}

type keptError struct {
	response response
	at       time.Time
	until    time.Time
}

func newErrorCache(cfg Config) *errorCache {
	c := &errorCache{clock: cfg.Clock, ttl: map[int]time.Duration{}, kept: map[string]keptError{}}
	if c.clock == nil {
		c.clock = time.Now
	}
	for _, e := range cfg.ErrorResponses {
		c.ttl[e.Code] = DefaultErrorTTL
		if e.CachingMinTTL != nil {
			c.ttl[e.Code] = *e.CachingMinTTL
		}
	}
	return c
}

// The statuses that CloudFront remembers by itself, those that it remembers if
// the origin says for how long, and those of the former with which an origin can
// refuse to be remembered.
var (
	alwaysKept = []int{404, 410, 414, 500, 501, 502, 503, 504}
	keptIfTold = []int{400, 403, 405, 412, 415}
	refusable  = []int{404, 410, 414, 501}
)

// get returns the error that is remembered for a request, or nil.
func (c *errorCache) get(key string, r *http.Request) *response {
	if !cacheable(r) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	kept, ok := c.kept[key]
	now := c.clock()
	if !ok || !now.Before(kept.until) {
		delete(c.kept, key)
		return nil
	}
	res := newResponse()
	res.status, res.header = kept.response.status, kept.response.header.Clone()
	res.body.Write(kept.response.body.Bytes())
	res.header.Set("Age", strconv.Itoa(int(now.Sub(kept.at).Seconds())))
	return res
}

// put remembers the response to a request if it is an error that CloudFront
// remembers.
func (c *errorCache) put(key string, r *http.Request, res *response) {
	ttl := c.lifetime(res)
	if !cacheable(r) || ttl <= 0 {
		return
	}
	kept := keptError{at: c.clock(), until: c.clock().Add(ttl)}
	kept.response.status, kept.response.header = res.status, res.header.Clone()
	kept.response.body.Write(res.body.Bytes())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept[key] = kept
}

func (c *errorCache) lifetime(res *response) time.Duration {
	directives := cacheControl(res.header)
	told := max(directives.age("max-age"), directives.age("s-maxage"))
	switch {
	case !slices.Contains(alwaysKept, res.status) && !(slices.Contains(keptIfTold, res.status) && told > 0):
		return 0
	case slices.Contains(refusable, res.status) && directives.refuse():
		return 0
	}
	least, configured := c.ttl[res.status]
	if !configured {
		least = DefaultErrorTTL
	}
	return max(least, told)
}

func cacheable(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}

// cacheDirectives are the directives of Cache-Control headers.
type cacheDirectives []string

func cacheControl(h http.Header) cacheDirectives {
	var directives cacheDirectives
	for _, value := range h.Values("Cache-Control") {
		for directive := range strings.SplitSeq(value, ",") {
			directives = append(directives, strings.ToLower(strings.TrimSpace(directive)))
		}
	}
	return directives
}

func (d cacheDirectives) refuse() bool {
	return slices.ContainsFunc(d, func(s string) bool { return s == "no-store" || s == "no-cache" || s == "private" })
}

func (d cacheDirectives) age(name string) time.Duration {
	for _, directive := range d {
		if value, ok := strings.CutPrefix(directive, name+"="); ok {
			if seconds, err := strconv.Atoi(value); err == nil {
				return time.Duration(seconds) * time.Second
			}
		}
	}
	return 0
}
