package site_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/site"
)

// pageRoutes is a function like the one that websites have for their routes.
const pageRoutes = `function handler(event) {
  const request = event.request;
  if (!request.uri.slice(request.uri.lastIndexOf('/') + 1).includes('.')) {
    request.uri = '/index.html';
  }
  return request;
}`

var files = fstest.MapFS{
	"index.html":         {Data: []byte("<!doctype html>" + strings.Repeat("page ", 300))},
	"assets/app-1f.js":   {Data: []byte(strings.Repeat("go();", 300))},
	"assets/logo-2a.png": {Data: []byte(strings.Repeat("\x89PNG", 300))},
	"icon.svg":           {Data: []byte("<svg/>")},
	"error.html":         {Data: []byte("sorry")},
}

func newBucket(t *testing.T, change func(*site.BucketConfig)) *site.Bucket {
	t.Helper()
	cfg := site.BucketConfig{
		Files:   files,
		Objects: map[string][]byte{"config.json": []byte(`{"apiUrl":"/api"}`)},
		Deployments: []site.Deployment{
			{Exclude: []string{"*"}, Include: []string{"assets/*"}, Metadata: map[string]string{"cache-control": "immutable"}},
			{Exclude: []string{"assets/*"}, Metadata: map[string]string{"cache-control": "no-cache"}},
		},
	}
	if change != nil {
		change(&cfg)
	}
	b, err := site.NewBucket(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newDistribution(t *testing.T, change func(*site.Config)) http.Handler {
	t.Helper()
	routes, err := site.NewFunction("routes", pageRoutes)
	if err != nil {
		t.Fatal(err)
	}
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Frame-Options", "SAMEORIGIN")
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.URL.RequestURI(), r.Host, r.Header.Get("X-Forwarded-For"), body)
	})
	cfg := site.Config{
		Domain:     "d.cloudfront.net",
		RootObject: "index.html",
		Origins: map[string]site.Origin{
			"site": {Handler: newBucket(t, nil), Host: "bucket.example"},
			"api":  {Handler: api, Host: "api.example"},
		},
		Default: site.Behavior{
			Origin: "site", Compress: true, ViewerRequest: routes,
			Headers: &site.HeadersPolicy{Set: []site.PolicyHeader{{Name: "Content-Security-Policy", Value: "default-src 'none'", Override: true}}},
		},
		Behaviors: []site.Behavior{{
			PathPattern: "/api/*", Origin: "api",
			AllowedMethods: []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"},
		}},
	}
	if change != nil {
		change(&cfg)
	}
	d, err := site.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func get(h http.Handler, target string, headers ...string) *http.Response {
	return do(h, "GET", target, "", headers...)
}

func do(h http.Handler, method, target, body string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWebsite(t *testing.T) {
	t.Parallel()
	d := newDistribution(t, nil)
	page := string(files["index.html"].Data)
	for path, want := range map[string]struct {
		status       int
		contentType  string
		cacheControl string
		body         string
	}{
		"/":                     {200, "text/html", "no-cache", page},
		"/index.html":           {200, "text/html", "no-cache", page},
		"/scenarios/burst":      {200, "text/html", "no-cache", page},
		"/assets/app-1f.js":     {200, "text/javascript", "immutable", string(files["assets/app-1f.js"].Data)},
		"/assets/app-1f.js?v=1": {200, "text/javascript", "immutable", string(files["assets/app-1f.js"].Data)},
		"/config.json":          {200, "application/json", "no-cache", `{"apiUrl":"/api"}`},
		"/icon.svg":             {200, "image/svg+xml", "no-cache", "<svg/>"},
		"/missing.js":           {403, "application/xml", "", ""},
		"/assets/../error.html": {403, "application/xml", "", ""},
	} {
		res := get(d, path)
		body := text(t, res)
		if res.StatusCode != want.status || res.Header.Get("Content-Type") != want.contentType || res.Header.Get("Cache-Control") != want.cacheControl {
			t.Errorf("%s: got %s, %q, %q", path, res.Status, res.Header.Get("Content-Type"), res.Header.Get("Cache-Control"))
		}
		if want.body != "" && body != want.body {
			t.Errorf("%s: body %.60q", path, body)
		}
		if csp := res.Header.Get("Content-Security-Policy"); csp != "default-src 'none'" {
			t.Errorf("%s: Content-Security-Policy %q", path, csp)
		}
	}
}

func TestConditionalRequests(t *testing.T) {
	t.Parallel()
	d := newDistribution(t, nil)
	etag := get(d, "/").Header.Get("Etag")
	if etag == "" || strings.HasPrefix(etag, "W/") {
		t.Fatalf("entity tag %q", etag)
	}
	if res := get(d, "/", "If-None-Match", etag); res.StatusCode != http.StatusNotModified {
		t.Errorf("got %s, want 304", res.Status)
	}
	if res := get(d, "/", "If-None-Match", `"other"`); res.StatusCode != http.StatusOK {
		t.Errorf("got %s, want 200", res.Status)
	}
	res := do(d, "HEAD", "/", "")
	if res.StatusCode != 200 || text(t, res) != "" || res.Header.Get("Content-Length") != fmt.Sprint(len(files["index.html"].Data)) {
		t.Errorf("HEAD: got %s, length %s", res.Status, res.Header.Get("Content-Length"))
	}
}

func TestAPIIsPassedThrough(t *testing.T) {
	t.Parallel()
	d := newDistribution(t, nil)
	res := do(d, "POST", "/api/a%2Fb%20c?x=%201&y", "hello")
	if got, want := text(t, res), "POST /api/a%2Fb%20c?x=%201&y api.example 192.0.2.1 hello"; res.StatusCode != 418 || got != want {
		t.Errorf("got %s %q, want %q", res.Status, got, want)
	}
	if csp := res.Header.Get("Content-Security-Policy"); csp != "" {
		t.Errorf("the website's headers are on the API: %q", csp)
	}
	// A path that only begins like the pattern is the website's.
	if res := get(d, "/api"); res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/html" {
		t.Errorf("/api: got %s", res.Status)
	}
}

