package idemhttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// service is a protected handler that counts its executions.
type service struct {
	t          *testing.T
	handler    http.Handler
	executions int
}

type brokenStore struct{ idempotency.Store }

func (brokenStore) Claim(context.Context, idempotency.Claim) (*idempotency.Record, error) {
	return nil, errors.New("connection refused by 10.0.0.1")
}

func principal(r *http.Request) (idempotency.Scope, error) {
	return idempotency.NewScope(r.Header.Get("Principal"))
}

func newService(t *testing.T, handle http.HandlerFunc, configure ...func(*idempotency.Config, *idemhttp.Config)) *service {
	t.Helper()
	guardConfig := idempotency.Config{Store: memstore.New()}
	cfg := idemhttp.Config{Operation: "payments.create", Scope: principal}
	for _, c := range configure {
		c(&guardConfig, &cfg)
	}
	guard, err := idempotency.New(guardConfig)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Guard = guard
	protect, err := idemhttp.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t}
	s.handler = protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.executions++
		handle(w, r)
	}))
	return s
}

func created(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Location", "/payments/1")
	w.Header().Set("ETag", `"v1"`)
	w.Header().Add("Set-Cookie", "session=secret")
	w.Header().Set("Date", "Mon, 01 Jan 2001 00:00:00 GMT")
	w.Header().Set("X-Request-Id", "first")
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, "created %s", body)
}

func newRequest(key, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/payments", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Principal", "alice")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	return r
}

func (s *service) send(r *http.Request) *http.Response {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w.Result()
}

func (s *service) post(key, body string) *http.Response { return s.send(newRequest(key, body)) }

func (s *service) wantExecutions(want int) {
	s.t.Helper()
	if s.executions != want {
		s.t.Errorf("%d executions, want %d", s.executions, want)
	}
}

func bodyOf(t *testing.T, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func wantProblem(t *testing.T, response *http.Response, status int, problemType string) {
	t.Helper()
	var document struct {
		Type, Title string
		Status      int
	}
	body := bodyOf(t, response)
	if err := json.Unmarshal([]byte(body), &document); err != nil {
		t.Fatalf("status %d, not a problem document: %q", response.StatusCode, body)
	}
	if response.StatusCode != status || document.Status != status || document.Type != problemType ||
		document.Title == "" || response.Header.Get("Content-Type") != problem.ContentType {
		t.Errorf("status %d, %s, %s; want status %d, type %s", response.StatusCode, response.Header.Get("Content-Type"), body, status, problemType)
	}
}

func wantExpires(t *testing.T, response *http.Response) {
	t.Helper()
	at, err := http.ParseTime(response.Header.Get("Idempotency-Expires"))
	if err != nil || !at.After(time.Now()) {
		t.Errorf("Idempotency-Expires %q, want a time to come", response.Header.Get("Idempotency-Expires"))
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	s := newService(t, created, func(_ *idempotency.Config, c *idemhttp.Config) { c.RecordedHeaders = []string{"x-extra"} })
	first := s.post("k1", `{"amount":1}`)
	again := s.post("k1", `{"amount":1}`)
	s.wantExecutions(1)
	wantExpires(t, first)

	if first.Header.Get("Set-Cookie") == "" || first.Header.Get("X-Request-Id") != "first" {
		t.Error("the first call did not get the handler's own answer")
	}
	if first.Header.Get("Idempotent-Replayed") != "" {
		t.Error("the first call is said to be a replay")
	}
	if again.StatusCode != http.StatusCreated {
		t.Errorf("status %d, want 201", again.StatusCode)
	}
	if body, want := bodyOf(t, again), bodyOf(t, first); body != want {
		t.Errorf("the replay's body is %q, want %q", body, want)
	}
	want := http.Header{
		"Content-Type":        {"text/plain; charset=utf-8"},
		"Content-Length":      {strconv.Itoa(len(`created {"amount":1}`))},
		"Location":            {"/payments/1"},
		"Etag":                {`"v1"`},
		"Idempotent-Replayed": {"true"},
		"Idempotency-Expires": first.Header["Idempotency-Expires"],
	}
	if !reflect.DeepEqual(again.Header, want) {
		t.Errorf("headers of the replay %v, want %v", again.Header, want)
	}
}

func TestListedHeadersAreKept(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Link", "</a>")
		w.Header().Add("Link", "</b>")
	}, func(_ *idempotency.Config, c *idemhttp.Config) { c.RecordedHeaders = []string{"link"} })
	s.post("k1", "")
	if links := s.post("k1", "").Header.Values("Link"); !slices.Equal(links, []string{"</a>", "</b>"}) {
		t.Errorf("Link %q, want both", links)
	}
}

