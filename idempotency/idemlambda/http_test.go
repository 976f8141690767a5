package idemlambda_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
)

// call invokes a function as Lambda does: JSON goes in, and JSON comes out.
func call(t *testing.T, handler http.Handler, event string) (response struct {
	idemlambda.HTTPResponse
	text string
}) {
	t.Helper()
	var e idemlambda.HTTPEvent
	read(t, event, &e)
	r, err := idemlambda.HTTP(handler)(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	response.text = string(text)
	read(t, response.text, &response.HTTPResponse)
	return response
}

// The same request, as each source sends it: POST /a%20b?x=1&x=2%263 with a quoted
// key that has a comma, two cookies and a header sent twice.
var sources = map[string]string{
	"HTTP API 2.0": `{"version":"2.0","rawPath":"/a b","rawQueryString":"x=1&x=2%263","cookies":["c=1","d=2"],
		"headers":{"host":"api.example","idempotency-key":"\"a, b\"","accept":"x/y,z/*","content-type":"text/plain"},
		"requestContext":{"requestId":"r1","stage":"$default","domainName":"api.example","http":{"method":"POST","path":"/a b","protocol":"HTTP/1.1","sourceIp":"192.0.2.1","userAgent":"u"}},
		"body":"hello","isBase64Encoded":false}`,
	"function URL": `{"version":"2.0","rawPath":"/a%20b","rawQueryString":"x=1&x=2%263","cookies":["c=1","d=2"],
		"headers":{"host":"api.example","idempotency-key":"\"a, b\"","accept":"x/y,z/*","content-type":"text/plain"},
		"requestContext":{"requestId":"r1","stage":"$default","domainName":"api.example","http":{"method":"POST","path":"/a%20b","protocol":"HTTP/1.1","sourceIp":"192.0.2.1","userAgent":"u"}},
		"body":"aGVsbG8=","isBase64Encoded":true}`,
	"HTTP API 1.0": `{"version":"1.0","httpMethod":"POST","path":"/a b","resource":"/{proxy+}",
		"headers":{"Host":"api.example"},"multiValueHeaders":{"Host":["api.example"],"Idempotency-Key":["\"a, b\""],"Accept":["x/y","z/*"],"Cookie":["c=1; d=2"],"Content-Type":["text/plain"]},
		"queryStringParameters":{"x":"2&3"},"multiValueQueryStringParameters":{"x":["1","2&3"]},
		"requestContext":{"requestId":"r1","stage":"$default","identity":{"sourceIp":"192.0.2.1"}},"body":"hello","isBase64Encoded":false}`,
	"REST API": `{"httpMethod":"POST","path":"/a%20b","resource":"/{proxy+}",
		"headers":{"Host":"api.example"},"multiValueHeaders":{"Host":["api.example"],"idempotency-key":["\"a, b\""],"Accept":["x/y","z/*"],"Cookie":["c=1; d=2"],"Content-Type":["text/plain"]},
		"queryStringParameters":{"x":"2&3"},"multiValueQueryStringParameters":{"x":["1","2&3"]},
		"requestContext":{"requestId":"r1","stage":"prod","path":"/prod/a%20b","identity":{"sourceIp":"192.0.2.1"}},"body":"aGVsbG8=","isBase64Encoded":true}`,
	"ALB": `{"httpMethod":"POST","path":"/a%20b","headers":{"host":"api.example","idempotency-key":"\"a, b\"","accept":"x/y,z/*","cookie":"c=1; d=2","content-type":"text/plain","x-forwarded-for":"203.0.113.9, 192.0.2.1"},
		"queryStringParameters":{"x":"2%263"},
		"requestContext":{"elb":{"targetGroupArn":"arn"}},"body":"hello","isBase64Encoded":false}`,
	"ALB with multi-value headers": `{"httpMethod":"POST","path":"/a%20b","multiValueHeaders":{"host":["api.example"],"idempotency-key":["\"a, b\""],"accept":["x/y","z/*"],"cookie":["c=1; d=2"],"content-type":["text/plain"],"x-forwarded-for":["203.0.113.9, 192.0.2.1"]},
		"multiValueQueryStringParameters":{"x":["1","2%263"]},
		"requestContext":{"elb":{"targetGroupArn":"arn"}},"body":"hello","isBase64Encoded":false}`,
}

func TestHTTPRequest(t *testing.T) {
	t.Parallel()
	for name, event := range sources {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if r.Method != "POST" || r.URL.Path != "/a b" || r.Host != "api.example" || string(body) != "hello" || err != nil || r.ContentLength != 5 || r.RemoteAddr != "192.0.2.1:0" {
					t.Errorf("got %s %q of %q from %q: %q, %v", r.Method, r.URL.Path, r.Host, r.RemoteAddr, body, err)
				}
				want := []string{"1", "2&3"}
				if name == "ALB" {
					want = want[1:] // it sends the last one alone
				}
				if got := r.URL.Query()["x"]; !slices.Equal(got, want) {
					t.Errorf("query %q", got)
				}
				if keys := r.Header["Idempotency-Key"]; !slices.Equal(keys, []string{`"a, b"`}) {
					t.Errorf("key %q", keys)
				}
				if got := strings.Join(r.Header.Values("Accept"), ","); got != "x/y,z/*" {
					t.Errorf("accept %q", got)
				}
				for name, value := range map[string]string{"c": "1", "d": "2"} {
					if cookie, err := r.Cookie(name); err != nil || cookie.Value != value {
						t.Errorf("cookie %s: %v, %v", name, cookie, err)
					}
				}
				if id := idemlambda.EventOf(r).RequestContext.RequestID; id != "r1" && !strings.HasPrefix(name, "ALB") {
					t.Errorf("request id %q", id)
				}
			}), event)
		})
	}
}

