package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/api"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/apitest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

type newThing struct {
	Name  string   `json:"name"`
	Count int64    `json:"count"`
	Tags  []string `json:"tags"`
}

func (n newThing) Validate() (invalid []api.FieldError) {
	if n.Name == "" {
		invalid = append(invalid, api.FieldError{Field: "name", Detail: "is missing"})
	}
	if n.Count <= 0 {
		invalid = append(invalid, api.FieldError{Field: "count", Detail: "is not positive"})
	}
	return invalid
}

type thing struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (t thing) Path() string { return "/things/" + t.ID }

const id = "8e7d6c5b-4a39-5281-b706-f5e4d3c2b1a0"

// things is an API that creates one thing.
type things struct {
	run  func(context.Context, session.ID, newThing) (thing, error)
	logs bytes.Buffer
	http.Handler
}

func newThings(t *testing.T, run func(context.Context, session.ID, newThing) (thing, error)) *things {
	t.Helper()
	protect, err := idemhttp.New(idemhttp.Config{
		Guard: apitest.Guard(t), Operation: "things.create", Scope: session.Scope, Fingerprint: idemhttp.JSONFingerprint,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &things{run: run}
	if run == nil {
		s.run = func(_ context.Context, _ session.ID, in newThing) (thing, error) { return thing{id, in.Name}, nil }
	}
	logger := slog.New(slog.NewJSONHandler(&s.logs, nil))
	mux := http.NewServeMux()
	mux.Handle("POST /things", api.Create[newThing, thing]{
		Run: func(ctx context.Context, caller session.ID, in newThing) (thing, error) {
			return s.run(ctx, caller, in)
		},
		Protect: protect,
		Logger:  logger,
	})
	mux.Handle("GET /things/{id}", api.Read[thing]{Logger: logger, Find: func(_ context.Context, _ session.ID, wanted string) (thing, error) {
		if wanted != id {
			return thing{}, api.ErrNotFound
		}
		return thing{id, "x"}, nil
	}})
	s.Handler = api.Edge(mux, logger)
	return s
}

func (s *things) create(t *testing.T, body string, header http.Header) apitest.Response {
	t.Helper()
	return apitest.Send(t, s, http.MethodPost, "/things", apitest.Request{Session: apitest.Alice, Key: "k1", Body: body, Header: header})
}

const valid = `{"name":"x","count":1}`

func TestInputIsCheckedBeforeTheKeyIsClaimed(t *testing.T) {
	t.Parallel()
	media := func(value string) http.Header { return http.Header{"Content-Type": {value}} }
	for _, test := range []struct {
		name    string
		body    string
		header  http.Header
		problem string
		fields  []string
	}{
		{"not JSON", `name=x`, nil, "payload-malformed", nil},
		{"nothing", ` `, nil, "payload-malformed", nil},
		{"cut off", `{"name":"x"`, nil, "payload-malformed", nil},
		{"two values", valid + valid, nil, "payload-malformed", nil},
		{"an array", `[]`, nil, "payload-malformed", nil},
		{"null", `null`, nil, "payload-malformed", nil},
		{"duplicate names", `{"name":"x","count":1,"count":2}`, nil, "payload-malformed", nil},
		{"invalid UTF-8", "{\"name\":\"\xff\",\"count\":1}", nil, "payload-malformed", nil},
		{"an integer beyond doubles", `{"name":"x","count":9007199254740993}`, nil, "payload-malformed", nil},
		{"no media type", valid, media(""), "media-type-unsupported", nil},
		{"another media type", valid, media("text/plain"), "media-type-unsupported", nil},
		{"a malformed media type", valid, media("application/json; charset"), "media-type-unsupported", nil},
		{"too large", `{"name":"` + strings.Repeat("x", api.MaxBody) + `","count":1}`, nil, "payload-too-large", nil},
		{"empty", `{}`, nil, "validation-failed", []string{"name", "count"}},
		{"unknown names", `{"name":"x","count":1,"b":0,"a":0}`, nil, "validation-failed", []string{"a", "b"}},
		{"a name in another case", `{"name":"x","Count":1}`, nil, "validation-failed", []string{"Count", "count"}},
		{"wrong types", `{"name":1,"count":"1","tags":"a"}`, nil, "validation-failed", []string{"name", "count", "tags"}},
		{"a fraction", `{"name":"x","count":1.5}`, nil, "validation-failed", []string{"count"}},
		{"null for a number", `{"name":"x","count":null}`, nil, "validation-failed", []string{"count"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newThings(t, nil)
			refused := s.create(t, test.body, test.header)
			if got := refused.Problem(t); got != test.problem {
				t.Fatalf("got %s, want %s", refused.Body, test.problem)
			}
			var document struct{ Errors []api.FieldError }
			refused.Decode(t, &document)
			var fields []string
			for _, e := range document.Errors {
				fields = append(fields, e.Field)
				if e.Detail == "" {
					t.Errorf("%s: no detail", e.Field)
				}
			}
			if diff := cmp.Diff(test.fields, fields); diff != "" {
				t.Error(diff)
			}
			if corrected := s.create(t, valid, nil); corrected.Status != http.StatusCreated {
				t.Errorf("the corrected request with the same key gets %+v", corrected)
			}
		})
	}
}

func TestCreateAnswersWithTheResource(t *testing.T) {
	t.Parallel()
	s := newThings(t, nil)
	created := s.create(t, valid, http.Header{"Content-Type": {"Application/JSON; charset=utf-8"}})
	if created.Status != http.StatusCreated || created.Body != `{"id":"`+id+`","name":"x"}` ||
		created.Header.Get("Location") != "/things/"+id || created.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %+v", created)
	}
}

func TestConditionalRead(t *testing.T) {
	t.Parallel()
	s := newThings(t, nil)
	tag := s.create(t, valid, nil).Header.Get("ETag")
	for _, test := range []struct {
		ifNoneMatch string
		status      int
	}{
		{"", http.StatusOK},
		{`"another"`, http.StatusOK},
		{tag, http.StatusNotModified},
		{"W/" + tag, http.StatusNotModified},
		{`"a,b", ` + tag, http.StatusNotModified},
		{"*", http.StatusNotModified},
	} {
		header := http.Header{"Range": {"bytes=0-1"}} // is ignored
		if test.ifNoneMatch != "" {
			header.Set("If-None-Match", test.ifNoneMatch)
		}
		read := apitest.Send(t, s, http.MethodGet, "/things/"+id, apitest.Request{Session: apitest.Alice, Header: header})
		if read.Status != test.status || read.Header.Get("ETag") != tag || read.Header.Get("Cache-Control") != "private, no-cache" {
			t.Errorf("If-None-Match %s: got %+v, want %d", test.ifNoneMatch, read, test.status)
		}
		if (read.Body == "") != (test.status == http.StatusNotModified) {
			t.Errorf("If-None-Match %s: status %d with body %q", test.ifNoneMatch, read.Status, read.Body)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newThings(t, nil)
	for _, test := range []struct {
		method, path string
		session      session.ID
		problem      string
		status       int
	}{
		{http.MethodGet, "/nothing", apitest.Alice, "not-found", 404},
		{http.MethodGet, "/", "", "not-found", 404},
		{http.MethodGet, "/things/" + strings.Replace(id, "8", "9", 1), apitest.Alice, "not-found", 404},
		{http.MethodGet, "/things/" + strings.Repeat("x", 2000), apitest.Alice, "not-found", 404},
		{http.MethodGet, "/things/" + id, "", "session-missing", 400},
		{http.MethodPost, "/things", "", "session-missing", 400},
		{http.MethodDelete, "/things", apitest.Alice, "method-not-allowed", 405},
	} {
		refused := apitest.Send(t, s, test.method, test.path, apitest.Request{Session: test.session})
		if got := refused.Problem(t); got != test.problem || refused.Status != test.status {
			t.Errorf("%s %.40s: got %+v, want %s", test.method, test.path, refused, test.problem)
		}
		if allowed := refused.Header.Get("Allow"); test.status == http.StatusMethodNotAllowed && allowed != "POST" {
			t.Errorf("Allow: %q", allowed)
		}
	}
}

func TestErrorsAndPanicsAreLoggedAndNotShown(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		run     func(context.Context, session.ID, newThing) (thing, error)
		problem string
	}{
		"error": {
			func(context.Context, session.ID, newThing) (thing, error) { return thing{}, errors.New("secret cause") },
			"internal",
		},
		"unavailable": {
			func(context.Context, session.ID, newThing) (thing, error) {
				return thing{}, api.Unavailable(errors.New("secret cause"))
			},
			"store-unavailable",
		},
		"panic": {
			func(context.Context, session.ID, newThing) (thing, error) { panic("secret cause") },
			"internal",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newThings(t, test.run)
			failed := s.create(t, valid, nil)
			if got := failed.Problem(t); got != test.problem || strings.Contains(failed.Body, "secret") {
				t.Errorf("got %+v", failed)
			}
			if !strings.Contains(s.logs.String(), "secret cause") {
				t.Errorf("the cause is not in the log: %s", s.logs.String())
			}
			s.run = func(context.Context, session.ID, newThing) (thing, error) { return thing{id, "x"}, nil }
			if retry := s.create(t, valid, nil); retry.Status != http.StatusCreated {
				t.Errorf("the retry gets %+v", retry)
			}
		})
	}
}

func TestLogTellsRouteAndStatusButNeitherKeysNorBodies(t *testing.T) {
	t.Parallel()
	s := newThings(t, nil)
	for range 2 {
		apitest.Send(t, s, http.MethodPost, "/things", apitest.Request{Session: apitest.Alice, Key: "secret-key", Body: `{"name":"secret-name","count":1}`})
	}
	if strings.Contains(s.logs.String(), "secret") || strings.Contains(s.logs.String(), string(apitest.Alice)) {
		t.Errorf("the log tells too much: %s", s.logs.String())
	}
	type line struct {
		Msg, Method, Route string
		Status             int
		Replayed           bool
	}
	var got []line
	for decoder := json.NewDecoder(&s.logs); decoder.More(); {
		var l line
		if err := decoder.Decode(&l); err != nil {
			t.Fatal(err)
		}
		got = append(got, l)
	}
	want := []line{{"request", "POST", "POST /things", 201, false}, {"request", "POST", "POST /things", 201, true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
