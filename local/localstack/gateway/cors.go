package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORS is an HTTP API's CORS configuration.
type CORS struct {
	// AllowOrigins are origins, or "*", "http://*" and "https://*".
	AllowOrigins []string
	// AllowMethods are methods, or "*".
	AllowMethods []string
	// AllowHeaders are names of request headers, or "*".
	AllowHeaders []string
	// ExposeHeaders are names of response headers, or "*".
	ExposeHeaders []string
	// AllowCredentials lets requests carry cookies. It cannot be had together
	// with any origin.
	AllowCredentials bool
	// MaxAge is how long a preflight may be remembered; zero does not say.
	MaxAge time.Duration
}

// corsPolicy answers preflights and puts CORS headers on responses.
type corsPolicy struct{ cfg CORS }

func newCORSPolicy(cfg CORS) (*corsPolicy, error) {
	for _, origin := range cfg.AllowOrigins {
		switch scheme, host, ok := strings.Cut(origin, "://"); {
		case origin == "*":
			if cfg.AllowCredentials {
				return nil, errors.New("gateway: CORS: credentials cannot be allowed to every origin")
			}
		case !ok || scheme == "" || host == "" || strings.Contains(host, "*") && host != "*":
			return nil, fmt.Errorf("gateway: CORS: the origin %q is neither an origin nor one of *, http://*, https://*", origin)
		}
	}
	return &corsPolicy{cfg}, nil
}

// preflight answers an OPTIONS request, which with CORS configured the gateway
// does without the functions. A request that is not allowed is answered
// without the headers that would allow it.
func (p *corsPolicy) preflight(w http.ResponseWriter, r *http.Request) {
	method := r.Header.Get("Access-Control-Request-Method")
	asked := splitList(r.Header.Get("Access-Control-Request-Headers"))
	origin, ok := p.allowedOrigin(r)
	if ok && method != "" && contains(p.cfg.AllowMethods, method) && p.allowsHeaders(asked) {
		h := w.Header()
		p.setOrigin(h, origin)
		h.Set("Access-Control-Allow-Methods", joinOr(p.cfg.AllowMethods, []string{method}))
		if len(p.cfg.AllowHeaders) > 0 {
			if allowed := joinOr(p.cfg.AllowHeaders, asked); allowed != "" {
				h.Set("Access-Control-Allow-Headers", strings.ToLower(allowed))
			}
		}
		if p.cfg.MaxAge > 0 {
			h.Set("Access-Control-Max-Age", strconv.Itoa(int(p.cfg.MaxAge.Seconds())))
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// joinOr lists what is allowed. A wildcard does not cover requests with
// credentials, so what was asked for is named instead.
func joinOr(allowed, asked []string) string {
	if slices.Contains(allowed, "*") && len(asked) > 0 {
		return strings.Join(asked, ",")
	}
	return strings.Join(allowed, ",")
}

func (p *corsPolicy) allowsHeaders(asked []string) bool {
	for _, name := range asked {
		if !contains(p.cfg.AllowHeaders, name) {
			return false
		}
	}
	return true
}

// allowedOrigin gives what Access-Control-Allow-Origin says for a request.
func (p *corsPolicy) allowedOrigin(r *http.Request) (string, bool) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return "", false
	}
	scheme, _, _ := strings.Cut(origin, "://")
	for _, allowed := range p.cfg.AllowOrigins {
		switch {
		case allowed == "*":
			return "*", true
		case strings.EqualFold(allowed, origin), strings.EqualFold(allowed, scheme+"://*"):
			return origin, true
		}
	}
	return "", false
}

func (p *corsPolicy) setOrigin(h http.Header, origin string) {
	h.Set("Access-Control-Allow-Origin", origin)
	if p.cfg.AllowCredentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if origin != "*" {
		h.Add("Vary", "Origin")
	}
}

// wrap gives a writer that puts the configured CORS headers on the response to
// r, errors included, in place of those that the function may have set.
func (p *corsPolicy) wrap(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	return &corsWriter{ResponseWriter: w, policy: p, request: r}
}

type corsWriter struct {
	http.ResponseWriter
	policy  *corsPolicy
	request *http.Request
	done    bool
}

func (w *corsWriter) WriteHeader(status int) {
	if !w.done {
		w.done = true
		h := w.Header()
		for name := range h {
			if strings.HasPrefix(name, "Access-Control-") {
				h.Del(name)
			}
		}
		if origin, ok := w.policy.allowedOrigin(w.request); ok {
			w.policy.setOrigin(h, origin)
			if exposed := w.policy.cfg.ExposeHeaders; len(exposed) > 0 {
				h.Set("Access-Control-Expose-Headers", strings.ToLower(strings.Join(exposed, ",")))
			}
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *corsWriter) Write(body []byte) (int, error) {
	if !w.done {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(body)
}

func contains(list []string, name string) bool {
	return slices.ContainsFunc(list, func(item string) bool { return item == "*" || strings.EqualFold(item, name) })
}

func splitList(header string) []string {
	var list []string
	for item := range strings.SplitSeq(header, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}