func TestHTTPResponse(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Set-Cookie", "c=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT")
		w.Header().Add("Set-Cookie", "d=2")
		w.Header().Add("Set-Cookie", "e=3")
		w.Header().Add("Vary", "Accept")
		w.Header().Add("Vary", "Origin")
		w.Header().Set("X-Odd", "one\r\ntwo")
		w.WriteHeader(http.StatusCreated)
		w.Header().Set("X-Late", "ignored")
		_, _ = io.WriteString(w, "<made>")
	})
	for name, want := range map[string]string{
		"HTTP API 2.0":                 `{"statusCode":201,"headers":{"Content-Type":"text/plain; charset=utf-8","Vary":"Accept, Origin","X-Odd":"one  two"},"cookies":["c=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT","d=2","e=3"],"body":"\u003cmade\u003e","isBase64Encoded":false}`,
		"REST API":                     `{"statusCode":201,"multiValueHeaders":{"Content-Type":["text/plain; charset=utf-8"],"Set-Cookie":["c=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT","d=2","e=3"],"Vary":["Accept","Origin"],"X-Odd":["one  two"]},"body":"\u003cmade\u003e","isBase64Encoded":false}`,
		"ALB":                          `{"statusCode":201,"statusDescription":"201 Created","headers":{"Content-Type":"text/plain; charset=utf-8","Set-cookie":"d=2","Vary":"Accept, Origin","X-Odd":"one  two","sEt-cookie":"e=3","set-cookie":"c=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT"},"body":"\u003cmade\u003e","isBase64Encoded":false}`,
		"ALB with multi-value headers": `{"statusCode":201,"statusDescription":"201 Created","multiValueHeaders":{"Content-Type":["text/plain; charset=utf-8"],"Set-Cookie":["c=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT","d=2","e=3"],"Vary":["Accept","Origin"],"X-Odd":["one  two"]},"body":"\u003cmade\u003e","isBase64Encoded":false}`,
	} {
		if got := call(t, handler, sources[name]); got.text != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got.text, want)
		}
	}
}

func TestHTTPBinary(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body, encoding string
		binary         bool
	}{
		"text":       {"grün", "", false},
		"image":      {"\x89PNG\r\n\x1a\n\xff", "", true},
		"compressed": {"plain as it looks", "gzip", true},
		"identity":   {"plain", "identity", false},
		"nothing":    {"", "", false},
	} {
		got := call(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if test.encoding != "" {
				w.Header().Set("Content-Encoding", test.encoding)
			}
			_, _ = io.WriteString(w, test.body)
		}), sources["HTTP API 2.0"])
		body := got.Body
		if got.IsBase64Encoded {
			decoded, err := base64.StdEncoding.DecodeString(body)
			if err != nil {
				t.Fatal(err)
			}
			body = string(decoded)
		}
		if body != test.body || got.IsBase64Encoded != test.binary || got.StatusCode != http.StatusOK {
			t.Errorf("%s: got %+v", name, got.HTTPResponse)
		}
	}
}