func TestKeyRequired(t *testing.T) {
	t.Parallel()
	s := newService(t, created)
	wantProblem(t, s.post("", "{}"), http.StatusBadRequest, idemhttp.TypeKeyMissing)
	wantProblem(t, s.post(" ", "{}"), http.StatusBadRequest, idemhttp.TypeKeyMalformed)
	twice := newRequest("k1", "{}")
	twice.Header.Add("Idempotency-Key", "k1")
	wantProblem(t, s.send(twice), http.StatusBadRequest, idemhttp.TypeKeyMalformed)
	s.wantExecutions(0)
}

func TestKeyOptional(t *testing.T) {
	t.Parallel()
	s := newService(t, created, func(_ *idempotency.Config, c *idemhttp.Config) { c.OptionalKey = true })
	for range 2 {
		if response := s.post("", "{}"); response.StatusCode != http.StatusCreated || response.Header.Get("Idempotency-Expires") != "" {
			t.Errorf("status %d, headers %v", response.StatusCode, response.Header)
		}
	}
	s.wantExecutions(2)
	wantProblem(t, s.post(`"`, "{}"), http.StatusBadRequest, idemhttp.TypeKeyMalformed)
	s.wantExecutions(2)
}

func TestQuotedKeyIsTheBareKey(t *testing.T) {
	t.Parallel()
	s := newService(t, created)
	s.post("k1", "{}")
	if response := s.post(`"k1"`, "{}"); response.Header.Get("Idempotent-Replayed") != "true" {
		t.Error(`"k1" and k1 are two keys`)
	}
	s.wantExecutions(1)
}

func TestMismatch(t *testing.T) {
	t.Parallel()
	s := newService(t, created)
	s.post("k1", `{"amount":1}`)
	response := s.post("k1", `{"amount":2}`)
	wantProblem(t, response, http.StatusUnprocessableEntity, idemhttp.TypePayloadMismatch)
	wantExpires(t, response)
	s.wantExecutions(1)
}

func TestInProgress(t *testing.T) {
	t.Parallel()
	for lease, want := range map[time.Duration]string{
		time.Second:      "2", // and 1 s of skew, of which 0.1 s have passed, rounded up
		10 * time.Minute: "5", // the first usually ends long before its lease
	} {
		synctest.Test(t, func(t *testing.T) {
			var s *service
			s = newService(t, func(http.ResponseWriter, *http.Request) {
				time.Sleep(100 * time.Millisecond)
				response := s.post("k1", "{}")
				wantProblem(t, response, http.StatusConflict, idemhttp.TypeInProgress)
				wantExpires(t, response)
				if after := response.Header.Get("Retry-After"); after != want {
					t.Errorf("lease %v: Retry-After %q, want %s", lease, after, want)
				}
			}, func(c *idempotency.Config, _ *idemhttp.Config) { c.Lease, c.Skew = lease, time.Second })
			s.post("k1", "{}")
			s.wantExecutions(1)
		})
	}
}

