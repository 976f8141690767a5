package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/gateway"
)

// corsHeaders gives the response's CORS headers by the rest of their names.
func corsHeaders(res *http.Response) map[string]string {
	got := map[string]string{}
	for name := range res.Header {
		if short, ok := strings.CutPrefix(name, "Access-Control-"); ok {
			got[short] = res.Header.Get(name)
		}
	}
	return got
}

func corsAPI(t *testing.T, cors gateway.CORS, answer string) http.Handler {
	return newAPI(t, gateway.Config{
		CORS:    &cors,
		Routes:  []gateway.Route{{Key: "GET /things", Function: "fn"}},
		Invoker: answers(answer),
	})
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	anyOrigin := gateway.CORS{
		AllowOrigins: []string{"*"}, AllowMethods: []string{"GET", "POST"}, AllowHeaders: []string{"content-type", "idempotency-key"}, MaxAge: 24 * time.Hour,
	}
	oneOrigin := gateway.CORS{AllowOrigins: []string{"https://a.example", "http://*"}, AllowMethods: []string{"*"}, AllowHeaders: []string{"*"}, AllowCredentials: true}
	cases := map[string]struct {
		cors                    gateway.CORS
		origin, method, headers string
		want                    map[string]string
	}{
		"allowed": {anyOrigin, "https://a.example", "POST", "Idempotency-Key, content-type", map[string]string{
			"Allow-Origin": "*", "Allow-Methods": "GET,POST", "Allow-Headers": "content-type,idempotency-key", "Max-Age": "86400"}},
		"a method that is not":  {anyOrigin, "https://a.example", "DELETE", "", map[string]string{}},
		"a header that is not":  {anyOrigin, "https://a.example", "POST", "x-other", map[string]string{}},
		"no origin":             {anyOrigin, "", "POST", "", map[string]string{}},
		"not a preflight":       {anyOrigin, "https://a.example", "", "", map[string]string{}},
		"the origin":            {oneOrigin, "https://a.example", "PUT", "x-other", map[string]string{"Allow-Origin": "https://a.example", "Allow-Methods": "PUT", "Allow-Headers": "x-other", "Allow-Credentials": "true"}},
		"an origin by scheme":   {oneOrigin, "http://b.example", "PUT", "", map[string]string{"Allow-Origin": "http://b.example", "Allow-Methods": "PUT", "Allow-Headers": "*", "Allow-Credentials": "true"}},
		"another origin":        {oneOrigin, "https://b.example", "PUT", "", map[string]string{}},
		"an origin that begins": {oneOrigin, "https://a.example.net", "PUT", "", map[string]string{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("OPTIONS", "/things", nil)
			for header, value := range map[string]string{"Origin": c.origin, "Access-Control-Request-Method": c.method, "Access-Control-Request-Headers": c.headers} {
				if value != "" {
					r.Header.Set(header, value)
				}
			}
			res := do(corsAPI(t, c.cors, `{"statusCode":500}`), r)
			if res.StatusCode != http.StatusNoContent {
				t.Errorf("got %s, want 204", res.Status)
			}
			if diff := cmp.Diff(c.want, corsHeaders(res)); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCORSHeadersOnResponses(t *testing.T) {
	t.Parallel()
	cors := gateway.CORS{AllowOrigins: []string{"*"}, ExposeHeaders: []string{"ETag", "Location"}}
	want := map[string]string{"Allow-Origin": "*", "Expose-Headers": "etag,location"}
	for name, c := range map[string]struct {
		path, origin, answer string
		status               int
		want                 map[string]string
	}{
		"a response":                    {"/things", "https://a.example", `{"statusCode":200}`, 200, want},
		"instead of the function's own": {"/things", "https://a.example", `{"statusCode":200,"headers":{"access-control-allow-origin":"https://b.example","access-control-max-age":"1"}}`, 200, want},
		"the function's error":          {"/things", "https://a.example", `nonsense`, 500, want},
		"not found":                     {"/other", "https://a.example", ``, 404, want},
		"no origin":                     {"/things", "", `{"statusCode":200}`, 200, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("GET", c.path, nil)
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			res := do(corsAPI(t, cors, c.answer), r)
			if res.StatusCode != c.status {
				t.Errorf("got %s, want %d", res.Status, c.status)
			}
			if diff := cmp.Diff(c.want, corsHeaders(res)); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWithoutCORSTheFunctionAnswers(t *testing.T) {
	t.Parallel()
	api := newAPI(t, gateway.Config{Invoker: answers(`{"statusCode":200,"headers":{"Access-Control-Allow-Origin":"https://b.example"}}`)})
	r := httptest.NewRequest("OPTIONS", "/", nil)
	r.Header.Set("Origin", "https://a.example")
	res := do(api, r)
	if got := res.Header.Get("Access-Control-Allow-Origin"); res.StatusCode != 200 || got != "https://b.example" {
		t.Errorf("got %s with %q", res.Status, got)
	}
}

func TestCORSIsChecked(t *testing.T) {
	t.Parallel()
	for _, cors := range []gateway.CORS{
		{AllowOrigins: []string{"*"}, AllowCredentials: true},
		{AllowOrigins: []string{"https://*.example"}},
		{AllowOrigins: []string{"example"}},
	} {
		if _, err := gateway.New(gateway.Config{CORS: &cors, Invoker: answers(`{}`)}); err == nil {
			t.Errorf("%+v was taken", cors)
		}
	}
}
