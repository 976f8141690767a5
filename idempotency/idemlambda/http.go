package idemlambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// HTTPEvent is an HTTP request as one of these sends it to a Lambda function; the
// fields that a source does not know are empty:
//
//   - an API Gateway HTTP API, payload format 2.0 or 1.0
//   - an API Gateway REST API
//   - a function URL
//   - an Application Load Balancer, with or without multi-value headers
//
// The field names are those of the AWS documentation.
type HTTPEvent struct {
	Version        string      `json:"version"` // "2.0", "1.0" or empty
	RequestContext HTTPContext `json:"requestContext"`

	RawPath        string   `json:"rawPath"`        // 2.0
	RawQueryString string   `json:"rawQueryString"` // 2.0
	Cookies        []string `json:"cookies"`        // 2.0

	HTTPMethod                      string              `json:"httpMethod"`                      // 1.0, REST, ALB
	Path                            string              `json:"path"`                            // 1.0, REST, ALB
	QueryStringParameters           map[string]string   `json:"queryStringParameters"`           // 1.0, REST, ALB
	MultiValueQueryStringParameters map[string][]string `json:"multiValueQueryStringParameters"` // 1.0, REST, ALB
	MultiValueHeaders               map[string][]string `json:"multiValueHeaders"`               // 1.0, REST, ALB

	Headers         map[string]string `json:"headers"`
	StageVariables  map[string]string `json:"stageVariables"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

// HTTPContext holds the details of a request that its source adds.
type HTTPContext struct {
	// RequestID is the id that the gateway has given the request, which its access
	// log has as well. Empty for a load balancer.
	RequestID  string `json:"requestId"`
	AccountID  string `json:"accountId"`
	APIID      string `json:"apiId"`
	Stage      string `json:"stage"`
	DomainName string `json:"domainName"`

	// HTTP holds the request line and the client, in payload format 2.0.
	HTTP struct {
		Method    string `json:"method"`
		Path      string `json:"path"`
		SourceIP  string `json:"sourceIp"`
		UserAgent string `json:"userAgent"`
	} `json:"http"`

	// Identity holds the client and its IAM identity, in payload format 1.0 and for
	// REST APIs.
	Identity struct {
		SourceIP          string `json:"sourceIp"`
		AccountID         string `json:"accountId"`
		AccessKey         string `json:"accessKey"`
		Caller            string `json:"caller"`
		User              string `json:"user"`
		UserARN           string `json:"userArn"`
		CognitoIdentityID string `json:"cognitoIdentityId"`
	} `json:"identity"`

	// RawAuthorizer is the result of the API's authorizer, undecoded. See
	// [HTTPEvent.Authorizer].
	RawAuthorizer json.RawMessage `json:"authorizer"`

	// ELB is set if a load balancer sent the request.
	ELB *struct {
		TargetGroupARN string `json:"targetGroupArn"`
	} `json:"elb"`
}

// HTTP returns a Lambda function that passes HTTP requests to handler, whichever
// source of [HTTPEvent] sends them. The handler may be protected by package
// idemhttp. The request's context is the invocation's, so it ends at
// the function's deadline; [EventOf] returns the event.
//
//	lambda.Start(idemlambda.HTTP(mux))
//
// A header that was sent once arrives as one value, commas included. A path with
// characters that no URL may have, such as /payments/50%, arrives as it was meant.
// A stage that is part of the path is left there; see http.StripPrefix. A body
// that is not UTF-8, or is compressed, is returned in base64, which a REST API
// only decodes for its binaryMediaTypes.
//
// The response is returned as a whole when the handler has returned: flushing
// sends nothing. For an idempotent handler that makes no difference, because a
// response is recorded before it is sent.
//
// The error of the function means that the event is no HTTP request. A panic of
// the handler reaches Lambda.
func HTTP(handler http.Handler) func(context.Context, HTTPEvent) (HTTPResponse, error) {
	return func(ctx context.Context, event HTTPEvent) (HTTPResponse, error) {
		request, err := event.request(ctx)
		if err != nil {
			return HTTPResponse{}, fmt.Errorf("idemlambda: %w", err)
		}
		w := &responseWriter{header: make(http.Header), withoutBody: request.Method == http.MethodHead}
		handler.ServeHTTP(w, request)
		return w.response(&event), nil
	}
}

type eventKey struct{}

// EventOf returns the event that a request was made of by [HTTP], or nil.
func EventOf(r *http.Request) *HTTPEvent {
	event, _ := r.Context().Value(eventKey{}).(*HTTPEvent)
	return event
}

// RequestID returns the id of a request: the one that the gateway has given it,
// else that of the invocation, or "" outside Lambda. It is an
// idemhttp.Config.Instance, so that a problem names what the logs name.
func RequestID(r *http.Request) string {
	if event := EventOf(r); event != nil && event.RequestContext.RequestID != "" {
		return url.PathEscape(event.RequestContext.RequestID)
	}
	if invocation, ok := lambdacontext.FromContext(r.Context()); ok {
		return url.PathEscape(invocation.AwsRequestID)
	}
	return ""
}

// isV2 reports whether the event has payload format 2.0.
func (e *HTTPEvent) isV2() bool { return e.RequestContext.HTTP.Method != "" }

func (e *HTTPEvent) isALB() bool { return e.RequestContext.ELB != nil }

func (e *HTTPEvent) request(ctx context.Context) (*http.Request, error) {
	method, path := e.HTTPMethod, e.Path
	if e.isV2() {
		method, path = e.RequestContext.HTTP.Method, e.RawPath
	}
	if method == "" {
		return nil, errors.New("the event is not an HTTP request")
	}
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, errors.New("the request's body is not base64, though the event says so")
		}
	}
	header := e.header()
	host := header.Get("Host")
	if host == "" {
		host = e.RequestContext.DomainName
	}
	header.Del("Host") // as in net/http
	r := &http.Request{
		Method: method, URL: urlOf(path, e.query()), Host: host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		RemoteAddr: e.remoteAddr(header),
	}
	if len(body) == 0 {
		r.Body = http.NoBody
	}
	r.RequestURI = r.URL.RequestURI()
	return r.WithContext(context.WithValue(ctx, eventKey{}, e)), nil
}

// header returns the request's header. In payload format 2.0 a value stands for
// all that were sent: the gateway has joined them by commas.
func (e *HTTPEvent) header() http.Header {
	header := make(http.Header)
	if len(e.MultiValueHeaders) > 0 {
		for name, values := range e.MultiValueHeaders {
			name = http.CanonicalHeaderKey(name)
			header[name] = append(header[name], values...)
		}
	} else {
		for name, value := range e.Headers {
			header.Set(name, value)
		}
	}
	if len(e.Cookies) > 0 {
		header.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	return header
}

// query returns the query as it stands in a URL. Payload format 2.0 and load
// balancers send it encoded, and the others decoded.
func (e *HTTPEvent) query() string {
	if e.isV2() {
		return e.RawQueryString
	}
	values := url.Values(e.MultiValueQueryStringParameters)
	if len(values) == 0 {
		values = make(url.Values)
		for name, value := range e.QueryStringParameters {
			values.Set(name, value)
		}
	}
	if !e.isALB() {
		return values.Encode()
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			pairs = append(pairs, name+"="+value)
		}
	}
	return strings.Join(pairs, "&")
}

// remoteAddr returns the client's address. Its port is not known. A load balancer
// appends the address to X-Forwarded-For.
func (e *HTTPEvent) remoteAddr(header http.Header) string {
	ip := e.RequestContext.HTTP.SourceIP
	if ip == "" {
		ip = e.RequestContext.Identity.SourceIP
	}
	if forwarded := header.Values("X-Forwarded-For"); ip == "" && e.isALB() && len(forwarded) > 0 {
		all := strings.Split(forwarded[len(forwarded)-1], ",")
		ip = strings.TrimSpace(all[len(all)-1])
	}
	if ip == "" {
		return ""
	}
	return net.JoinHostPort(ip, "0")
}

func urlOf(path, query string) *url.URL {
	raw := escapePath(path)
	if !strings.HasPrefix(raw, "/") {
		raw = "/" + raw
	}
	decoded, err := url.PathUnescape(raw)
	if err != nil { // escapePath leaves nothing that could not be decoded
		decoded = raw
	}
	u := &url.URL{Path: decoded, RawQuery: escapeQuery(query)}
	if u.EscapedPath() != raw {
		u.RawPath = raw
	}
	return u
}

// escapePath escapes what cannot be in a URL's path. HTTP APIs send the path
// decoded, while other sources send it encoded: what is already escaped stays so.
func escapePath(path string) string { return escape(path, "\"#<>?[\\]^`{|}", true) }

// escapeQuery escapes what cannot be in a URL's query. A percent sign that escapes
// nothing is left to whoever parses it.
func escapeQuery(query string) string { return escape(query, "\"#<>", false) }

func escape(text, special string, percent bool) string {
	var escaped strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case percent && c == '%' && !(i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2])),
			c <= ' ', c >= 0x7f, strings.IndexByte(special, c) >= 0:
			fmt.Fprintf(&escaped, "%%%02X", c)
		default:
			escaped.WriteByte(c)
		}
	}
	return escaped.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
