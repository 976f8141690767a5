package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// routes picks the route of a request.
type routes struct {
	ranked   []*route // the most specific first
	fallback *route   // $default
}

// route is a Route made ready.
type route struct {
	key      string
	method   string // ANY for all
	segments []segment
	function string
	timeout  time.Duration
	limiter  *limiter
}

// segment is one step of a route's path.
type segment struct {
	kind segmentKind
	text string // the literal, or the parameter's name
}

type segmentKind int

// In the order in which API Gateway prefers them.
const (
	literal segmentKind = iota
	parameter
	greedy
)

// match is a route with the parameters that the request's path gives it.
type match struct {
	route  *route
	params map[string]string
}

var (
	routeMethods = []string{"ANY", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "DELETE"}
	parameterRE  = regexp.MustCompile(`^\{([A-Za-z0-9._:-]+)(\+?)\}$`)
)

func newRoutes(configured []Route, throttle Throttle) (*routes, error) {
	rs := &routes{}
	seen := map[string]string{}
	for _, c := range configured {
		r, err := newRoute(c, throttle)
		if err != nil {
			return nil, fmt.Errorf("gateway: route %q: %w", c.Key, err)
		}
		if other, taken := seen[r.shape()]; taken {
			return nil, fmt.Errorf("gateway: route %q matches the same requests as %q", c.Key, other)
		}
		seen[r.shape()] = c.Key
		if c.Key == "$default" {
			rs.fallback = r
		} else {
			rs.ranked = append(rs.ranked, r)
		}
	}
	slices.SortFunc(rs.ranked, bySpecificity)
	return rs, nil
}

func newRoute(c Route, throttle Throttle) (*route, error) {
	if c.Function == "" {
		return nil, errors.New("it has no function")
	}
	if c.Timeout < 0 || c.Timeout > MaxIntegrationTimeout {
		return nil, fmt.Errorf("the timeout %v is not within %v", c.Timeout, MaxIntegrationTimeout)
	}
	limiter, err := newLimiter(cmp.Or(c.Throttle, throttle))
	if err != nil {
		return nil, err
	}
	r := &route{
		key:      c.Key,
		function: c.Function,
		timeout:  cmp.Or(c.Timeout, MaxIntegrationTimeout),
		limiter:  limiter,
	}
	if c.Key == "$default" {
		return r, nil
	}
	method, path, ok := strings.Cut(c.Key, " ")
	if !ok || !strings.HasPrefix(path, "/") || !slices.Contains(routeMethods, method) {
		return nil, errors.New(`a method and a path are expected, such as "GET /things/{id}"`)
	}
	r.method = method
	if r.segments, err = parseSegments(path); err != nil {
		return nil, err
	}
	return r, nil
}

func parseSegments(path string) ([]segment, error) {
	parts := strings.Split(path[1:], "/")
	segments := make([]segment, 0, len(parts))
	for i, part := range parts {
		m := parameterRE.FindStringSubmatch(part)
		switch {
		case m == nil && strings.ContainsAny(part, "{}"):
			return nil, fmt.Errorf("the segment %q is neither a text nor a parameter", part)
		case m == nil:
			segments = append(segments, segment{literal, part})
		case m[2] == "":
			segments = append(segments, segment{parameter, m[1]})
		case i == len(parts)-1:
			segments = append(segments, segment{greedy, m[1]})
		default:
			return nil, fmt.Errorf("the greedy parameter %q is not the last segment", part)
		}
	}
	return segments, nil
}

// shape is the same for routes that match the same requests.
func (r *route) shape() string {
	if r.key == "$default" {
		return r.key
	}
	var b strings.Builder
	b.WriteString(r.method)
	for _, s := range r.segments {
		switch s.kind {
		case literal:
			b.WriteString("/" + s.text)
		case parameter:
			b.WriteString("/{}")
		case greedy:
			b.WriteString("/{+}")
		}
	}
	return b.String()
}

// bySpecificity orders routes as API Gateway prefers them: a full match before
// one with parameters before a greedy one, decided at the first segment that
// differs in kind; then a named method before ANY.
func bySpecificity(a, b *route) int {
	for i := range min(len(a.segments), len(b.segments)) {
		if c := cmp.Compare(a.segments[i].kind, b.segments[i].kind); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(len(b.segments), len(a.segments)); c != 0 {
		return c
	}
	return cmp.Compare(methodRank(a.method), methodRank(b.method))
}

func methodRank(method string) int {
	if method == "ANY" {
		return 1
	}
	return 0
}

// find gives the route of a request by the decoded path.
func (rs *routes) find(method, path string) (match, bool) {
	parts := strings.Split(path[1:], "/")
	for _, r := range rs.ranked {
		if r.method != method && r.method != "ANY" {
			continue
		}
		if params, ok := r.match(parts); ok {
			return match{r, params}, true
		}
	}
	if rs.fallback != nil {
		return match{rs.fallback, nil}, true
	}
	return match{}, false
}

func (r *route) match(parts []string) (map[string]string, bool) {
	params := map[string]string{}
	for i, s := range r.segments {
		if i >= len(parts) {
			return nil, false
		}
		switch s.kind {
		case literal:
			if parts[i] != s.text {
				return nil, false
			}
		case parameter:
			if parts[i] == "" {
				return nil, false
			}
			params[s.text] = parts[i]
		case greedy:
			rest := strings.Join(parts[i:], "/")
			if rest == "" {
				return nil, false
			}
			params[s.text] = rest
			return params, true
		}
	}
	return params, len(parts) == len(r.segments)
}