func TestHTTPWithoutBody(t *testing.T) {
	t.Parallel()
	head := strings.Replace(sources["HTTP API 2.0"], `"method":"POST"`, `"method":"HEAD"`, 1)
	got := call(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.(http.Flusher).Flush()
		w.WriteHeader(http.StatusTeapot)
		if n, err := io.WriteString(w, "text"); n != 4 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	}), head)
	if got.StatusCode != http.StatusOK || got.Body != "" {
		t.Errorf("got %s", got.text)
	}
	call(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		if _, err := io.WriteString(w, "text"); err == nil {
			t.Error("a 204 has been given a body")
		}
	}), sources["HTTP API 2.0"])
}

// Gateways send paths decoded or encoded, and pass on what is no URL.
func TestHTTPPath(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rawPath, want string }{
		{"/payments/k1", "k1"},
		{"/payments/a b", "a b"},
		{"/payments/a%20b", "a b"},
		{"/payments/50%", "50%"},
		{"/payments/50% off", "50% off"},
		{"/payments/100%zz", "100%zz"},
		{"/payments/what?#", "what?#"},
		{"/payments/a%2Fb", "a/b"},
		{`/payments/"<[{^}]>"\`, `"<[{^}]>"\`},
		{"/payments/kö", "kö"},
		{"payments/k1", "k1"},
	} {
		for name, field := range map[string]string{"HTTP API 2.0": `"rawPath":"/a b"`, "REST API": `"path":"/a%20b","res`, "ALB": `"path":"/a%20b","head`} {
			path, _ := json.Marshal(test.rawPath)
			before, after, _ := strings.Cut(field, `":"`)
			_, after, _ = strings.Cut(after, `"`)
			event := strings.Replace(sources[name], field, before+`":`+string(path)+after, 1)
			mux := http.NewServeMux()
			var got string
			mux.HandleFunc("POST /payments/{key}", func(_ http.ResponseWriter, r *http.Request) { got = r.PathValue("key") })
			call(t, mux, event)
			if got != test.want {
				t.Errorf("%s, %s: got %q, want %q", name, test.rawPath, got, test.want)
			}
		}
	}
	for _, path := range []string{"", "//evil.example/x", "/a/../b", "*", "http://evil.example/"} {
		text, _ := json.Marshal(path)
		call(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Host != "" || r.Host != "api.example" || !strings.HasPrefix(r.URL.Path, "/") {
				t.Errorf("%s: got %v of %s", path, r.URL, r.Host)
			}
		}), strings.Replace(sources["HTTP API 2.0"], `"rawPath":"/a b"`, `"rawPath":`+string(text), 1))
	}
}

func TestHTTPContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	var event idemlambda.HTTPEvent
	read(t, sources["REST API"], &event)
	_, err := idemlambda.HTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := r.Context().Deadline(); !ok {
			t.Error("the invocation's deadline is lost")
		}
	}))(ctx, event)
	if err != nil {
		t.Error(err)
	}
	if idemlambda.EventOf(&http.Request{}) != nil {
		t.Error("a request from elsewhere has an event")
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "i1"})
	for source, want := range map[string]string{"HTTP API 2.0": "r1", "REST API": "r1", "ALB": "i1"} {
		var event idemlambda.HTTPEvent
		read(t, sources[source], &event)
		_, err := idemlambda.HTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got := idemlambda.RequestID(r); got != want {
				t.Errorf("%s: got %q, want %q", source, got, want)
			}
		}))(ctx, event)
		if err != nil {
			t.Error(err)
		}
	}
	if got := idemlambda.RequestID(&http.Request{}); got != "" {
		t.Errorf("outside Lambda: got %q", got)
	}
}

