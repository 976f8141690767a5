package idemclient_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemclient"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// Every attempt says when the first of them was.
func TestFirstSentIsThatOfTheFirstAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{replies: []reply{unavailable, unavailable, created}}
		transport, err := idemclient.New(idemclient.Config{Base: s, FirstSent: true})
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: transport}
		started := time.Now()
		earlier := started.Add(-time.Hour)
		for _, test := range []struct {
			method string
			ctx    func(*http.Request) *http.Request
			want   string
		}{
			{http.MethodPost, func(r *http.Request) *http.Request { return r }, started.UTC().Format(http.TimeFormat)},
			{http.MethodPost, func(r *http.Request) *http.Request {
				return r.WithContext(idemclient.WithFirstSent(r.Context(), earlier))
			}, earlier.UTC().Format(http.TimeFormat)},
			{http.MethodGet, func(r *http.Request) *http.Request { return r }, ""}, // no key
		} {
			s.seen = nil
			request, err := http.NewRequestWithContext(t.Context(), test.method, "http://shop.test/", strings.NewReader("coffee"))
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.Do(test.ctx(request))
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if len(s.seen) != 3 {
				t.Errorf("%d attempts, want 3", len(s.seen))
			}
			for _, request := range s.seen {
				if got := request.header.Get(idemhttp.HeaderFirstSent); got != test.want {
					t.Errorf("%s at %v: first sent %q, want %q", test.method, request.at, got, test.want)
				}
			}
		}
	})
}

func TestFirstSentIsNotSentByDefault(t *testing.T) {
	t.Parallel()
	s := &server{replies: []reply{created}}
	transport, err := idemclient.New(idemclient.Config{Base: s})
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: transport}).Post("http://shop.test/", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if _, sent := s.seen[0].header[idemhttp.HeaderFirstSent]; sent {
		t.Error("it was sent")
	}
}
