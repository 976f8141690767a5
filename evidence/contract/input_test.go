package contract_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	for _, test := range []struct {
		name    string
		values  []string
		problem string // empty: accepted
	}{
		{"missing", nil, "key-missing"},
		{"empty", []string{""}, "key-malformed"},
		{"empty in quotes", []string{`""`}, "key-malformed"},
		{"255 characters", []string{strings.Repeat("k", 255)}, ""},
		{"256 characters", []string{strings.Repeat("k", 256)}, "key-malformed"},
		{"all that is printable", []string{`" !#$%&'()*+,-./09:;<=>?@AZ[]^_` + "`" + `az{|}~\"\\"`}, ""},
		{"not ASCII", []string{"schlüssel"}, "key-malformed"},
		{"a tab inside", []string{"a\tb"}, "key-malformed"},
		{"half a quotation", []string{`"abc`}, "key-malformed"},
		{"a comma without quotes", []string{"a,b"}, "key-malformed"},
		{"sent twice", []string{"once", "twice"}, "key-malformed"},
		{"sent twice, the same", []string{"once", "once"}, "key-malformed"},
		{"sent twice, in quotes", []string{`"once"`, `"twice"`}, "key-malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := v.do(http.MethodPost, "/api/payments", coffee, http.Header{"Idempotency-Key": test.values})
			if test.problem == "" {
				v.expectCreated(answer)
			} else {
				v.expectProblem(answer, http.StatusBadRequest, test.problem)
			}
		})
	}
	v.expectActivity(2, 2)
}

func TestQuotedKeyIsTheBareKey(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	first := v.pay("abc-123")
	v.expectCreated(first)
	v.expectReplay(v.pay(`"abc-123"`), first)
	v.expectActivity(1, 1)
}

func TestQuotedKeyMayHaveAComma(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	first := v.pay(`"a, b"`)
	v.expectCreated(first)
	v.expectReplay(v.pay(`"a, b"`), first)
	if r := v.awaitRecord("a, b", "COMPLETED"); r.Size == 0 {
		t.Errorf("the record is %+v", r)
	}
}

// TestBadInputClaimsNothing sends bad input and then, with the same key, what was
// meant.
func TestBadInputClaimsNothing(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	accepted := 0
	for _, test := range []struct {
		name, path, body string
		header           http.Header
		status           int
		problem          string
		fields           string
	}{
		{"not JSON", "/api/payments", `amount=1250`, nil, 400, "payload-malformed", ""},
		{"cut off", "/api/payments", coffee[:20], nil, 400, "payload-malformed", ""},
		{"two values", "/api/payments", coffee + coffee, nil, 400, "payload-malformed", ""},
		{"not an object", "/api/payments", `[1250]`, nil, 400, "payload-malformed", ""},
		{"duplicate names", "/api/payments", `{"amount":1,` + coffee[1:], nil, 400, "payload-malformed", ""},
		{"a number that doubles cannot tell from its neighbour", "/api/payments", `{"amount":9007199254740993}`, nil, 400, "payload-malformed", ""},
		{"another media type", "/api/payments", coffee, http.Header{"Content-Type": {"text/plain"}}, 415, "media-type-unsupported", ""},
		{"no media type", "/api/payments", coffee, http.Header{"Content-Type": nil}, 415, "media-type-unsupported", ""},
		{"over the limit", "/api/payments", `{"description":"` + strings.Repeat("x", 64<<10) + `"}`, nil, 413, "payload-too-large", ""},
		{"empty", "/api/payments", `{}`, nil, 422, "validation-failed", "amount currency description"},
		{"everything wrong", "/api/payments", `{"amount":-1,"currency":"euro","description":"","tip":1}`, nil, 422, "validation-failed", "tip amount currency description"},
		{"wrong types", "/api/payments", `{"amount":"1250","currency":978,"description":["coffee"]}`, nil, 422, "validation-failed", "amount currency description"},
		{"unprotected", "/api/unprotected/payments", `{}`, nil, 422, "validation-failed", "amount currency description"},
		{"order", "/api/orders", `{"sku":"Mug","quantity":101}`, nil, 422, "validation-failed", "sku quantity"},
		{"order of what there is not", "/api/orders", `{"sku":"flying-carpet","quantity":1}`, nil, 422, "validation-failed", "sku"},
		{"order of nothing", "/api/orders", `{"sku":"mug","quantity":0}`, nil, 422, "validation-failed", "quantity"},
		{"customer", "/api/customers", `{"name":" ","email":"nobody"}`, nil, 422, "validation-failed", "name email"},
	} {
		t.Run(test.name, func(t *testing.T) {
			key := uuid.NewString()
			header := http.Header{"Idempotency-Key": {key}}
			for name, values := range test.header {
				header[name] = values
			}
			refused := v.do(http.MethodPost, test.path, test.body, header)
			v.expectProblem(refused, test.status, test.problem)
			if got := invalidFields(t, refused); got != test.fields {
				t.Errorf("the invalid fields are %q, want %q", got, test.fields)
			}
			if test.path == "/api/payments" {
				v.expectCreated(v.pay(key))
				accepted++
			}
		})
	}
	v.expectActivity(accepted, accepted)
}

func TestSession(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	for _, path := range []string{"/api/executions", "/api/calls", "/api/payments/" + uuid.NewString(), "/api/customers/" + uuid.NewString(), "/api/orders/" + uuid.NewString(), "/api/idempotency-records/payments.create/k"} {
		v.expectProblem(v.do(http.MethodGet, path, "", http.Header{"Demo-Session": nil}), 400, "session-missing")
		v.expectProblem(v.do(http.MethodGet, path, "", http.Header{"Demo-Session": {"me"}}), 400, "session-malformed")
	}
	for _, path := range []string{"/api/payments", "/api/unprotected/payments", "/api/orders", "/api/customers"} {
		v.expectProblem(v.do(http.MethodPost, path, coffee, http.Header{"Demo-Session": nil, "Idempotency-Key": {"k"}}), 400, "session-missing")
		v.expectProblem(v.do(http.MethodPost, path, coffee, http.Header{"Demo-Session": {v.session, v.session}, "Idempotency-Key": {"k"}}), 400, "session-malformed")
	}
	v.expectActivity(0, 0)
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	for _, path := range []string{
		"/api/payments/" + uuid.NewString(), "/api/unprotected/payments/" + uuid.NewString(), "/api/customers/" + uuid.NewString(),
		"/api/orders/" + uuid.NewString(), "/api/payments/none", "/api/idempotency-records/payments.create/none",
	} {
		v.expectProblem(v.get(path), http.StatusNotFound, "not-found")
	}
	// No route: API Gateway answers by itself.
	v.expectStatus(v.get("/api/nothing"), http.StatusNotFound)
	v.expectStatus(v.do(http.MethodDelete, "/api/executions", "", nil), http.StatusNotFound)
}