func TestMethodsThatTheSiteDoesNotTake(t *testing.T) {
	t.Parallel()
	d := newDistribution(t, nil)
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if res := do(d, method, "/", ""); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: got %s, want 403", method, res.Status)
		}
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	d := newDistribution(t, nil)
	for _, c := range []struct {
		path, accept string
		compressed   bool
	}{
		{"/assets/app-1f.js", "gzip, deflate, br", true},
		{"/assets/app-1f.js", "br;q=1, gzip;q=0.5", true},
		{"/assets/app-1f.js", "gzip;q=0", false},
		{"/assets/app-1f.js", "identity", false},
		{"/assets/app-1f.js", "", false},
		{"/assets/logo-2a.png", "gzip", false}, // compressed already
		{"/config.json", "gzip", false},        // too small to gain by it
	} {
		plain := get(d, c.path)
		res := get(d, c.path, "Accept-Encoding", c.accept)
		if got := res.Header.Get("Content-Encoding") == "gzip"; got != c.compressed {
			t.Errorf("%s for %q: compressed %v, want %v", c.path, c.accept, got, c.compressed)
			continue
		}
		if !c.compressed {
			continue
		}
		if etag := res.Header.Get("Etag"); etag != "W/"+plain.Header.Get("Etag") {
			t.Errorf("%s: entity tag %q, want the weak form of %q", c.path, etag, plain.Header.Get("Etag"))
		}
		if res.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: Vary %q", c.path, res.Header.Get("Vary"))
		}
		zr, err := gzip.NewReader(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := io.ReadAll(zr)
		if err != nil || string(unpacked) != text(t, plain) {
			t.Errorf("%s: unpacked to %d bytes: %v", c.path, len(unpacked), err)
		}
	}
}

func TestBucketThatMayBeListed(t *testing.T) {
	t.Parallel()
	res := get(newBucket(t, func(c *site.BucketConfig) { c.Listable = true }), "/missing.js")
	if got := text(t, res); res.StatusCode != 404 || !strings.Contains(got, "<Code>NoSuchKey</Code>") {
		t.Errorf("got %s %s", res.Status, got)
	}
}

