package idemhttp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// configured changes the middleware's configuration alone.
func configured(change func(*idemhttp.Config)) func(*idempotency.Config, *idemhttp.Config) {
	return func(_ *idempotency.Config, c *idemhttp.Config) { change(c) }
}

func TestMethodsThatAreNotProtected(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		methods   []string // of Config
		method    string   // of the requests
		protected bool
	}{
		{nil, "POST", true},
		{nil, "PATCH", true},
		{nil, "GET", false},
		{nil, "HEAD", false},
		{nil, "OPTIONS", false},
		{nil, "PUT", false},
		{nil, "DELETE", false},
		{[]string{"PUT", "CHARGE"}, "PUT", true},
		{[]string{"PUT", "CHARGE"}, "CHARGE", true},
		{[]string{"PUT", "CHARGE"}, "POST", false},
	} {
		s := newService(t, created, configured(func(c *idemhttp.Config) { c.Methods = test.methods }))
		for _, key := range []string{"k1", "k1", ""} {
			r := newRequest(key, "{}")
			r.Method = test.method
			response := s.send(r)
			if refused := response.StatusCode == http.StatusBadRequest; refused != (test.protected && key == "") {
				t.Errorf("%+v, key %q: status %d", test, key, response.StatusCode)
			}
		}
		want := 3
		if test.protected {
			want = 1
		}
		if s.executions != want {
			t.Errorf("%+v: %d executions, want %d", test, s.executions, want)
		}
	}
	guard, err := idempotency.New(idempotency.Config{Store: lostLease{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, methods := range [][]string{{}, {"POST", "GET"}, {"HEAD"}, {"OPTIONS"}, {"TRACE"}, {""}, {"PO ST"}} {
		if _, err := idemhttp.New(idemhttp.Config{Guard: guard, Scope: principal, Methods: methods}); err == nil {
			t.Errorf("methods %q were accepted", methods)
		}
	}
}

// One middleware for all routes of a mux: each is an operation of its own.
func TestPatternIsTheOperation(t *testing.T) {
	t.Parallel()
	s := newService(t, created, configured(func(c *idemhttp.Config) { c.Operation = "" }))
	mux := http.NewServeMux()
	var operations []string
	route := s.handler
	for _, pattern := range []string{"POST /payments", "POST /payments/{id}/refunds", "/orders/{id}", "GET /payments"} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			operations = append(operations, idemhttp.PatternOperation(r))
			route.ServeHTTP(w, r)
		})
	}
	s.handler = mux
	for _, path := range []string{"/payments", "/payments/1/refunds", "/payments/1/refunds", "/orders/1", "/payments"} {
		r := newRequest("k1", "{}")
		r.URL.Path = path
		if response := s.send(r); response.StatusCode != http.StatusCreated {
			t.Errorf("%s: status %d", path, response.StatusCode)
		}
	}
	s.wantExecutions(3)
	get := newRequest("", "")
	get.Method = http.MethodGet
	if response := s.send(get); response.StatusCode != http.StatusCreated {
		t.Errorf("GET: status %d", response.StatusCode)
	}
	want := []string{"POST.payments", "POST.payments.id.refunds-c70de432", "POST.payments.id.refunds-c70de432", "POST.orders.id-a49e745e", "POST.payments", "GET.payments"}
	if fmt.Sprint(operations) != fmt.Sprint(want) {
		t.Errorf("operations %q,\nwant %q", operations, want)
	}
}

// Names of operations are valid, and no two patterns share one.
func TestPatternsHaveDifferentNames(t *testing.T) {
	t.Parallel()
	patterns := []string{
		"/a/b", "/a.b", "/a/{b}", "/{a}/b", "/a_b", "/a-b", "/a/b/", "/{a}/{b}", "/{ab}", "a.example/b", "POST a.example/b", "/a b", "/ab", "/ä", "/a/*/b", "/a/{b...}", "/{$}", "/",
		"/" + strings.Repeat("long", 40), "/" + strings.Repeat("long", 41), "/" + strings.Repeat("{x}/", 60),
	}
	seen := make(map[string]string)
	for _, pattern := range patterns {
		r := newRequest("k1", "")
		r.Pattern = pattern
		name := idemhttp.PatternOperation(r)
		if other, found := seen[name]; found && strings.TrimPrefix(other, "POST ") != strings.TrimPrefix(pattern, "POST ") {
			t.Errorf("%q and %q are both %q", other, pattern, name)
		}
		seen[name] = pattern
		if _, err := idempotency.NewKey(idempotency.SharedScope(), name, "k"); err != nil {
			t.Errorf("%q: %v", pattern, err)
		}
	}
	r := newRequest("k1", "")
	for _, undecided := range []string{"", "/*", "/payments/*"} {
		if r.Pattern = undecided; idemhttp.PatternOperation(r) != "" {
			t.Errorf("%q has a name, though no handler is chosen yet", undecided)
		}
	}
	r.Pattern = "/a/b"
	post := idemhttp.PatternOperation(r)
	r.Method = http.MethodPatch
	if idemhttp.PatternOperation(r) == post {
		t.Error("POST and PATCH of one pattern are one operation")
	}
}