func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		s := newService(t, created, func(c *idempotency.Config, _ *idemhttp.Config) {
			c.Store, c.Recovery = store, idempotency.Refuse
		})
		// The process that claimed the key died.
		scope, _ := principal(newRequest("", ""))
		key, err := idempotency.NewKey(scope, "payments.create", "k1")
		if err != nil {
			t.Fatal(err)
		}
		fingerprint, err := idemhttp.RawFingerprint(newRequest("k1", "{}"), []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		if _, err := store.Claim(t.Context(), idempotency.Claim{Now: now, Record: idempotency.Record{
			ID: key.ID(), Status: idempotency.InProgress, Owner: "dead", Fingerprint: fingerprint,
			LeaseUntil: now.Add(time.Second), Expires: now.Add(time.Hour),
		}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		response := s.post("k1", "{}")
		wantProblem(t, response, http.StatusConflict, idemhttp.TypeOutcomeUnknown)
		wantExpires(t, response)
		if after := response.Header.Get("Retry-After"); after != "" {
			t.Errorf("Retry-After %q, want none: a retry will not help", after)
		}
		s.wantExecutions(0)
	})
}

func TestResponseNotKept(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 1000))
	}, func(c *idempotency.Config, _ *idemhttp.Config) { c.MaxResult = 500 })
	if body := bodyOf(t, s.post("k1", "{}")); len(body) != 1000 {
		t.Errorf("the first call got %d bytes, want 1000", len(body))
	}
	wantProblem(t, s.post("k1", "{}"), http.StatusGone, idemhttp.TypeResponseNotKept)
	s.wantExecutions(1)
}

func TestStoreUnavailable(t *testing.T) {
	t.Parallel()
	s := newService(t, created, func(c *idempotency.Config, _ *idemhttp.Config) { c.Store = brokenStore{c.Store} })
	response := s.post("k1", "{}")
	if response.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	body := bodyOf(t, response)
	if strings.Contains(body, "10.0.0.1") {
		t.Errorf("the answer shows internals: %s", body)
	}
	response.Body = io.NopCloser(strings.NewReader(body))
	wantProblem(t, response, http.StatusServiceUnavailable, idemhttp.TypeStoreUnavailable)
	s.wantExecutions(0)
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	s := newService(t, created, func(_ *idempotency.Config, c *idemhttp.Config) { c.MaxBody = 10 })
	wantProblem(t, s.post("k1", "12345678901"), http.StatusRequestEntityTooLarge, idemhttp.TypePayloadTooLarge)
	s.wantExecutions(0)
	if response := s.post("k1", "1234567890"); response.StatusCode != http.StatusCreated {
		t.Errorf("status %d for a body at the limit with the key of the refused one", response.StatusCode)
	}
}

func TestUnreadableBody(t *testing.T) {
	t.Parallel()
	s := newService(t, created)
	r := newRequest("k1", "")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), errorReader{}))
	wantProblem(t, s.send(r), http.StatusBadRequest, idemhttp.TypePayloadMalformed)
	s.wantExecutions(0)
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestScopeIsRequired(t *testing.T) {
	t.Parallel()
	s := newService(t, created)
	r := newRequest("k1", "{}")
	r.Header.Del("Principal")
	wantProblem(t, s.send(r), http.StatusInternalServerError, idemhttp.TypeInternal)
	s.wantExecutions(0)

	s = newService(t, created, func(_ *idempotency.Config, c *idemhttp.Config) {
		c.Scope = func(*http.Request) (idempotency.Scope, error) {
			return idempotency.Scope{}, fmt.Errorf("wrapped: %w", &problem.Problem{Type: "urn:login", Status: http.StatusUnauthorized})
		}
	})
	wantProblem(t, s.post("k1", "{}"), http.StatusUnauthorized, "urn:login")
	s.wantExecutions(0)
}

func TestJSONFingerprint(t *testing.T) {
	t.Parallel()
	asJSON := func(_ *idempotency.Config, c *idemhttp.Config) { c.Fingerprint = idemhttp.JSONFingerprint }
	s := newService(t, created, asJSON)
	s.post("k1", `{"amount":1250,"currency":"EUR"}`)
	same := s.post("k1", ` { "currency" : "\u0045UR", "amount": 1.25e3 } `)
	if same.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("status %d: the same JSON in other bytes is another payload", same.StatusCode)
	}
	wantProblem(t, s.post("k1", `{"amount":1251,"currency":"EUR"}`), http.StatusUnprocessableEntity, idemhttp.TypePayloadMismatch)
	for _, body := range []string{"", "{", `{"a":1,"a":2}`, `{"a":9007199254740993}`, "{} {}"} {
		wantProblem(t, s.post("k2", body), http.StatusBadRequest, idemhttp.TypePayloadMalformed)
	}
	s.wantExecutions(1)
	if response := s.post("k2", "{}"); response.StatusCode != http.StatusCreated {
		t.Errorf("status %d for the corrected request", response.StatusCode)
	}
}

