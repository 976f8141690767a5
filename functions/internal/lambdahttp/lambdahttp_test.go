package lambdahttp_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/lambdahttp"
)

func event(method, path string, headers map[string]string, body string) events.APIGatewayV2HTTPRequest {
	return events.APIGatewayV2HTTPRequest{
		Version: "2.0",
		RawPath: path,
		Headers: maps.Clone(headers),
		Body:    body,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			DomainName: "api.example",
			HTTP:       events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: method, Path: path},
		},
	}
}

// received adapts a handler that hands the request to look.
func received(t *testing.T, e events.APIGatewayV2HTTPRequest, look func(*http.Request)) {
	t.Helper()
	adapted := lambdahttp.Adapt(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		look(r)
		w.WriteHeader(http.StatusNoContent)
	}))
	if _, err := adapted(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

func TestHeadersArriveAsOneValue(t *testing.T) {
	t.Parallel()
	headers := map[string]string{
		"idempotency-key": `"a, b"`,
		"if-none-match":   `"x", W/"y,z"`,
		"content-type":    "application/json; charset=utf-8",
		"demo-session":    "3f1b6a5e-8c0d-4a57-9d3e-6a1f0c2b7e44,3f1b6a5e-8c0d-4a57-9d3e-6a1f0c2b7e44",
	}
	received(t, event(http.MethodPost, "/", headers, ""), func(r *http.Request) {
		for name, value := range headers {
			if diff := cmp.Diff([]string{value}, r.Header.Values(name)); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	})
}

func TestPathArrivesDecodedOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rawPath, want string }{
		{"/records/payments.create/k1", "k1"},
		{"/records/payments.create/a b", "a b"},
		{"/records/payments.create/a%20b", "a b"},
		{"/records/payments.create/100%", "100%"},
		{"/records/payments.create/100%zz", "100%zz"},
		{"/records/payments.create/what?#", "what?#"},
		{"/records/payments.create/a%2Fb", "a/b"},
		{`/records/payments.create/"<[{^}]>"\`, `"<[{^}]>"\`},
		{"/records/payments.create/kö", "kö"},
	} {
		mux := http.NewServeMux()
		var got string
		mux.HandleFunc("GET /records/{operation}/{key}", func(_ http.ResponseWriter, r *http.Request) { got = r.PathValue("key") })
		e := event(http.MethodGet, test.rawPath, nil, "")
		e.RawQueryString = "q=1"
		received(t, e, func(r *http.Request) {
			if r.URL.Query().Get("q") != "1" {
				t.Errorf("%s: the query is lost: %s", test.rawPath, r.URL)
			}
			mux.ServeHTTP(nil, r)
		})
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.rawPath, got, test.want)
		}
	}
}

func TestBodyAndContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	adapted := lambdahttp.Adapt(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := r.Context().Deadline(); !ok {
			t.Error("the invocation's deadline is lost")
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Location", "/x")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(body)
	}))
	e := event(http.MethodPost, "/", nil, "eyJhIjoxfQ==")
	e.IsBase64Encoded = true
	response, err := adapted(ctx, e)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusCreated || response.Headers["Location"] != "/x" || response.Body != `{"a":1}` {
		t.Errorf("got %+v", response)
	}
}
