package session_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda"
)

// ask sends a request of which an authorizer has said this, and returns the status
// and whose session the handler found.
func ask(t *testing.T, authorizer string) (status int, caller session.ID) {
	t.Helper()
	respond := idemlambda.HTTP(session.FromToken(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		var err error
		if caller, err = session.FromRequest(r); err != nil {
			t.Error(err)
		}
		scope, err := session.Scope(r)
		want, wantErr := caller.Scope()
		if err != nil || wantErr != nil || scope != want {
			t.Errorf("the scope is %v, %v; want %v, %v", scope, err, want, wantErr)
		}
	})))
	var event idemlambda.HTTPEvent
	text := `{"version":"2.0","rawPath":"/","headers":{"demo-session":"` + canonical + `"},
		"requestContext":{"http":{"method":"GET"},"authorizer":` + authorizer + `}}`
	if err := json.Unmarshal([]byte(text), &event); err != nil {
		t.Fatal(err)
	}
	response, err := respond(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, caller
}

func subject(name string) string { return `{"jwt":{"claims":{"sub":"` + name + `"}}}` }

func TestTokensSubjectIsTheCaller(t *testing.T) {
	t.Parallel()
	status, ada := ask(t, subject("ada"))
	if _, err := session.Parse(string(ada)); err != nil || status != http.StatusOK || ada == canonical {
		t.Errorf("got %d, the session %q, which the request's header must not choose: %v", status, ada, err)
	}
	if _, again := ask(t, subject("ada")); again != ada {
		t.Errorf("ada is %s and then %s", ada, again)
	}
	if _, bob := ask(t, subject("bob")); bob == ada {
		t.Error("ada and bob are one")
	}
}

func TestWithoutATokenNobodyIsAnswered(t *testing.T) {
	t.Parallel()
	for name, authorizer := range map[string]string{
		"no authorizer": "null", "another authorizer": `{"iam":{"userArn":"arn"}}`, "no subject": subject(""), "no claims": `{"jwt":{}}`,
	} {
		if status, caller := ask(t, authorizer); status != http.StatusUnauthorized || caller != "" {
			t.Errorf("%s: got %d as %q", name, status, caller)
		}
	}
	plain := httptest.NewRecorder()
	session.FromToken(http.NotFoundHandler()).ServeHTTP(plain, httptest.NewRequest(http.MethodGet, "/", nil))
	if plain.Code != http.StatusUnauthorized {
		t.Errorf("a request that is no event: got %d", plain.Code)
	}
}
