package idemlambda

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Authorizer is the caller of a request, as the API's authorizer has determined it.
// At most one of Claims, Lambda and IAM is set.
type Authorizer struct {
	// Claims are the claims of the caller's token, which a JWT authorizer of an HTTP
	// API or a Cognito user pool authorizer of a REST API has verified.
	Claims map[string]any
	// Scopes are the OAuth scopes of the caller's token that the route requires. They
	// come with Claims.
	Scopes []string
	// Lambda is the context that a Lambda authorizer returned. A REST API adds
	// "principalId".
	Lambda map[string]any
	// IAM is the caller that has signed the request.
	IAM *IAMCaller
}

// IAMCaller is the AWS identity that has signed a request.
type IAMCaller struct {
	AccountID string
	// ARN is that of the user or of the assumed role's session.
	ARN string
	// CognitoIdentityID is set if the identity is that of a Cognito identity pool,
	// whose users share a role.
	CognitoIdentityID string
}

// Authorizer returns the caller, as the API's authorizer has determined it. The
// result is empty if there is no authorizer. Numbers in it are json.Number.
func (e *HTTPEvent) Authorizer() (Authorizer, error) {
	var all map[string]json.RawMessage
	raw := e.RequestContext.RawAuthorizer
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &all); err != nil {
			return Authorizer{}, fmt.Errorf("idemlambda: the request's authorizer: %w", err)
		}
	}
	var a Authorizer
	var err error
	identity := e.RequestContext.Identity
	switch {
	case all["jwt"] != nil && e.isV2():
		var jwt struct {
			Claims map[string]any
			Scopes []string
		}
		err = decode(all["jwt"], &jwt)
		a.Claims, a.Scopes = jwt.Claims, jwt.Scopes
	case all["iam"] != nil && e.isV2():
		var iam struct {
			AccountID, UserARN string
			CognitoIdentity    struct{ IdentityID string }
		}
		err = decode(all["iam"], &iam)
		a.IAM = &IAMCaller{iam.AccountID, iam.UserARN, iam.CognitoIdentity.IdentityID}
	case all["lambda"] != nil && e.isV2():
		err = decode(all["lambda"], &a.Lambda)
	case e.isV2():
	case all["claims"] != nil:
		err = decode(all["claims"], &a.Claims)
	case len(all) > 0:
		err = decode(raw, &a.Lambda)
	case identity.UserARN != "" || identity.CognitoIdentityID != "":
		a.IAM = &IAMCaller{identity.AccountID, identity.UserARN, identity.CognitoIdentityID}
	}
	if err != nil {
		return Authorizer{}, fmt.Errorf("idemlambda: the request's authorizer: %w", err)
	}
	return a, nil
}

func decode(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

// ClaimScope returns a function that makes the scope of a request from a claim of
// its caller's token, such as "sub": an idemhttp.Config.Scope. The function fails
// for a request without that claim, which no request is if the API's authorizer
// protects the route.
func ClaimScope(claim string) func(*http.Request) (idempotency.Scope, error) {
	return func(r *http.Request) (idempotency.Scope, error) {
		a, err := authorizerOf(r)
		if err != nil {
			return idempotency.Scope{}, err
		}
		return scopeOf(a.Claims, claim, "claim of a token")
	}
}

// LambdaAuthorizerScope is [ClaimScope] for a field of the context that a Lambda
// authorizer returned, or a REST API's "principalId".
func LambdaAuthorizerScope(field string) func(*http.Request) (idempotency.Scope, error) {
	return func(r *http.Request) (idempotency.Scope, error) {
		a, err := authorizerOf(r)
		if err != nil {
			return idempotency.Scope{}, err
		}
		return scopeOf(a.Lambda, field, "field of a Lambda authorizer")
	}
}

// IAMScope makes the scope of a request from the IAM identity that has signed it:
// an idemhttp.Config.Scope. For an assumed role that is the role and not its
// session, because a retry may be signed in another one; for a user of a Cognito
// identity pool it is the user, because they share a role.
func IAMScope(r *http.Request) (idempotency.Scope, error) {
	a, err := authorizerOf(r)
	switch {
	case err != nil:
		return idempotency.Scope{}, err
	case a.IAM == nil || a.IAM.ARN == "" && a.IAM.CognitoIdentityID == "":
		return idempotency.Scope{}, errors.New("idemlambda: the request was not signed by an IAM identity")
	case a.IAM.CognitoIdentityID != "":
		return idempotency.NewScope("cognito " + a.IAM.CognitoIdentityID)
	}
	arn := a.IAM.ARN
	if strings.Contains(arn, ":assumed-role/") {
		arn = arn[:strings.LastIndexByte(arn, '/')]
	}
	return idempotency.NewScope(arn)
}

func authorizerOf(r *http.Request) (Authorizer, error) {
	event := EventOf(r)
	if event == nil {
		return Authorizer{}, errors.New("idemlambda: the request does not come from idemlambda.HTTP")
	}
	return event.Authorizer()
}

func scopeOf(fields map[string]any, name, what string) (idempotency.Scope, error) {
	var principal string
	switch value := fields[name].(type) {
	case string:
		principal = value
	case json.Number:
		principal = value.String()
	}
	scope, err := idempotency.NewScope(principal)
	if err != nil {
		return idempotency.Scope{}, fmt.Errorf("idemlambda: the request has no %s %q", what, name)
	}
	return scope, nil
}