func TestKeySyntax(t *testing.T) {
	t.Parallel()
	isUUID := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	s := newService(t, created, func(_ *idempotency.Config, c *idemhttp.Config) {
		c.CheckKey = func(key string) error {
			if !isUUID.MatchString(key) {
				return errors.New("not a UUID")
			}
			return nil
		}
	})
	wantProblem(t, s.post("k1", "{}"), http.StatusBadRequest, idemhttp.TypeKeyMalformed)
	s.wantExecutions(0)
	if response := s.post("8e03978e-40d5-43dd-bc93-6894a57f9324", "{}"); response.StatusCode != http.StatusCreated {
		t.Errorf("status %d for a UUID", response.StatusCode)
	}
}

func TestFingerprintCovers(t *testing.T) {
	t.Parallel()
	fingerprint := func(change func(*http.Request)) idempotency.Fingerprint {
		r := newRequest("k1", "{}")
		change(r)
		fp, err := idemhttp.RawFingerprint(r, []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		return fp
	}
	base := fingerprint(func(*http.Request) {})
	for name, change := range map[string]func(*http.Request){
		"method":     func(r *http.Request) { r.Method = http.MethodPatch },
		"path":       func(r *http.Request) { r.URL.Path = "/accounts/2/payments" },
		"query":      func(r *http.Request) { r.URL.RawQuery = "dry-run=1" },
		"media type": func(r *http.Request) { r.Header.Set("Content-Type", "text/json") },
	} {
		if fingerprint(change) == base {
			t.Errorf("another %s has the same fingerprint", name)
		}
	}
	for name, change := range map[string]func(*http.Request){
		"charset":             func(r *http.Request) { r.Header.Set("Content-Type", "Application/JSON; charset=utf-8") },
		"conditional headers": func(r *http.Request) { r.Header.Set("If-None-Match", `"v1"`) },
		"user agent":          func(r *http.Request) { r.Header.Set("User-Agent", "other") },
	} {
		if fingerprint(change) != base {
			t.Errorf("another %s makes another fingerprint", name)
		}
	}
}

func TestHandlerSeesTheRequestAndItsExecution(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != "payload" || r.ContentLength != 7 {
			t.Errorf("body %q, length %d, error %v", body, r.ContentLength, err)
		}
		if _, ok := idempotency.FromContext(r.Context()); !ok {
			t.Error("the request carries no execution")
		}
	})
	s.post("k1", "payload")
	s.wantExecutions(1)
}

func TestConfigIsValidated(t *testing.T) {
	t.Parallel()
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*idemhttp.Config){
		"Guard":         func(c *idemhttp.Config) { c.Guard = nil },
		"Store":         func(c *idemhttp.Config) { c.Store = memstore.New() }, // and the guard
		"Scope":         func(c *idemhttp.Config) { c.Scope = nil },
		"Operation":     func(c *idemhttp.Config) { c.Operation = "payments create" },
		"OperationFunc": func(c *idemhttp.Config) { c.OperationFunc = idemhttp.PatternOperation },
		"MaxBody":       func(c *idemhttp.Config) { c.MaxBody = -1 },
		"Methods":       func(c *idemhttp.Config) { c.Methods = []string{"POST", "GET"} },
		"ProblemBase":   func(c *idemhttp.Config) { c.ProblemBase = "%" },
	} {
		cfg := idemhttp.Config{Guard: guard, Operation: "op", Scope: principal}
		spoil(&cfg)
		if _, err := idemhttp.New(cfg); err == nil || !strings.Contains(err.Error(), "Config."+name) {
			t.Errorf("error %v, want one that names Config.%s", err, name)
		}
	}
}
