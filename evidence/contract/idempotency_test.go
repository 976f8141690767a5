package contract_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// invalidFields are those that a problem document names.
func invalidFields(t *testing.T, r response) string {
	t.Helper()
	var document struct {
		Errors []struct{ Field, Detail string }
	}
	if err := json.Unmarshal([]byte(r.body), &document); err != nil {
		t.Fatal(err)
	}
	var fields []string
	for _, e := range document.Errors {
		fields = append(fields, e.Field)
	}
	return strings.Join(fields, " ")
}

func TestDuplicateIsReplayedByteForByte(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	before := time.Now()
	first := v.pay("k1")
	v.expectCreated(first)
	expires, err := http.ParseTime(first.header.Get("Idempotency-Expires"))
	if window := expires.Sub(before); err != nil || window < 23*time.Hour || window > 25*time.Hour {
		t.Errorf("Idempotency-Expires is %q, in %v", first.header.Get("Idempotency-Expires"), window)
	}
	for range 3 {
		v.expectReplay(v.pay("k1"), first)
	}
	// The same request, written in another way.
	v.expectReplay(v.post("/api/payments", "k1", "{\n\"description\": \"c\\u006fffee\", \"currency\": \"EUR\", \"amount\": 1.25e3 }"), first)
	v.expectActivity(1, 1)
}

func TestOtherPayloadIsRefused(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	first := v.pay("k1")
	v.expectCreated(first)
	mismatch := v.post("/api/payments", "k1", strings.Replace(coffee, "1250", "1251", 1))
	v.expectProblem(mismatch, http.StatusUnprocessableEntity, "payload-mismatch")
	if mismatch.header.Get("Idempotency-Expires") != first.header.Get("Idempotency-Expires") {
		t.Errorf("Idempotency-Expires: %v", mismatch)
	}
	v.expectReplay(v.pay("k1"), first)
	v.expectActivity(1, 1)
}

func TestCustomerIsCreatedOnce(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	const ada = `{"name":"Ada Lovelace","email":"ada@example.com"}`
	first := v.post("/api/customers", "k1", ada)
	v.expectCreated(first)
	v.expectReplay(v.post("/api/customers", "k1", ada), first)
	read := v.get(first.header.Get("Location"))
	if read.status != http.StatusOK || read.body != first.body {
		t.Errorf("created %v, but read %v", first, read)
	}
	a := v.expectActivity(1, 1)
	if a.Effects[0].Kind != "customer" || a.Executions[0].Operation != "customers.create" {
		t.Errorf("got %+v", a)
	}
}

func TestKeyOnTwoOperationsIsTwoKeys(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	v.expectCreated(v.pay("k1"))
	v.expectCreated(v.post("/api/customers", "k1", `{"name":"Ada Lovelace","email":"ada@example.com"}`))
	v.expectActivity(2, 2)
}

func TestTwoSessionsAreStrangers(t *testing.T) {
	t.Parallel()
	alice, bob := newVisitor(t), newVisitor(t)
	hers := alice.pay("k1")
	alice.expectCreated(hers)

	absent := bob.recordResponse("payments.create", "never-used")
	bob.expectProblem(absent, http.StatusNotFound, "not-found")
	if answer := bob.recordResponse("payments.create", "k1"); answer.status != absent.status || answer.body != absent.body {
		t.Errorf("that the key exists in another session can be told: %v, but %v", answer, absent)
	}
	bob.expectProblem(bob.get(hers.header.Get("Location")), http.StatusNotFound, "not-found")
	bob.expectActivity(0, 0)

	his := bob.pay("k1")
	bob.expectCreated(his)
	if his.body == hers.body || his.header.Get("Location") == hers.header.Get("Location") {
		t.Errorf("Bob got Alice's payment: %v", his)
	}
	// Nor does another payload of his tell that hers exists.
	bob.expectCreated(bob.post("/api/payments", "k2", coffee))
	alice.expectCreated(alice.post("/api/payments", "k2", strings.Replace(coffee, "1250", "1", 1)))
	alice.expectActivity(2, 2)
	bob.expectActivity(2, 2)
}

func TestConcurrentDuplicatesChargeOnce(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	answers := v.concurrently(40, "/api/payments", "k1", coffee)
	last := v.payUntilDone("k1")
	v.expectStatus(last, http.StatusCreated)
	v.expectOneFirst(answers, last)
	a := v.expectActivity(1, 1)
	if charge := a.Effects[0]; charge.Kind != "charge" || charge.Detail.Amount != 1250 || charge.Detail.Currency != "EUR" || charge.Detail.Reference == "" {
		t.Errorf("the charge is %+v", charge)
	}
}

