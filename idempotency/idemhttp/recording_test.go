package idemhttp_test

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// A response that an operator records is replayed like one of the handler's, and one
// of the handler's is shown to the operator.
func TestOperatorsRecordResponses(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	handle := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
	}
	s := newService(t, handle, func(g *idempotency.Config, _ *idemhttp.Config) {
		g.Store, g.Recovery, g.CacheEntries = store, idempotency.Refuse, -1
	})
	operator, err := idempotency.New(idempotency.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	scope, err := idempotency.NewScope("alice")
	if err != nil {
		t.Fatal(err)
	}
	key, err := idempotency.NewKey(scope, "payments.create", "k1")
	if err != nil {
		t.Fatal(err)
	}
	s.post("k1", "{}")
	wantProblem(t, s.post("k1", "{}"), http.StatusConflict, idemhttp.TypeOutcomeUnknown)

	want := idemhttp.Response{
		Status: http.StatusCreated,
		Header: http.Header{"Content-Type": {"application/json"}, "Location": {"/payments/1"}, "X-Two": {"a", "b"}},
		Body:   []byte(`{"id":"1"}`),
	}
	data, err := idemhttp.EncodeResponse(idemhttp.Response{
		Status: want.Status, Body: want.Body,
		Header: http.Header{"content-type": {"application/json"}, "Location": {"/payments/1"}, "X-Two": {"a", "b"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := operator.Settle(t.Context(), key, idempotency.Result{Data: data}); err != nil {
		t.Fatal(err)
	}
	response := s.post("k1", "{}")
	if response.StatusCode != http.StatusCreated || bodyOf(t, response) != `{"id":"1"}` || response.Header.Get("Location") != "/payments/1" ||
		response.Header.Get("Idempotent-Replayed") != "true" || len(response.Header["X-Two"]) != 2 {
		t.Errorf("replayed: %d %v", response.StatusCode, response.Header)
	}
	s.wantExecutions(1)

	r, err := operator.Look(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	got, trailer, err := idemhttp.DecodeResponse(r.Data)
	if err != nil || trailer != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, %v, want %+v", got, trailer, err, want)
	}
	if _, _, err := idemhttp.DecodeResponse([]byte(`{"id":"1"}`)); err == nil {
		t.Error("JSON was read as Binary HTTP")
	}
}

func TestResponsesThatAreNeverRecorded(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]idemhttp.Response{
		"no status":            {},
		"informational":        {Status: 101},
		"not modified":         {Status: 304},
		"no such status":       {Status: 600},
		"body of a 204":        {Status: 204, Body: []byte("x")},
		"a cookie":             {Status: 200, Header: http.Header{"set-cookie": {"session=1"}}},
		"no name":              {Status: 200, Header: http.Header{"": {"x"}}},
		"no token":             {Status: 200, Header: http.Header{"X Y": {"x"}}},
		"a line in a value":    {Status: 200, Header: http.Header{"X-Y": {"a\r\nSet-Cookie: session=1"}}},
		"a space at the end":   {Status: 200, Header: http.Header{"X-Y": {"a "}}},
		"the middleware's own": {Status: 200, Header: http.Header{"Idempotent-Replayed": {"true"}}},
	} {
		if data, err := idemhttp.EncodeResponse(r); err == nil {
			t.Errorf("%s was encoded as %q", name, data)
		}
	}
}
