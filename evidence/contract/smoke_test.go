package contract_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// smoke is the command that checks a deployment, built once.
var smoke = sync.OnceValues(func() (string, error) {
	binary, err := filepath.Abs("../../build/bin/smoke")
	if err != nil {
		return "", err
	}
	output, err := exec.Command("go", "build", "-o", binary, "./smoke").CombinedOutput()
	if err != nil {
		err = errors.Join(err, errors.New(string(output)))
	}
	return binary, err
})

// TestSmokeTestPasses runs the command that people run against what they have
// deployed.
func TestSmokeTestPasses(t *testing.T) {
	t.Parallel()
	output, err := runSmoke(t, apiURL)
	if err != nil || strings.Count(output, "ok ") != 7 {
		t.Errorf("%v:\n%s", err, output)
	}
}

// TestSmokeTestNotices spoils one answer at a time.
func TestSmokeTestNotices(t *testing.T) {
	t.Parallel()
	header := func(path, name, value string) func(*http.Response) {
		return func(r *http.Response) {
			if strings.HasPrefix(r.Request.URL.Path, path) && r.Header.Get(name) != "" {
				r.Header.Set(name, value)
			}
		}
	}
	for name, test := range map[string]struct {
		spoil func(*http.Response)
		says  string
	}{
		"a page without a policy":       {header("/", "Content-Security-Policy", ""), "Content-Security-Policy"},
		"inline scripts":                {header("/", "Content-Security-Policy", "default-src 'none'; script-src 'self' 'unsafe-inline'; worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'"), "unsafe"},
		"an API without a policy":       {header("/api/", "Content-Security-Policy", ""), "the API's Content-Security-Policy"},
		"frames":                        {header("/", "X-Frame-Options", "SAMEORIGIN"), "X-Frame-Options"},
		"plain HTTP":                    {header("/", "Strict-Transport-Security", "max-age=0"), "Strict-Transport-Security"},
		"a page that is kept":           {header("/", "Cache-Control", "max-age=60"), "Cache-Control"},
		"assets that are not kept":      {header("/assets/", "Cache-Control", "no-cache"), "immutable"},
		"a worker that is kept":         {header("/service-worker.js", "Cache-Control", "max-age=86400"), "/service-worker.js"},
		"a manifest that is a download": {header("/manifest.webmanifest", "Content-Type", "binary/octet-stream"), "manifest"},
		"a replay that does not say so": {header("/api/payments", "Idempotent-Replayed", ""), "replayed"},
		"an error from the cache": {func(r *http.Response) {
			if strings.HasPrefix(r.Request.URL.Path, "/api/payments/") && r.StatusCode == http.StatusOK {
				r.Header.Set("X-Cache", "Error from cloudfront")
			}
		}, "the API is cached"},
		"somebody else's error": {func(r *http.Response) {
			if strings.HasPrefix(r.Request.URL.Path, "/api/payments/") && r.StatusCode == http.StatusOK {
				r.StatusCode = http.StatusNotFound
			}
		}, "the owner, after a stranger"},
		"a page in place of a file": {func(r *http.Response) {
			if r.StatusCode == http.StatusNotFound {
				r.StatusCode = http.StatusOK
			}
		}, "not there"},
		"another API": {func(r *http.Response) {
			if r.Request.URL.Path == "/config.json" {
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(`{}`)), 2
				r.Header.Set("Content-Length", "2")
			}
		}, "config.json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			output, err := runSmoke(t, spoiled(t, test.spoil))
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Fatalf("%v, want exit status 1:\n%s", err, output)
			}
			for line := range strings.Lines(output) {
				if strings.HasPrefix(line, "FAIL") && strings.Contains(line, test.says) {
					return
				}
			}
			t.Errorf("no line says FAIL and %q:\n%s", test.says, output)
		})
	}
}

func runSmoke(t *testing.T, url string) (string, error) {
	t.Helper()
	if deployed() {
		t.Skip("a deployment of the API alone has no page")
	}
	binary, err := smoke()
	if err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	command := exec.CommandContext(t.Context(), binary, url)
	command.Stdout, command.Stderr = &output, &output
	err = command.Run()
	return output.String(), err
}

// spoiled serves the stack with its answers changed.
func spoiled(t *testing.T, spoil func(*http.Response)) string {
	t.Helper()
	target, err := url.Parse(apiURL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ModifyResponse: func(r *http.Response) error { spoil(r); return nil },
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}