func TestBucketHoldsWhatIsDeployed(t *testing.T) {
	t.Parallel()
	b := newBucket(t, func(c *site.BucketConfig) {
		c.Deployments = []site.Deployment{{Metadata: map[string]string{"cache-control": "first"}}, {Exclude: []string{"*"}, Include: []string{"i*"}, Metadata: map[string]string{"cache-control": "second"}}}
	})
	for path, want := range map[string]string{"/index.html": "second", "/error.html": "first"} {
		if got := get(b, path).Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	none := newBucket(t, func(c *site.BucketConfig) { c.Deployments = nil })
	if res := get(none, "/index.html"); res.StatusCode != 403 {
		t.Errorf("an object that nothing deploys: got %s", res.Status)
	}
	if _, err := site.NewBucket(site.BucketConfig{Deployments: []site.Deployment{{Metadata: map[string]string{"storage-class": "x"}}}}); err == nil {
		t.Error("unknown metadata was taken")
	}
}

func TestHeadersPolicy(t *testing.T) {
	t.Parallel()
	d := newDistribution(t, func(c *site.Config) {
		c.Behaviors[0].Headers = &site.HeadersPolicy{
			Set:    []site.PolicyHeader{{Name: "X-Frame-Options", Value: "DENY"}, {Name: "Referrer-Policy", Value: "no-referrer"}},
			Remove: []string{"Content-Type"},
		}
	})
	h := get(d, "/api/x").Header
	if h.Get("X-Frame-Options") != "SAMEORIGIN" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Content-Type") != "" {
		t.Errorf("without override: %v", h)
	}
	d = newDistribution(t, func(c *site.Config) {
		c.Behaviors[0].Headers = &site.HeadersPolicy{Set: []site.PolicyHeader{{Name: "X-Frame-Options", Value: "DENY", Override: true}}}
	})
	if got := get(d, "/api/x").Header.Get("X-Frame-Options"); got != "DENY" {
		t.Errorf("with override: %q", got)
	}
}

func TestErrorResponses(t *testing.T) {
	t.Parallel()
	d := newDistribution(t, func(c *site.Config) {
		c.ErrorResponses = []site.ErrorResponse{{Code: 403, Page: "/error.html", ResponseCode: 404}}
	})
	if res := get(d, "/missing.js"); res.StatusCode != 404 || text(t, res) != "sorry" {
		t.Errorf("got %s", res.Status)
	}
}

func TestFirstBehaviorThatMatches(t *testing.T) {
	t.Parallel()
	answering := func(name string) site.Origin {
		return site.Origin{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) })}
	}
	d, err := site.New(site.Config{
		Origins: map[string]site.Origin{"a": answering("a"), "b": answering("b"), "c": answering("c"), "d": answering("d")},
		Behaviors: []site.Behavior{
			{PathPattern: "/x/*.js", Origin: "a"}, {PathPattern: "x/*", Origin: "b"}, {PathPattern: "*.j?", Origin: "c"},
		},
		Default: site.Behavior{Origin: "d"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/x/y/z.js": "a", "/x/y": "b", "/y/x.js": "c", "/y/x.jpg": "d", "/X/y": "d", "/": "d"} {
		if got := text(t, get(d, path)); got != want {
			t.Errorf("%s went to %s, want %s", path, got, want)
		}
	}
	if _, err := site.New(site.Config{Default: site.Behavior{Origin: "nowhere"}}); err == nil {
		t.Error("a behaviour that leads nowhere was taken")
	}
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code   string
		status int
		body   string
		header string
	}{
		"another path":      {`function handler(e) { e.request.uri = '/error.html'; return e.request }`, 200, "sorry", ""},
		"a promise":         {`async function handler(e) { e.request.uri = '/error.html'; return e.request }`, 200, "sorry", ""},
		"a response":        {`function handler(e) { return {statusCode: 301, statusDescription: 'Moved', headers: {location: {value: '/new' + e.request.querystring.q.value}}} }`, 301, "", "/new1"},
		"a response's body": {`function handler(e) { console.log('x'); return {statusCode: 200, body: {encoding: 'text', data: e.viewer.ip + ' ' + e.request.headers.host.value + ' ' + e.request.cookies.c.value}} }`, 200, "192.0.2.1 example.com 3", ""},
		"an exception":      {`function handler(e) { throw new Error('no') }`, 503, "", ""},
		"nothing":           {`function handler(e) {}`, 503, "", ""},
		"a broken promise":  {`async function handler(e) { throw new Error('no') }`, 503, "", ""},
		"without an end":    {`function handler(e) { for (;;) {} }`, 503, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := site.NewFunction("f", c.code)
			if err != nil {
				t.Fatal(err)
			}
			d := newDistribution(t, func(cfg *site.Config) { cfg.Default.ViewerRequest = f })
			for range 2 {
				res := get(d, "/?q=1", "Cookie", "c=3")
				body := text(t, res)
				if res.StatusCode != c.status || c.body != "" && body != c.body || res.Header.Get("Location") != c.header {
					t.Errorf("got %s %q, location %q", res.Status, body, res.Header.Get("Location"))
				}
			}
		})
	}
	for _, code := range []string{`function handler(`, `const x = 1`, `throw new Error('no')`, `import cf from 'cloudfront'`} {
		if _, err := site.NewFunction("f", code); err == nil {
			t.Errorf("%q was taken", code)
		}
	}
}