func TestUnprotectedTwinChargesEveryTime(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	first := v.post("/api/unprotected/payments", "k1", coffee)
	second := v.post("/api/unprotected/payments", "k1", coffee)
	for _, answer := range []response{first, second} {
		v.expectCreated(answer)
		if answer.header.Get("Idempotency-Expires") != "" {
			t.Errorf("Idempotency-Expires without protection: %v", answer)
		}
		read := v.get(answer.header.Get("Location"))
		if read.status != http.StatusOK || read.body != answer.body {
			t.Errorf("made %v, but read %v", answer, read)
		}
	}
	a := v.expectActivity(2, 2)
	if a.Effects[0].Detail.Reference == a.Effects[1].Detail.Reference {
		t.Errorf("both charges have the reference %s", a.Effects[0].Detail.Reference)
	}
	v.expectProblem(v.recordResponse("unprotected-payments.create", "k1"), http.StatusNotFound, "not-found")
}

func TestRecordBehindAKey(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	key := uuid.NewString()
	v.expectCreated(v.pay(key))
	r := v.awaitRecord(key, "COMPLETED")
	if r.Size == 0 || !r.LeaseExpiresAt.IsZero() || r.ExpiresAt.Before(time.Now()) || r.Owner == "" {
		t.Errorf("the record is %+v", r)
	}
	a := v.activity()
	if want := "payments.create#" + a.Executions[0].KeyHash; r.ID != want {
		t.Errorf("the record's id is %s, the execution's key %s", r.ID, want)
	}
	if strings.Contains(r.ID, key) {
		t.Errorf("the record's id %s shows the key", r.ID)
	}
}

func TestConditionalGet(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	created := v.pay("k1")
	v.expectCreated(created)
	path, tag := created.header.Get("Location"), created.header.Get("Etag")
	for _, test := range []struct {
		ifNoneMatch []string
		status      int
	}{
		{nil, http.StatusOK},
		{[]string{`"another"`}, http.StatusOK},
		{[]string{tag}, http.StatusNotModified},
		{[]string{`"a,b", ` + tag}, http.StatusNotModified},
		{[]string{`"another"`, tag}, http.StatusNotModified},
		{[]string{"*"}, http.StatusNotModified},
	} {
		answer := v.do(http.MethodGet, path, "", http.Header{"If-None-Match": test.ifNoneMatch})
		if answer.status != test.status || answer.header.Get("Etag") != tag {
			t.Errorf("If-None-Match %q: got %v, want %d with %s", test.ifNoneMatch, answer, test.status, tag)
		}
		if test.status == http.StatusOK && answer.body != created.body {
			t.Errorf("made %v, but read %v", created, answer)
		}
	}
	// Conditional headers on a POST are no part of what is asked for.
	v.expectReplay(v.do(http.MethodPost, "/api/payments", coffee, http.Header{"Idempotency-Key": {"k1"}, "If-None-Match": {tag}}), created)
}

func TestBrowsersOfOtherOriginsSeeTheHeaders(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	origin := func(header http.Header) http.Header {
		header.Set("Origin", "https://elsewhere.example")
		return header
	}
	answers := map[string]response{
		"success": v.do(http.MethodPost, "/api/payments", coffee, origin(http.Header{"Idempotency-Key": {"k1"}})),
		"replay":  v.do(http.MethodPost, "/api/payments", coffee, origin(http.Header{"Idempotency-Key": {"k1"}})),
		"400":     v.do(http.MethodPost, "/api/payments", coffee, origin(http.Header{})),
		"404":     v.do(http.MethodGet, "/api/payments/"+uuid.NewString(), "", origin(http.Header{})),
		"422":     v.do(http.MethodPost, "/api/payments", `{}`, origin(http.Header{"Idempotency-Key": {"k1"}})),
	}
	for name, answer := range answers {
		exposed := strings.ToLower(answer.header.Get("Access-Control-Expose-Headers"))
		for _, header := range []string{"idempotent-replayed", "idempotency-expires", "location", "etag", "retry-after"} {
			if !strings.Contains(exposed, header) {
				t.Errorf("%s: %s is not exposed: %v", name, header, answer)
			}
		}
		if answer.header.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("%s: no origin is allowed: %v", name, answer)
		}
	}
	preflight := v.do(http.MethodOptions, "/api/payments", "", http.Header{
		"Demo-Session":                   nil,
		"Origin":                         {"https://elsewhere.example"},
		"Access-Control-Request-Method":  {"POST"},
		"Access-Control-Request-Headers": {"content-type,demo-session,idempotency-key"},
	})
	allowed := strings.ToLower(preflight.header.Get("Access-Control-Allow-Headers"))
	for _, header := range []string{"content-type", "demo-session", "idempotency-key"} {
		if preflight.status != http.StatusNoContent || !strings.Contains(allowed, header) {
			t.Errorf("the preflight does not allow %s: %v", header, preflight)
		}
	}
}
