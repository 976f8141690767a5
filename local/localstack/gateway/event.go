package gateway

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// event is a Lambda event of payload format 2.0. Fields that a request gives
// nothing for are left out.
type event struct {
	Version               string            `json:"version"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext        requestContext    `json:"requestContext"`
	PathParameters        map[string]string `json:"pathParameters,omitempty"`
	StageVariables        map[string]string `json:"stageVariables,omitempty"`
	Body                  string            `json:"body,omitempty"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
}

type requestContext struct {
	AccountID    string      `json:"accountId"`
	APIID        string      `json:"apiId"`
	DomainName   string      `json:"domainName"`
	DomainPrefix string      `json:"domainPrefix"`
	HTTP         httpContext `json:"http"`
	RequestID    string      `json:"requestId"`
	RouteKey     string      `json:"routeKey"`
	Stage        string      `json:"stage"`
	Time         string      `json:"time"`
	TimeEpoch    int64       `json:"timeEpoch"`
}

type httpContext struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// event describes a request to the function of its route.
func (a *API) event(r *http.Request, m match, path, id string, now time.Time, body []byte) event {
	domain := a.cfg.Domain
	if domain == "" {
		domain = r.Host
	}
	prefix, _, _ := strings.Cut(domain, ".")
	headers, cookies := eventHeaders(r, domain, now, len(body))
	text, encoded := eventBody(r.Header.Get("Content-Type"), body)
	return event{
		Version:               "2.0",
		RouteKey:              m.route.key,
		RawPath:               path,
		RawQueryString:        r.URL.RawQuery,
		Cookies:               cookies,
		Headers:               headers,
		QueryStringParameters: eventQuery(r.URL.RawQuery),
		RequestContext: requestContext{
			AccountID:    a.cfg.AccountID,
			APIID:        a.cfg.ID,
			DomainName:   domain,
			DomainPrefix: prefix,
			HTTP: httpContext{
				Method:    r.Method,
				Path:      path,
				Protocol:  r.Proto,
				SourceIP:  sourceIP(r),
				UserAgent: r.UserAgent(),
			},
			RequestID: id,
			RouteKey:  m.route.key,
			Stage:     "$default",
			Time:      now.UTC().Format("02/Jan/2006:15:04:05 -0700"),
			TimeEpoch: now.UnixMilli(),
		},
		PathParameters:  m.params,
		StageVariables:  a.cfg.StageVariables,
		Body:            text,
		IsBase64Encoded: encoded,
	}
}

// eventHeaders gives the headers, their names in lower case and several values
// joined by commas, and the cookies, which have a place of their own.
func eventHeaders(r *http.Request, domain string, now time.Time, size int) (map[string]string, []string) {
	headers := map[string]string{
		"host":              domain,
		"content-length":    strconv.Itoa(size),
		"x-forwarded-port":  "443",
		"x-forwarded-proto": "https",
		"x-amzn-trace-id":   fmt.Sprintf("Root=1-%08x-%s", now.Unix(), hex.EncodeToString(randomBytes(12))),
	}
	var cookies []string
	for name, values := range r.Header {
		switch name {
		case "Cookie":
			for _, value := range values {
				for cookie := range strings.SplitSeq(value, ";") {
					if cookie = strings.TrimSpace(cookie); cookie != "" {
						cookies = append(cookies, cookie)
					}
				}
			}
		case "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
			// These concern one connection, not the request.
		default:
			headers[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	forwarded := sourceIP(r)
	if via := headers["x-forwarded-for"]; via != "" {
		forwarded = via + ", " + forwarded
	}
	headers["x-forwarded-for"] = forwarded
	return headers, cookies
}

func sourceIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// eventQuery gives the query's parameters, decoded, several values joined by
// commas.
func eventQuery(raw string) map[string]string {
	if raw == "" {
		return nil
	}
	// Pairs that cannot be decoded are left out; the raw query has them.
	query, _ := url.ParseQuery(raw)
	params := make(map[string]string, len(query))
	for name, values := range query {
		params[name] = strings.Join(values, ",")
	}
	return params
}

// eventBody gives a body as text where its content type says that it is text,
// and in base64 otherwise. A body without a content type, or of a form, counts
// as binary.
func eventBody(contentType string, body []byte) (text string, encoded bool) {
	if len(body) == 0 {
		return "", false
	}
	if isText(contentType) && utf8.Valid(body) {
		return string(body), false
	}
	return base64.StdEncoding.EncodeToString(body), true
}

func isText(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		mediaType, _, _ = strings.Cut(contentType, ";")
		mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	}
	switch mediaType {
	case "application/json", "application/javascript", "application/xml":
		return true
	default:
		return strings.HasPrefix(mediaType, "text/")
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	// crypto/rand.Read never fails: it ends the program instead.
	_, _ = rand.Read(b)
	return b
}