func TestOperationByRequest(t *testing.T) {
	t.Parallel()
	s := newService(t, created, configured(func(c *idemhttp.Config) {
		c.Operation = ""
		c.OperationFunc = func(r *http.Request) string { return r.Header.Get("Operation") }
	}))
	for _, operation := range []string{"a", "b", "a"} {
		r := newRequest("k1", "{}")
		r.Header.Set("Operation", operation)
		s.send(r)
	}
	s.wantExecutions(2)
	wantProblem(t, s.post("k1", "{}"), http.StatusInternalServerError, idemhttp.TypeInternal)

	s = newService(t, created, configured(func(c *idemhttp.Config) { c.Operation = "" })) // and no pattern
	wantProblem(t, s.post("k1", "{}"), http.StatusInternalServerError, idemhttp.TypeInternal)
	s.wantExecutions(0)
}

// eventID is the key of a webhook: a member of its body.
func eventID(_ *http.Request, body []byte) (string, error) {
	var event struct{ ID *string }
	if err := json.Unmarshal(body, &event); err != nil {
		return "", &problem.Problem{Type: "urn:not-json", Status: http.StatusUnprocessableEntity}
	}
	if event.ID == nil {
		return "", idemhttp.ErrNoKey
	}
	return *event.ID, nil
}

func TestKeyFromTheBody(t *testing.T) {
	t.Parallel()
	s := newService(t, created, configured(func(c *idemhttp.Config) { c.Key, c.MaxBody = eventID, 300 }))
	for range 2 {
		if body := bodyOf(t, s.post("", `{"id":"evt_1"}`)); body != `created {"id":"evt_1"}` {
			t.Errorf("got %q", body)
		}
	}
	s.wantExecutions(1)
	wantProblem(t, s.post("", `{"id":"evt_1","attempt":2}`), http.StatusUnprocessableEntity, idemhttp.TypePayloadMismatch)
	wantProblem(t, s.post("k1", `{}`), http.StatusBadRequest, idemhttp.TypeKeyMissing)
	for _, id := range []string{"", "  ", "\t", "ä", strings.Repeat("x", 256)} {
		body, _ := json.Marshal(map[string]string{"id": id})
		wantProblem(t, s.post("", string(body)), http.StatusBadRequest, idemhttp.TypeKeyMalformed)
	}
	wantProblem(t, s.post("", `{`), http.StatusUnprocessableEntity, "urn:not-json")
	wantProblem(t, s.post("", strings.Repeat("x", 301)), http.StatusRequestEntityTooLarge, idemhttp.TypePayloadTooLarge)
	s.wantExecutions(1)
}

// With Config.Key the body is there for all of the application's functions.
func TestScopeFromTheBody(t *testing.T) {
	t.Parallel()
	s := newService(t, created, configured(func(c *idemhttp.Config) {
		c.Key = func(r *http.Request, _ []byte) (string, error) { return r.FormValue("id"), nil }
		c.Scope = func(r *http.Request) (idempotency.Scope, error) { return idempotency.NewScope(r.FormValue("account")) }
	}))
	for _, account := range []string{"alice", "bob", "alice"} {
		if body := bodyOf(t, s.send(form("", "id=1&account="+account))); body != "created id=1&account="+account {
			t.Errorf("%s: got %q", account, body)
		}
	}
	s.wantExecutions(2)
}

// Without a key an optional one lets the request pass, body and all.
func TestKeyFromTheBodyIsOptional(t *testing.T) {
	t.Parallel()
	s := newService(t, created, configured(func(c *idemhttp.Config) { c.Key, c.OptionalKey = eventID, true }))
	for range 2 {
		if body := bodyOf(t, s.post("", `{"amount":1}`)); body != `created {"amount":1}` {
			t.Errorf("got %q", body)
		}
	}
	s.wantExecutions(2)
	wantProblem(t, s.post("", `{"id":""}`), http.StatusBadRequest, idemhttp.TypeKeyMalformed)
}

