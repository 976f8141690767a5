package idemhttp_test

import (
	"net/http"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

func withFingerprint(f idemhttp.FingerprintFunc) func(*idempotency.Config, *idemhttp.Config) {
	return func(_ *idempotency.Config, c *idemhttp.Config) { c.Fingerprint = f }
}

func TestJSONSubsetFingerprint(t *testing.T) {
	t.Parallel()
	subset, err := idemhttp.JSONSubsetFingerprint(idemhttp.JSONMembers{
		Required: []string{"/amount", "/card/token", "/lines/1"},
		Optional: []string{"/a~1b~0c", "/card/owner"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := newService(t, created, withFingerprint(subset))
	s.post("k1", `{"amount":1,"card":{"token":"t","name":"A"},"lines":[1,2],"a/b~c":true,"sentAt":"10:00"}`)
	same := s.post("k1", `{"sentAt":"10:05","lines":[7,2.0],"a/b~c":true,"card":{"name":"B","token":"t"},"amount":1}`)
	if same.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("status %d: members outside the subset matter", same.StatusCode)
	}
	for _, other := range []string{
		`{"amount":2,"card":{"token":"t"},"lines":[1,2],"a/b~c":true}`,
		`{"amount":null,"card":{"token":"t"},"lines":[1,2],"a/b~c":true}`,
		`{"amount":1,"card":{"token":"u"},"lines":[1,2],"a/b~c":true}`,
		`{"amount":1,"card":{"token":"t"},"lines":[1,3],"a/b~c":true}`,
		`{"amount":1,"card":{"token":"t"},"lines":[1,2],"a/b~c":null}`,
		`{"amount":1,"card":{"token":"t"},"lines":[1,2]}`,
		`{"amount":1,"card":{"token":"t","owner":"A"},"lines":[1,2],"a/b~c":true}`,
	} {
		wantProblem(t, s.post("k1", other), http.StatusUnprocessableEntity, idemhttp.TypePayloadMismatch)
	}
	s.wantExecutions(1)

	// Null is a value, and absence none.
	const rest = `"amount":1,"card":{"token":"t"},"lines":[1,2]`
	s.post("k2", `{"a/b~c":null,`+rest+`}`)
	wantProblem(t, s.post("k2", `{`+rest+`}`), http.StatusUnprocessableEntity, idemhttp.TypePayloadMismatch)

	for _, members := range []idemhttp.JSONMembers{
		{}, {Optional: []string{"/a"}}, {Required: []string{""}}, {Required: []string{"amount"}}, {Required: []string{"/a~2"}},
		{Required: []string{"/a"}, Optional: []string{"/b~"}},
	} {
		if _, err := idemhttp.JSONSubsetFingerprint(members); err == nil {
			t.Errorf("%+v was accepted", members)
		}
	}
}

// A pointer that leads nowhere would leave the fingerprint the same for every
// payload: it is refused, the first time and later.
func TestHazardChosenMembersAreAbsent(t *testing.T) {
	t.Parallel()
	subset, err := idemhttp.JSONSubsetFingerprint(idemhttp.JSONMembers{Required: []string{"/amount", "/currency"}, Optional: []string{"/tip"}})
	if err != nil {
		t.Fatal(err)
	}
	s := newService(t, created, withFingerprint(subset))
	for name, body := range map[string]string{
		"names in another case":           `{"Amount":1,"Currency":"EUR"}`,
		"one name in another case":        `{"amount":1,"Currency":"EUR"}`,
		"a name in both":                  `{"amount":1,"currency":"EUR","Amount":999999}`,
		"an optional in another case":     `{"amount":1,"currency":"EUR","TIP":1}`,
		"a name that folds to another":    `{"amount":1,"currency":"EUR","tİp":1,"Tip":2}`,
		"a misspelt name":                 `{"ammount":1,"currency":"EUR"}`,
		"an envelope":                     `{"payment":{"amount":1,"currency":"EUR"}}`,
		"an array":                        `[{"amount":1,"currency":"EUR"}]`,
		"a string":                        `"amount"`,
		"nothing":                         `{}`,
		"a member that is not an object":  `{"amount":{"currency":"EUR"}}`,
		"no JSON":                         `{`,
		"a number that a double rounds":   `{"amount":1.000000000000000001,"currency":"EUR"}`,
		"the same name twice, in the raw": `{"amount":1,"amount":2,"currency":"EUR"}`,
	} {
		for range 2 {
			response := s.post("k1", body)
			if response.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: status %d, %s", name, response.StatusCode, bodyOf(t, response))
			}
		}
	}
	s.wantExecutions(0)
}

func TestJSONExceptFingerprint(t *testing.T) {
	t.Parallel()
	except, err := idemhttp.JSONExceptFingerprint("/sentAt", "/meta/attempt", "/lines/0", "/lines/7", "/amount/currency")
	if err != nil {
		t.Fatal(err)
	}
	s := newService(t, created, withFingerprint(except))
	s.post("k1", `{"amount":1,"sentAt":"10:00","meta":{"attempt":1,"app":"x"},"lines":[1,2]}`)
	for _, same := range []string{
		`{"sentAt":null,"amount":1.0,"meta":{"attempt":{"n":2},"app":"x"},"lines":[[],2]}`,
		`{"amount":1,"meta":{"app":"x"},"lines":["one",2]}`,
	} {
		if response := s.post("k1", same); response.Header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("status %d for %s", response.StatusCode, same)
		}
	}
	for _, other := range []string{
		`{"amount":2,"sentAt":"10:00","meta":{"attempt":1,"app":"x"},"lines":[1,2]}`,
		`{"amount":1,"sentAt":"10:00","meta":{"attempt":1,"app":"x"},"lines":[1,2],"tip":5}`, // a new member counts
		`{"amount":1,"SentAt":"10:00","meta":{"attempt":1,"app":"x"},"lines":[1,2]}`,
		`{"amount":1,"sentAt":"10:00","meta":{"attempt":1},"lines":[1,2]}`,
		`{"amount":1,"sentAt":"10:00","meta":{"attempt":1,"app":"x"},"lines":[2]}`,
		`[]`,
	} {
		wantProblem(t, s.post("k1", other), http.StatusUnprocessableEntity, idemhttp.TypePayloadMismatch)
	}
	wantProblem(t, s.post("k1", "{"), http.StatusBadRequest, idemhttp.TypePayloadMalformed)
	s.wantExecutions(1)

	for _, pointers := range [][]string{nil, {"sentAt"}, {"/a", "/b~"}} {
		if _, err := idemhttp.JSONExceptFingerprint(pointers...); err == nil {
			t.Errorf("pointers %q were accepted", pointers)
		}
	}
}

// No body and no pointers make a fingerprint panic.
func FuzzJSONMembers(f *testing.F) {
	f.Add("/a", "/b/0", `{"a":1,"b":[2]}`)
	f.Add("/", "/~0~1", `[{"":{"~/":1}}]`)
	f.Fuzz(func(t *testing.T, required, optional, body string) {
		subset, err := idemhttp.JSONSubsetFingerprint(idemhttp.JSONMembers{Required: []string{required}, Optional: []string{optional}})
		if err != nil {
			return
		}
		except, err := idemhttp.JSONExceptFingerprint(required, optional)
		if err != nil {
			t.Fatal(err)
		}
		r := newRequest("k1", body)
		_, errWhole := idemhttp.JSONFingerprint(r, []byte(body))
		if _, err := except(r, []byte(body)); (err == nil) != (errWhole == nil) {
			t.Errorf("%q without %q and %q: %v, but the whole %v", body, required, optional, err, errWhole)
		}
		if _, err := subset(r, []byte(body)); err == nil && errWhole != nil {
			t.Errorf("%q of %q was accepted, but the whole is not: %v", required, body, errWhole)
		}
	})
}
