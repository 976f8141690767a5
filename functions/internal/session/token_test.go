package session_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/lambdahttp"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
)

// ask sends a request whose token has this subject, and returns the status and
// whose session the handler found.
func ask(t *testing.T, authorizer *events.APIGatewayV2HTTPRequestContextAuthorizerDescription) (status int, caller session.ID) {
	t.Helper()
	respond := lambdahttp.Adapt(session.FromToken(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	response, err := respond(t.Context(), events.APIGatewayV2HTTPRequest{
		RawPath: "/", Headers: map[string]string{"demo-session": canonical},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: http.MethodGet}, Authorizer: authorizer,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, caller
}

func subject(name string) *events.APIGatewayV2HTTPRequestContextAuthorizerDescription {
	return &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
		JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: map[string]string{"sub": name}},
	}
}

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
	for name, authorizer := range map[string]*events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
		"no authorizer": nil, "another authorizer": {}, "no subject": subject(""),
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
