package idemhttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

type callerKey struct{}

// account is a principal that is no string.
type account struct{ number string }

func (a *account) String() string { return a.number }

func TestScopes(t *testing.T) {
	t.Parallel()
	inContext := func(value any) func(*http.Request) *http.Request {
		return func(r *http.Request) *http.Request {
			return r.WithContext(context.WithValue(r.Context(), callerKey{}, value))
		}
	}
	basic := func(user string) func(*http.Request) *http.Request {
		return func(r *http.Request) *http.Request { r.SetBasicAuth(user, "secret"); return r }
	}
	bare := func(r *http.Request) *http.Request { return r }
	ofContext := idemhttp.ContextScope(callerKey{})
	for name, test := range map[string]struct {
		scope   func(*http.Request) (idempotency.Scope, error)
		request func(*http.Request) *http.Request
		want    string // the principal, or what the error says
	}{
		"user":                {idemhttp.BasicAuthScope, basic("alice"), "alice"},
		"blank user":          {idemhttp.BasicAuthScope, basic(" "), "error: empty or blank"},
		"no user":             {idemhttp.BasicAuthScope, bare, "error: authenticate before the middleware"},
		"string":              {ofContext, inContext("alice"), "alice"},
		"blank string":        {ofContext, inContext(" "), "error: empty or blank"},
		"Stringer":            {ofContext, inContext(&account{"4711"}), "4711"},
		"nothing":             {ofContext, bare, "error: authenticate before the middleware"},
		"neither":             {ofContext, inContext(4711), "error: has int under idemhttp_test.callerKey"},
		"a header is no user": {ofContext, basic("alice"), "error: authenticate before the middleware"},
	} {
		got, err := test.scope(test.request(httptest.NewRequest(http.MethodPost, "/payments", nil)))
		message, fails := strings.CutPrefix(test.want, "error: ")
		if fails {
			if err == nil || !strings.Contains(err.Error(), message) {
				t.Errorf("%s: error %v, want one with %q", name, err, message)
			}
			continue
		}
		if want, _ := idempotency.NewScope(test.want); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
}

// A middleware with a store instead of a guard has a guard of its own with the
// defaults.
func TestStoreInPlaceOfAGuard(t *testing.T) {
	t.Parallel()
	protect, err := idemhttp.New(idemhttp.Config{Store: memstore.New(), Operation: "payments.create", Scope: idemhttp.BasicAuthScope})
	if err != nil {
		t.Fatal(err)
	}
	executions := 0
	handler := protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		executions++
		w.WriteHeader(http.StatusCreated)
	}))
	post := func(user, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/payments", strings.NewReader(body))
		r.SetBasicAuth(user, "secret")
		r.Header.Set("Idempotency-Key", "k1")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	for i, test := range []struct {
		user, body string
		status     int
		replayed   string
	}{
		{"alice", "1250", http.StatusCreated, ""},
		{"alice", "1250", http.StatusCreated, "true"},
		{"alice", "900", http.StatusUnprocessableEntity, ""},
		{"bob", "900", http.StatusCreated, ""},
	} {
		w := post(test.user, test.body)
		if w.Code != test.status || w.Header().Get("Idempotent-Replayed") != test.replayed {
			t.Errorf("request %d: %d, replayed %q", i, w.Code, w.Header().Get("Idempotent-Replayed"))
		}
	}
	if executions != 2 {
		t.Errorf("%d executions, want 2", executions)
	}
}
