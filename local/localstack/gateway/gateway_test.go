package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/gateway"
)

// invokerFunc is an Invoker that is a function.
type invokerFunc func(ctx context.Context, function string, event []byte) ([]byte, error)

func (f invokerFunc) Invoke(ctx context.Context, function string, event []byte) ([]byte, error) {
	return f(ctx, function, event)
}

// answers invokes nothing and answers always the same.
func answers(response string) invokerFunc {
	return func(context.Context, string, []byte) ([]byte, error) { return []byte(response), nil }
}

func newAPI(t *testing.T, cfg gateway.Config) http.Handler {
	t.Helper()
	if cfg.Invoker == nil {
		cfg.Invoker = answers(`{"statusCode":200}`)
	}
	if cfg.Routes == nil {
		cfg.Routes = []gateway.Route{{Key: "$default", Function: "fn"}}
	}
	api, err := gateway.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func do(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var noon = time.Date(2026, 3, 12, 12, 3, 58, 390e6, time.UTC)

func TestEvent(t *testing.T) {
	t.Parallel()
	request := func(method, target, contentType, body string) *http.Request {
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		r.Header.Set("User-Agent", "curl/8")
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		return r
	}
	cases := map[string]struct {
		request *http.Request
		want    string
	}{
		"a body of JSON": {
			request("POST", "/things", "application/json; charset=utf-8", `{"a":"ü"}`),
			`{"version":"2.0","routeKey":"POST /things","rawPath":"/things","rawQueryString":"",
			  "headers":{"content-length":"10","content-type":"application/json; charset=utf-8","host":"api.example","user-agent":"curl/8",
			    "x-amzn-trace-id":"*","x-forwarded-for":"192.0.2.1","x-forwarded-port":"443","x-forwarded-proto":"https"},
			  "requestContext":{"accountId":"000000000000","apiId":"abc","domainName":"api.example","domainPrefix":"api",
			    "http":{"method":"POST","path":"/things","protocol":"HTTP/1.1","sourceIp":"192.0.2.1","userAgent":"curl/8"},
			    "requestId":"*","routeKey":"POST /things","stage":"$default","time":"12/Mar/2026:12:03:58 +0000","timeEpoch":1773317038390},
			  "stageVariables":{"colour":"blue"},
			  "body":"{\"a\":\"ü\"}","isBase64Encoded":false}`,
		},
		"parameters, several values and cookies": {
			func() *http.Request {
				r := request("GET", "/things/a%20b%25?x=1&x=2&y=%C3%BC&z", "", "")
				r.Header.Add("X-Many", "one")
				r.Header.Add("X-Many", "two")
				r.Header.Add("Cookie", "a=1; b=2")
				r.Header.Add("Cookie", "c=3")
				r.Header.Set("X-Forwarded-For", "203.0.113.9")
				return r
			}(),
			`{"version":"2.0","routeKey":"GET /things/{id}","rawPath":"/things/a b%","rawQueryString":"x=1&x=2&y=%C3%BC&z",
			  "cookies":["a=1","b=2","c=3"],
			  "headers":{"content-length":"0","host":"api.example","user-agent":"curl/8","x-many":"one,two",
			    "x-amzn-trace-id":"*","x-forwarded-for":"203.0.113.9, 192.0.2.1","x-forwarded-port":"443","x-forwarded-proto":"https"},
			  "queryStringParameters":{"x":"1,2","y":"ü","z":""},
			  "pathParameters":{"id":"a b%"},
			  "requestContext":{"accountId":"000000000000","apiId":"abc","domainName":"api.example","domainPrefix":"api",
			    "http":{"method":"GET","path":"/things/a b%","protocol":"HTTP/1.1","sourceIp":"192.0.2.1","userAgent":"curl/8"},
			    "requestId":"*","routeKey":"GET /things/{id}","stage":"$default","time":"12/Mar/2026:12:03:58 +0000","timeEpoch":1773317038390},
			  "stageVariables":{"colour":"blue"},
			  "isBase64Encoded":false}`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got map[string]any
			api := newAPI(t, gateway.Config{
				ID: "abc", Domain: "api.example", Clock: func() time.Time { return noon },
				StageVariables: map[string]string{"colour": "blue"},
				Routes:         []gateway.Route{{Key: "POST /things", Function: "fn"}, {Key: "GET /things/{id}", Function: "fn"}},
				Invoker: invokerFunc(func(_ context.Context, _ string, event []byte) ([]byte, error) {
					return []byte(`{"statusCode":200}`), json.Unmarshal(event, &got)
				}),
			})
			res := do(api, c.request)
			var want map[string]any
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if got == nil {
				t.Fatalf("the function was not invoked: %s", res.Status)
			}
			// These differ every time.
			rc, headers := got["requestContext"].(map[string]any), got["headers"].(map[string]any)
			if id := res.Header.Get("Apigw-Requestid"); id == "" || id != rc["requestId"] {
				t.Errorf("request id %v in the event, %q in the response", rc["requestId"], id)
			}
			if trace, _ := headers["x-amzn-trace-id"].(string); !strings.HasPrefix(trace, "Root=1-") {
				t.Errorf("trace id %q", trace)
			}
			rc["requestId"], headers["x-amzn-trace-id"] = "*", "*"
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventBodyEncoding(t *testing.T) {
	t.Parallel()
	cases := []struct {
		contentType, body, want string
		encoded                 bool
	}{
		{"application/json", `{}`, `{}`, false},
		{"text/plain", "hi", "hi", false},
		{"application/xml", "<a/>", "<a/>", false},
		{"application/javascript", "1", "1", false},
		{"", "hi", "aGk=", true},
		{"application/x-www-form-urlencoded", "a=1", "YT0x", true},
		{"application/octet-stream", "hi", "aGk=", true},
		{"application/problem+json", "{}", "e30=", true},
		{"application/json", "\xff", "/w==", true},
		{"application/octet-stream", "", "", false},
	}
	for _, c := range cases {
		var got struct {
			Body            string
			IsBase64Encoded bool
		}
		api := newAPI(t, gateway.Config{Invoker: invokerFunc(func(_ context.Context, _ string, event []byte) ([]byte, error) {
			return []byte(`{"statusCode":200}`), json.Unmarshal(event, &got)
		})})
		r := httptest.NewRequest("POST", "/", strings.NewReader(c.body))
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		do(api, r)
		if got.Body != c.want || got.IsBase64Encoded != c.encoded {
			t.Errorf("%q as %q: got %q (base64 %v), want %q (base64 %v)", c.body, c.contentType, got.Body, got.IsBase64Encoded, c.want, c.encoded)
		}
	}
}

func TestResponse(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		answer  string
		status  int
		body    string
		headers map[string][]string
	}{
		"complete": {
			`{"statusCode":201,"headers":{"location":"/things/1","content-type":"application/json","X-Count":3,"Connection":"close"},"cookies":["a=1; Path=/","b=2"],"body":"{}"}`,
			201, "{}", map[string][]string{"Location": {"/things/1"}, "Content-Type": {"application/json"}, "X-Count": {"3"}, "Set-Cookie": {"a=1; Path=/", "b=2"}, "Connection": nil},
		},
		"base64":                {`{"statusCode":200,"isBase64Encoded":true,"body":"/wA="}`, 200, "\xff\x00", nil},
		"no content type":       {`{"statusCode":200,"body":"hi"}`, 200, "hi", map[string][]string{"Content-Type": {"text/plain;charset=UTF-8"}}},
		"status in a string":    {`{"statusCode":"404"}`, 404, "", nil},
		"not modified":          {`{"statusCode":304,"headers":{"ETag":"\"1\""}}`, 304, "", map[string][]string{"Etag": {`"1"`}, "Content-Type": nil}},
		"inferred from JSON":    {`{"hello": "world"}`, 200, `{"hello": "world"}`, map[string][]string{"Content-Type": {"application/json"}}},
		"inferred from a text":  {`"hello"`, 200, "hello", map[string][]string{"Content-Type": {"application/json"}}},
		"inferred from a list":  {`[1,2]`, 200, "[1,2]", nil},
		"not JSON":              {`hello`, 500, `{"message":"Internal Server Error"}`, nil},
		"not a status":          {`{"statusCode":"many"}`, 500, `{"message":"Internal Server Error"}`, nil},
		"body is not a text":    {`{"statusCode":200,"body":{}}`, 500, `{"message":"Internal Server Error"}`, nil},
		"base64 that is not":    {`{"statusCode":200,"isBase64Encoded":true,"body":"?"}`, 500, `{"message":"Internal Server Error"}`, nil},
		"a header is an object": {`{"statusCode":200,"headers":{"a":{}}}`, 500, `{"message":"Internal Server Error"}`, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := do(newAPI(t, gateway.Config{Invoker: answers(c.answer)}), httptest.NewRequest("GET", "/", nil))
			if got := body(t, res); res.StatusCode != c.status || got != c.body {
				t.Errorf("got %d %q, want %d %q", res.StatusCode, got, c.status, c.body)
			}
			for name, want := range c.headers {
				if diff := cmp.Diff(want, res.Header.Values(name)); diff != "" && !(len(want) == 0 && len(res.Header.Values(name)) == 0) {
					t.Errorf("header %s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

func TestRoutePriority(t *testing.T) {
	t.Parallel()
	routes := []string{
		"$default", "ANY /{proxy+}", "GET /pets/{proxy+}", "GET /pets/{id}", "ANY /pets/dog", "GET /pets/dog", "GET /pets/dog/{id}", "GET /pets/{id}/toys",
	}
	cases := map[string]string{
		"GET /pets/dog":        "GET /pets/dog",
		"POST /pets/dog":       "ANY /pets/dog",
		"GET /pets/cat":        "GET /pets/{id}",
		"GET /pets/dog/1":      "GET /pets/dog/{id}",
		"GET /pets/dog/1/2":    "GET /pets/{proxy+}",
		"GET /pets/cat/toys":   "GET /pets/{id}/toys",
		"GET /pets/cat/food":   "GET /pets/{proxy+}",
		"POST /pets/cat":       "ANY /{proxy+}",
		"DELETE /anything/at":  "ANY /{proxy+}",
		"GET /":                "$default",
		"GET /pets/a%2Ftoys":   "GET /pets/{id}/toys",
		"GET /pets/a%3Fb/toys": "GET /pets/{id}",
	}
	cfg := gateway.Config{Invoker: invokerFunc(func(_ context.Context, function string, _ []byte) ([]byte, error) {
		return fmt.Appendf(nil, `{"statusCode":200,"body":%q}`, function), nil
	})}
	for _, key := range routes {
		cfg.Routes = append(cfg.Routes, gateway.Route{Key: key, Function: key})
	}
	api := newAPI(t, cfg)
	for request, want := range cases {
		method, path, _ := strings.Cut(request, " ")
		if got := body(t, do(api, httptest.NewRequest(method, path, nil))); got != want {
			t.Errorf("%s went to %s, want %s", request, got, want)
		}
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	api := newAPI(t, gateway.Config{Routes: []gateway.Route{{Key: "GET /things/{id}", Function: "fn"}}})
	for _, request := range []string{"GET /", "GET /things", "GET /things/", "GET /things/1/2", "POST /things/1", "HEAD /things/1"} {
		method, path, _ := strings.Cut(request, " ")
		res := do(api, httptest.NewRequest(method, path, nil))
		if got := body(t, res); res.StatusCode != 404 || got != `{"message":"Not Found"}` || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: got %d %s", request, res.StatusCode, got)
		}
	}
}

func TestRoutesAreChecked(t *testing.T) {
	t.Parallel()
	for want, routes := range map[string][]gateway.Route{
		"a method and a path":       {{Key: "/things", Function: "fn"}},
		"is neither a text nor":     {{Key: "GET /things/{id", Function: "fn"}},
		"is not the last segment":   {{Key: "GET /{all+}/things", Function: "fn"}},
		"matches the same requests": {{Key: "GET /{a}", Function: "fn"}, {Key: "GET /{b}", Function: "fn"}},
		"has no function":           {{Key: "GET /"}},
		"is not within 30s":         {{Key: "GET /", Function: "fn", Timeout: time.Minute}},
		"is negative":               {{Key: "GET /", Function: "fn", Throttle: gateway.Throttle{Rate: -1}}},
	} {
		if _, err := gateway.New(gateway.Config{Routes: routes, Invoker: answers(`{}`)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

func TestIntegrationFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		status int
		body   string
	}{
		"crash":             {errors.New("exit status 1"), 500, `{"message":"Internal Server Error"}`},
		"not available":     {fmt.Errorf("%w: throttled", gateway.ErrUnavailable), 503, `{"message":"Service Unavailable"}`},
		"too large for it":  {fmt.Errorf("%w: 7 MB", gateway.ErrEventTooLarge), 413, `{"message":"Request Entity Too Large"}`},
		"patience is spent": {context.DeadlineExceeded, 503, `{"message":"Service Unavailable"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newAPI(t, gateway.Config{Invoker: invokerFunc(func(context.Context, string, []byte) ([]byte, error) { return nil, c.err })})
			res := do(api, httptest.NewRequest("GET", "/", nil))
			if got := body(t, res); res.StatusCode != c.status || got != c.body {
				t.Errorf("got %d %s, want %d %s", res.StatusCode, got, c.status, c.body)
			}
		})
	}
}

func TestIntegrationTimeout(t *testing.T) {
	t.Parallel()
	var deadline time.Time
	api := newAPI(t, gateway.Config{
		Routes: []gateway.Route{{Key: "GET /quick", Function: "fn", Timeout: time.Millisecond}, {Key: "GET /", Function: "fn"}},
		Invoker: invokerFunc(func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
			if deadline, _ = ctx.Deadline(); time.Until(deadline) > time.Second {
				return []byte(`{}`), nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}),
	})
	if res := do(api, httptest.NewRequest("GET", "/quick", nil)); res.StatusCode != 503 {
		t.Errorf("got %s, want 503", res.Status)
	}
	const want = 30 * time.Second
	before := time.Now()
	do(api, httptest.NewRequest("GET", "/", nil))
	if deadline.Before(before.Add(want)) || deadline.After(time.Now().Add(want)) {
		t.Errorf("%v by default, want %v", deadline.Sub(before), want)
	}
}

func TestClientThatGoesAwayDoesNotCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var seen error
	api := newAPI(t, gateway.Config{Invoker: invokerFunc(func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		cancel()
		seen = ctx.Err()
		return []byte(`{}`), nil
	})})
	do(api, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
	if seen != nil {
		t.Errorf("the invocation's context ended with the client's: %v", seen)
	}
}

func TestRequestBodyLimit(t *testing.T) {
	t.Parallel()
	invoked := false
	api := newAPI(t, gateway.Config{Invoker: invokerFunc(func(context.Context, string, []byte) ([]byte, error) {
		invoked = true
		return []byte(`{}`), nil
	})})
	if res := do(api, httptest.NewRequest("POST", "/", bytes.NewReader(make([]byte, gateway.MaxBody+1)))); res.StatusCode != 413 || invoked {
		t.Errorf("over the limit: got %s, invoked %v", res.Status, invoked)
	}
	if res := do(api, httptest.NewRequest("POST", "/", bytes.NewReader(make([]byte, gateway.MaxBody)))); res.StatusCode != 200 || !invoked {
		t.Errorf("at the limit: got %s, invoked %v", res.Status, invoked)
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	now := noon
	api := newAPI(t, gateway.Config{
		Clock:    func() time.Time { return now },
		Throttle: gateway.Throttle{Rate: 10, Burst: 2},
		Routes: []gateway.Route{
			{Key: "GET /a", Function: "fn"}, {Key: "GET /b", Function: "fn"},
			{Key: "GET /one", Function: "fn", Throttle: gateway.Throttle{Rate: 1, Burst: 1}},
		},
	})
	get := func(path string) int { return do(api, httptest.NewRequest("GET", path, nil)).StatusCode }
	expect := func(path string, want ...int) {
		t.Helper()
		for i, status := range want {
			if got := get(path); got != status {
				t.Errorf("%s, request %d: got %d, want %d", path, i+1, got, status)
			}
		}
	}
	expect("/a", 200, 200, 429)
	expect("/b", 200, 200, 429)
	expect("/one", 200, 429)
	now = now.Add(100 * time.Millisecond)
	expect("/a", 200, 429)
	expect("/one", 429)
	res := do(api, httptest.NewRequest("GET", "/a", nil))
	if got := body(t, res); got != `{"message":"Too Many Requests"}` {
		t.Errorf("body %s", got)
	}
}