func TestEventsThatAreNoRequest(t *testing.T) {
	t.Parallel()
	for _, event := range []string{`{}`, `{"Records":[]}`, `{"source":"aws.events","detail":{}}`, strings.Replace(sources["REST API"], "aGVsbG8=", "no base64", 1)} {
		var e idemlambda.HTTPEvent
		read(t, event, &e)
		if _, err := idemlambda.HTTP(http.NotFoundHandler())(t.Context(), e); err == nil {
			t.Errorf("%s: accepted", event)
		}
	}
}

// authorized is the event of a source with what its authorizer has said.
func authorized(source, context string) string {
	return strings.Replace(sources[source], `"requestContext":{`, `"requestContext":{`+context+`,`, 1)
}

func TestScopesOfCallers(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:sts::000000000000:assumed-role/shop/"
	for name, test := range map[string]struct {
		event string
		scope func(*http.Request) (idempotency.Scope, error)
		want  string // empty for an error
	}{
		"JWT of an HTTP API":       {authorized("HTTP API 2.0", `"authorizer":{"jwt":{"claims":{"sub":"alice"},"scopes":["pay"]}}`), idemlambda.ClaimScope("sub"), "alice"},
		"JWT, format 1.0":          {authorized("HTTP API 1.0", `"authorizer":{"claims":{"sub":"alice"},"scopes":null}`), idemlambda.ClaimScope("sub"), "alice"},
		"Cognito of a REST API":    {authorized("REST API", `"authorizer":{"claims":{"sub":"alice"}}`), idemlambda.ClaimScope("sub"), "alice"},
		"no such claim":            {authorized("REST API", `"authorizer":{"claims":{"sub":"alice"}}`), idemlambda.ClaimScope("tenant"), ""},
		"a blank claim":            {authorized("REST API", `"authorizer":{"claims":{"sub":" "}}`), idemlambda.ClaimScope("sub"), ""},
		"no authorizer":            {sources["HTTP API 2.0"], idemlambda.ClaimScope("sub"), ""},
		"Lambda of an HTTP API":    {authorized("HTTP API 2.0", `"authorizer":{"lambda":{"account":12345678901234567890}}`), idemlambda.LambdaAuthorizerScope("account"), "12345678901234567890"},
		"Lambda of a REST API":     {authorized("REST API", `"authorizer":{"principalId":"alice","integrationLatency":1}`), idemlambda.LambdaAuthorizerScope("principalId"), "alice"},
		"a claim is no field":      {authorized("HTTP API 2.0", `"authorizer":{"jwt":{"claims":{"sub":"alice"}}}`), idemlambda.LambdaAuthorizerScope("sub"), ""},
		"IAM user":                 {authorized("HTTP API 2.0", `"authorizer":{"iam":{"accountId":"0","userArn":"arn:aws:iam::000000000000:user/alice"}}`), idemlambda.IAMScope, "arn:aws:iam::000000000000:user/alice"},
		"IAM role":                 {authorized("function URL", `"authorizer":{"iam":{"accountId":"0","userArn":"`+role+`session-1"}}`), idemlambda.IAMScope, strings.TrimSuffix(role, "/")},
		"IAM role of a REST API":   {strings.Replace(sources["REST API"], `"sourceIp"`, `"userArn":"`+role+`session-2","sourceIp"`, 1), idemlambda.IAMScope, strings.TrimSuffix(role, "/")},
		"user of an identity pool": {authorized("HTTP API 2.0", `"authorizer":{"iam":{"userArn":"`+role+`CognitoIdentityCredentials","cognitoIdentity":{"identityId":"pool:alice"}}}`), idemlambda.IAMScope, "cognito pool:alice"},
		"not signed":               {sources["REST API"], idemlambda.IAMScope, ""},
	} {
		call(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got, err := test.scope(r)
			if test.want == "" {
				if err == nil {
					t.Errorf("%s: got %v", name, got)
				}
				return
			}
			if want, _ := idempotency.NewScope(test.want); got != want || err != nil {
				t.Errorf("%s: got %v, %v; want %q", name, got, err, test.want)
			}
		}), test.event)
	}
	if _, err := idemlambda.IAMScope(&http.Request{}); err == nil {
		t.Error("a request that does not come from Lambda has a scope")
	}
}