// Only a missing key lets a request pass: an error that looks like one does not.
func TestOptionalKeyIsAboutTheKeyAlone(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*idemhttp.Config){
		"Scope": func(c *idemhttp.Config) {
			c.Scope = func(*http.Request) (idempotency.Scope, error) { return idempotency.Scope{}, idemhttp.ErrNoKey }
		},
		"CheckKey": func(c *idemhttp.Config) { c.CheckKey = func(string) error { return idemhttp.ErrNoKey } },
		"Fingerprint": func(c *idemhttp.Config) {
			c.Fingerprint = func(*http.Request, []byte) (idempotency.Fingerprint, error) { return "", idemhttp.ErrNoKey }
		},
	} {
		s := newService(t, created, configured(func(c *idemhttp.Config) { c.OptionalKey = true; spoil(c) }))
		if response := s.post("k1", "{}"); response.StatusCode < 400 {
			t.Errorf("%s: status %d", name, response.StatusCode)
		}
		s.wantExecutions(0)
	}
}

func TestKeyFromAnotherHeader(t *testing.T) {
	t.Parallel()
	s := newService(t, created, configured(func(c *idemhttp.Config) { c.Key = idemhttp.KeyFromHeader("cko-idempotency-key") }))
	for _, key := range []string{"k1", `"k1"`} {
		r := newRequest("", "{}")
		r.Header.Set("Cko-Idempotency-Key", key)
		s.send(r)
	}
	s.wantExecutions(1)
	wantProblem(t, s.post("k1", "{}"), http.StatusBadRequest, idemhttp.TypeKeyMissing)
	r := newRequest("", "{}")
	r.Header.Set("Cko-Idempotency-Key", "a, b")
	response := s.send(r)
	body := bodyOf(t, response)
	if !strings.Contains(body, "Cko-Idempotency-Key") {
		t.Errorf("%s does not name the header", body)
	}
	response.Body = io.NopCloser(strings.NewReader(body))
	wantProblem(t, response, http.StatusBadRequest, idemhttp.TypeKeyMalformed)
}

// A 200 that says "pending" is not the operation's result.
func TestWhatIsRecordedDependsOnTheResponse(t *testing.T) {
	t.Parallel()
	state := "pending"
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("State", state)
		fmt.Fprintf(w, `{"status":%q}`, state)
	}, configured(func(c *idemhttp.Config) {
		c.Recorded = func(r idemhttp.Response) bool {
			return idemhttp.DefaultRecorded(r) && !bytes.Contains(r.Body, []byte(`"pending"`)) && r.Header.Get("State") != "pending"
		}
	}))
	for _, next := range []string{"pending", "paid", "paid too late"} {
		state = next
		want := next
		if next == "paid too late" {
			want = "paid"
		}
		if body := bodyOf(t, s.post("k1", "{}")); body != fmt.Sprintf(`{"status":%q}`, want) {
			t.Errorf("%s: got %s", next, body)
		}
	}
	s.wantExecutions(2)
}

func TestRedactedResponseIsReplayed(t *testing.T) {
	t.Parallel()
	const secret = `{"id":"1","secret":"s3cret"}`
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/keys/s3cret")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, secret)
	}, configured(func(c *idemhttp.Config) {
		c.Redact = func(r idemhttp.Response) idemhttp.Response {
			if r.Status != http.StatusCreated {
				t.Errorf("status %d", r.Status)
			}
			r.Status = http.StatusOK
			r.Header.Set("Location", "/keys/1")
			copy(r.Body[bytes.Index(r.Body, []byte("s3cret")):], "xxxxxx")
			return r
		}
	}))
	first, again := s.post("k1", "{}"), s.post("k1", "{}")
	if body := bodyOf(t, first); body != secret || first.Header.Get("Location") != "/keys/s3cret" {
		t.Errorf("the first caller got %v %s", first.Header, body)
	}
	if body := bodyOf(t, again); body != strings.ReplaceAll(secret, "s3cret", "xxxxxx") || again.Header.Get("Location") != "/keys/1" || again.StatusCode != http.StatusCreated {
		t.Errorf("the second caller got %d %v %s", again.StatusCode, again.Header, body)
	}
}

func instanceOf(t *testing.T, response *http.Response) string {
	t.Helper()
	var document struct{ Instance string }
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	return document.Instance
}

