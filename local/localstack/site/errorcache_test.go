package site_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/site"
)

// TestErrorsAreRemembered takes what CloudFront's developer guide says of errors:
// which are remembered, for how long, and what an origin can do about it.
func TestErrorsAreRemembered(t *testing.T) {
	t.Parallel()
	seconds := func(n int) *time.Duration { d := time.Duration(n) * time.Second; return &d }
	for name, c := range map[string]struct {
		method, caching string
		status          int
		configured      *time.Duration // for this status; nil: nothing is
		want            time.Duration
	}{
		"by default":                      {http.MethodGet, "", 503, nil, site.DefaultErrorTTL},
		"of HEAD":                         {http.MethodHead, "", 503, nil, site.DefaultErrorTTL},
		"not of POST":                     {http.MethodPost, "", 503, nil, 0},
		"no-store is ignored":             {http.MethodGet, "no-store", 500, nil, site.DefaultErrorTTL},
		"no-store is heeded":              {http.MethodGet, "no-store", 404, nil, 0},
		"private is heeded":               {http.MethodGet, "private, no-cache", 404, nil, 0},
		"as configured":                   {http.MethodGet, "", 404, seconds(60), time.Minute},
		"not at all, as configured":       {http.MethodGet, "", 503, seconds(0), 0},
		"as the origin says":              {http.MethodGet, "max-age=30", 404, seconds(5), 30 * time.Second},
		"no less than configured":         {http.MethodGet, "max-age=3", 404, seconds(5), 5 * time.Second},
		"a bad request is not":            {http.MethodGet, "", 400, nil, 0},
		"a bad request, if told":          {http.MethodGet, "max-age=30", 400, seconds(0), 30 * time.Second},
		"a range that cannot be is never": {http.MethodGet, "max-age=30", 416, seconds(60), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Date(2026, 1, 31, 9, 26, 53, 0, time.UTC)
			asked := 0
			origin := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.Header().Set("Cache-Control", c.caching)
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(strconv.Itoa(asked)))
			})
			cfg := site.Config{
				Origins: map[string]site.Origin{"o": {Handler: origin}},
				Default: site.Behavior{Origin: "o", AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost}},
				Clock:   func() time.Time { return now },
			}
			if c.configured != nil {
				cfg.ErrorResponses = []site.ErrorResponse{{Code: c.status, CachingMinTTL: c.configured}}
			}
			d, err := site.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			ask := func(query string) *http.Response {
				w := httptest.NewRecorder()
				d.ServeHTTP(w, httptest.NewRequest(c.method, "/x?"+query, nil))
				if got := w.Result(); got.StatusCode != c.status || got.Header.Get("X-Cache") != "Error from cloudfront" {
					t.Errorf("got %d, X-Cache %q", got.StatusCode, got.Header.Get("X-Cache"))
				}
				return w.Result()
			}
			ask("a")
			if c.want == 0 {
				if ask("a"); asked != 2 {
					t.Errorf("the origin was asked %d times", asked)
				}
				return
			}
			now = now.Add(c.want - time.Nanosecond)
			if age := ask("b").Header.Get("Age"); asked != 1 || age != strconv.Itoa(int((c.want-time.Nanosecond).Seconds())) {
				t.Errorf("the origin was asked %d times, Age is %s; want the error that somebody else got", asked, age)
			}
			now = now.Add(time.Nanosecond)
			if ask("a"); asked != 2 {
				t.Errorf("the origin was asked %d times after %v", asked, c.want)
			}
		})
	}
}

func TestOtherPathsAndSuccessesAreNotRemembered(t *testing.T) {
	t.Parallel()
	asked := 0
	d, err := site.New(site.Config{
		Origins: map[string]site.Origin{"o": {Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			if r.URL.Path == "/missing" {
				w.WriteHeader(http.StatusNotFound)
			}
		})}},
		Default: site.Behavior{Origin: "o"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/missing", "/missing", "/there", "/there"} {
		d.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	if asked != 3 {
		t.Errorf("the origin was asked %d times, want once for what is missing and twice for what is there", asked)
	}
}
