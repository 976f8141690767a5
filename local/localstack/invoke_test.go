package localstack_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestInvoke(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	invoke := func(function, event string, headers ...string) (*http.Response, string) {
		t.Helper()
		return send(t, http.MethodPost, s.URL()+"/2015-03-31/functions/"+function+"/invocations", event, headers...)
	}

	// What the function answers is passed on as it is, without a gateway.
	res, body := invoke("payments", `{"rawPath":"/by/hand"}`, "X-Amz-Invocation-Type", "RequestResponse")
	var answer struct {
		StatusCode int
		Body       string
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || res.StatusCode != 200 || answer.StatusCode != 200 ||
		!strings.Contains(answer.Body, `"handler":"payments"`) || !strings.Contains(answer.Body, `"path":"/by/hand"`) {
		t.Errorf("got %s %s", res.Status, body)
	}
	if res.Header.Get("X-Amz-Executed-Version") != "$LATEST" || res.Header.Get("X-Amz-Function-Error") != "" {
		t.Errorf("got %v", res.Header)
	}
	if res, body := invoke("payments", ""); res.StatusCode != 200 || res.Header.Get("X-Amz-Function-Error") != "" {
		t.Errorf("no event: got %s %s", res.Status, body)
	}

	if res, body := invoke("payments", `{"headers":{"do":"crash"}}`); res.StatusCode != 200 || res.Header.Get("X-Amz-Function-Error") != "Unhandled" || !strings.Contains(body, `"errorType":"Runtime.ExitError"`) {
		t.Errorf("a crash: got %s %v %s", res.Status, res.Header, body)
	}
	for _, test := range []struct {
		function, event, header, value string
		status                         int
		kind, message                  string
	}{
		{"refunds", "{}", "", "", 404, "ResourceNotFoundException", "activity, customers, orders, payments"},
		{"payments", "{", "", "", 400, "InvalidRequestContentException", "not JSON"},
		{"payments", `"` + strings.Repeat("x", 7<<20) + `"`, "", "", 413, "RequestTooLargeException", "6 MB"},
		{"payments", "{}", "X-Amz-Invocation-Type", "Event", 400, "InvalidParameterValueException", "RequestResponse"},
		{"payments", "{}", "Origin", "https://example.com", 403, "AccessDeniedException", "web pages"},
		{"payments", "{}", "Sec-Fetch-Site", "cross-site", 403, "AccessDeniedException", "web pages"},
	} {
		var headers []string
		if test.header != "" {
			headers = []string{test.header, test.value}
		}
		res, body := invoke(test.function, test.event, headers...)
		if res.StatusCode != test.status || res.Header.Get("X-Amzn-Errortype") != test.kind || !strings.Contains(body, test.message) {
			t.Errorf("%s %.10s: got %s %s %s, want %d %s", test.function, test.event, res.Status, res.Header.Get("X-Amzn-Errortype"), body, test.status, test.kind)
		}
	}

	// The website and the API know nothing of it.
	if res, _ := call(t, "GET", s.URL()+"/2015-03-31/functions/payments/invocations"); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: got %s", res.Status)
	}
	if res, _ := call(t, "GET", s.URL()+"/2015-03-31/"); res.StatusCode != 200 || res.Header.Get("Content-Type") == "application/json" {
		t.Errorf("beside it: got %s", res.Status)
	}
}
