package contract_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// validator is a transport that holds what passes against the OpenAPI document:
// every answer must be documented, and a request that is not answered with an
// error must be one that the document allows.
type validator struct {
	t      testing.TB
	router routers.Router
}

func newValidator(t testing.TB) *validator {
	t.Helper()
	router, err := loadRouter()
	if err != nil {
		t.Fatal(err)
	}
	return &validator{t, router}
}

var loadRouter = sync.OnceValues(func() (routers.Router, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(document)
	if err != nil {
		return nil, err
	}
	doc.Servers = nil // wherever it is served
	return legacy.NewRouter(doc)
})

// RoundTrip implements http.RoundTripper.
func (v *validator) RoundTrip(request *http.Request) (*http.Response, error) {
	var sent []byte
	if request.Body != nil {
		var err error
		if sent, err = io.ReadAll(request.Body); err != nil {
			return nil, err
		}
		_ = request.Body.Close()
	}
	request = request.Clone(request.Context())
	request.Body = io.NopCloser(bytes.NewReader(sent))
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	received, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(received))
	v.validate(request, sent, answer, received)
	return answer, nil
}

func (v *validator) validate(request *http.Request, sent []byte, answer *http.Response, received []byte) {
	if request.Method == http.MethodHead { // documented as GET, but for the body
		if len(received) > 0 {
			v.t.Errorf("HEAD %s: a body: %s", request.URL.Path, received)
		}
		return
	}
	route, parameters, err := v.router.FindRoute(request)
	if err != nil {
		// API Gateway's own answers to what is no route, and to preflights.
		if answer.StatusCode != http.StatusNotFound && request.Method != http.MethodOptions {
			v.t.Errorf("%s %s: %d, though the document has no such operation", request.Method, request.URL.Path, answer.StatusCode)
		}
		return
	}
	request = request.Clone(request.Context())
	request.Body = io.NopCloser(bytes.NewReader(sent))
	if len(sent) == 0 {
		request.Body = http.NoBody
	}
	input := &openapi3filter.RequestValidationInput{
		Request: request, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, RejectWhenRequestBodyNotSpecified: true, SkipSettingDefaults: true,
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, // the demo asks nobody for a token
		},
	}
	if answer.StatusCode < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(request.Context(), input); err != nil {
			v.t.Errorf("%s %s was answered with %d, though the document forbids it: %v", request.Method, request.URL.Path, answer.StatusCode, err)
		}
	}
	err = openapi3filter.ValidateResponse(request.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input,
		Status:                 answer.StatusCode,
		Header:                 answer.Header,
		Body:                   io.NopCloser(bytes.NewReader(received)),
		Options:                input.Options,
	})
	if err != nil {
		v.t.Errorf("%s %s: the answer is not as documented: %v\n%d %v %s", request.Method, request.URL.Path, err, answer.StatusCode, answer.Header, received)
	}
	// What kin-openapi lets pass: a body that the document does not know.
	if answer.StatusCode == http.StatusNotModified && len(received) > 0 {
		v.t.Errorf("%s %s: 304 with a body", request.Method, request.URL.Path)
	}
	if media := answer.Header.Get("Content-Type"); answer.StatusCode >= 400 && !strings.HasPrefix(media, "application/") {
		v.t.Errorf("%s %s: an error as %q", request.Method, request.URL.Path, media)
	}
}
