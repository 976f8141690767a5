package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/api"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/apitest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

func TestReconcileAnswersAsCreateWouldHave(t *testing.T) {
	t.Parallel()
	var (
		created error // what creating ends with
		found   bool
		failure error // of finding
		sought  newThing
	)
	protect, err := idemhttp.New(idemhttp.Config{
		Guard:     apitest.GuardWith(t, idempotency.Config{Recovery: idempotency.Reconcile}),
		Operation: "things.create",
		Scope:     session.Scope,
		Reconcile: api.Reconcile[newThing, thing]{
			Find: func(_ context.Context, caller session.ID, in newThing) (thing, bool, error) {
				if caller != apitest.Alice {
					t.Errorf("%s is asked about", caller)
				}
				sought = in
				return thing{id, in.Name}, found, failure
			},
			Logger: apitest.Logger(),
		}.Answer,
	})
	if err != nil {
		t.Fatal(err)
	}
	handler := api.Create[newThing, thing]{
		Run: func(_ context.Context, _ session.ID, in newThing) (thing, error) {
			return thing{id, in.Name}, created
		},
		Protect: protect,
		Logger:  apitest.Logger(),
	}
	create := func(key string) apitest.Response {
		return apitest.Send(t, handler, http.MethodPost, "/things", apitest.Request{Session: apitest.Alice, Key: key, Body: valid})
	}

	first := create("k1")
	created = errors.New("interrupted")
	if failed := create("k2"); failed.Problem(t) != "internal" {
		t.Fatalf("got %+v", failed)
	}
	failure = errors.New("secret")
	if unknown := create("k2"); unknown.Problem(t) != "not-reconciled" || strings.Contains(unknown.Body, "secret") {
		t.Errorf("got %+v", unknown)
	}
	found, failure = true, nil
	reconciled := create("k2")
	for _, answer := range []apitest.Response{first, reconciled} {
		answer.Header.Del("Idempotency-Expires")
	}
	if diff := cmp.Diff(first, reconciled); diff != "" {
		t.Errorf("(-created +reconciled) %s", diff)
	}
	if diff := cmp.Diff(newThing{Name: "x", Count: 1}, sought); diff != "" {
		t.Errorf("asked about (-want +got) %s", diff)
	}
}

func TestProtectionKnowsTheSession(t *testing.T) {
	t.Parallel()
	var known session.ID
	handler := api.Create[newThing, thing]{
		Run: func(context.Context, session.ID, newThing) (thing, error) { return thing{}, nil },
		Protect: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				known, _ = session.FromContext(r.Context())
				next.ServeHTTP(w, r)
			})
		},
		Logger: apitest.Logger(),
	}
	apitest.Send(t, handler, http.MethodPost, "/things", apitest.Request{Session: apitest.Alice, Body: valid})
	if known != apitest.Alice {
		t.Errorf("got %q", known)
	}
}