func TestProblemsCarryTheRequestsID(t *testing.T) {
	t.Parallel()
	s := newService(t, created)
	for id, want := range map[string]string{"r-1": "r-1", "": "", "a b/\"": "a%20b%2F%22", strings.Repeat("x", 201): ""} {
		r := newRequest("", "{}")
		r.Header.Set("X-Request-Id", id)
		if got := instanceOf(t, s.send(r)); got != want {
			t.Errorf("X-Request-Id %q: instance %q, want %q", id, got, want)
		}
	}
	behind(s, func(header http.Header) { header.Set("X-Request-Id", "outer") })
	r := newRequest("", "{}")
	r.Header.Set("X-Request-Id", "the client's")
	if got := instanceOf(t, s.send(r)); got != "outer" {
		t.Errorf("instance %q, want what outer middleware chose", got)
	}

	own := &problem.Problem{Status: http.StatusUnauthorized}
	s = newService(t, created, configured(func(c *idemhttp.Config) {
		c.Instance = func(r *http.Request) string { return "/requests/" + r.Header.Get("Id") }
		c.Scope = func(*http.Request) (idempotency.Scope, error) { return idempotency.Scope{}, own }
	}))
	r = newRequest("k1", "{}")
	r.Header.Set("Id", "7")
	if got := instanceOf(t, s.send(r)); got != "/requests/7" || own.Instance != "" {
		t.Errorf("instance %q; the application's problem has %q", got, own.Instance)
	}
}

func TestProblemBase(t *testing.T) {
	t.Parallel()
	s := newService(t, created, configured(func(c *idemhttp.Config) { c.ProblemBase = "https://api.example/problems/" }))
	wantProblem(t, s.post("", "{}"), http.StatusBadRequest, "https://api.example/problems/key-missing")
	s.post("k1", "{}")
	wantProblem(t, s.post("k1", "{ }"), http.StatusUnprocessableEntity, "https://api.example/problems/payload-mismatch")
}

func TestRefusalsInTheApplicationsFormat(t *testing.T) {
	t.Parallel()
	var format func(w http.ResponseWriter, p *problem.Problem)
	s := newService(t, created, func(g *idempotency.Config, c *idemhttp.Config) {
		g.Store = brokenStore{g.Store}
		c.WriteRefusal = func(w http.ResponseWriter, r *http.Request, p *problem.Problem) {
			if r.Header.Get("Principal") != "alice" {
				t.Error("another request")
			}
			format(w, p)
		}
	})
	for _, test := range []struct {
		name         string
		format       func(w http.ResponseWriter, p *problem.Problem)
		status       int
		body, header string
	}{
		{"bytes alone", func(w http.ResponseWriter, p *problem.Problem) { fmt.Fprintf(w, `{"error":%q}`, p.Title) }, 503, `{"error":"The service is temporarily unavailable"}`, "1"},
		{"another status", func(w http.ResponseWriter, _ *problem.Problem) { w.WriteHeader(500) }, 500, "", "1"},
		{"nothing", func(http.ResponseWriter, *problem.Problem) {}, 503, "", "1"},
		{"another header", func(w http.ResponseWriter, p *problem.Problem) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(p.Status)
			_, _ = io.WriteString(w, p.Type)
		}, 503, idemhttp.TypeStoreUnavailable, "7"},
	} {
		format = test.format
		response := s.post("k1", "{}")
		if body := bodyOf(t, response); response.StatusCode != test.status || body != test.body || response.Header.Get("Retry-After") != test.header || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: status %d, header %v, %q", test.name, response.StatusCode, response.Header, body)
		}
	}
	s.wantExecutions(0)
}

// What the application's own functions fail with is not taken for an error of the
// guard, and not shown.
func TestErrorsOfTheApplicationAreNotTheGuards(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		idempotency.ErrStore, idempotency.ErrPayloadMismatch, &idempotency.InProgressError{}, idemhttp.ErrNoKey, errors.New("10.0.0.1 is down"), (*problem.Problem)(nil),
	} {
		s := newService(t, created, configured(func(c *idemhttp.Config) {
			c.Scope = func(*http.Request) (idempotency.Scope, error) { return idempotency.Scope{}, err }
		}))
		response := s.post("k1", "{}")
		body := bodyOf(t, response)
		if response.StatusCode != http.StatusInternalServerError || strings.Contains(body, "10.0.0.1") {
			t.Errorf("%v: status %d, %s", err, response.StatusCode, body)
		}
		s.wantExecutions(0)
	}
}

// Over a real server, too, a refusal is what Config.WriteRefusal says.
func TestRefusalWithoutAWordOverHTTP(t *testing.T) {
	t.Parallel()
	s := newService(t, created, configured(func(c *idemhttp.Config) {
		c.WriteRefusal = func(http.ResponseWriter, *http.Request, *problem.Problem) {}
	}))
	server := httptest.NewServer(s.handler)
	defer server.Close()
	if response := overHTTP(t, server, newRequest("", "{}")); response.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", response.StatusCode)
	}
}
