package jmespath_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/jmespath"
)

// document is an event that is its own JSON encoding.
type document = json.RawMessage

func selectKey(t testing.TB, expression, event string) (string, error) {
	t.Helper()
	key, err := jmespath.Key[document](expression)
	if err != nil {
		t.Fatal(err)
	}
	return key(document(event))
}

func TestKey(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ expression, event, want string }{
		{"id", `{"id":"a"}`, "a"},
		{"id", `{"id":7}`, "\x007"},
		{"id", `{"id":"7"}`, "7"},
		{"[b, a]", `{"a":"x","b":2}`, "\x00[2,\"x\"]"},
		{"{z: a, y: b}", `{"a":"x","b":true}`, "\x00{\"y\":true,\"z\":\"x\"}"},
		{"id", `{"id":{"b":[1],"a":"<"}}`, "\x00{\"a\":\"<\",\"b\":[1]}"},
		{"powertools_json(body).id", `{"body":"{\"id\":\"a\"}"}`, "a"},
		{"powertools_json(powertools_base64(data)).id", `{"data":"eyJpZCI6ImEifQ=="}`, "a"},
		{"powertools_json(powertools_base64_gzip(data)).id", `{"data":"` + zipped(t, `{"id":"a"}`) + `"}`, "a"},
		{"join('-', sort(ids))", `{"ids":["b","a"]}`, "a-b"},
		{"not_null(id, other)", `{"other":"b"}`, "b"},
	} {
		got, err := selectKey(t, test.expression, test.event)
		if err != nil || got != test.want {
			t.Errorf("%s of %s: got %q, %v; want %q", test.expression, test.event, got, err, test.want)
		}
	}
}

// The hazard of strangers who share: what has no key has none, and no record.
func TestKeyThatIsAbsent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ expression, event string }{
		{"id", `{}`},
		{"id", `null`},
		{"id", `{"id":null}`},
		{"id", `{"id":""}`},
		{"id", `{"id":[]}`},
		{"id", `{"id":{}}`},
		{"id.deeper", `{"id":"a"}`},
		{"[a, b]", `{}`},
		{"[a, b]", `{"a":null,"b":""}`},
		{"{x: a, y: b}", `{"c":1}`},
		{"[a, [b]]", `{"b":[]}`},
		{"a[].id", `{"a":[{},{}]}`},
		{"id", `{"id":" \t"}`},
		{"[a, b]", `{"a":" ","b":"  "}`},
	} {
		if got, err := selectKey(t, test.expression, test.event); err != nil || got != "" {
			t.Errorf("%s of %s: got %q, %v; want no key", test.expression, test.event, got, err)
		}
	}
}

func TestKeyThatIsRefused(t *testing.T) {
	t.Parallel()
	const secret = "4111111111111111"
	for _, test := range []struct{ expression, event, why string }{
		{"[a, b]", `{"a":"x"}`, "1 of 2 parts"},
		{"[a, b]", `{"a":"x","b":null}`, "1 of 2 parts"},
		{"[a, b]", `{"a":"x","b":""}`, "1 of 2 parts"},
		{"[a, b]", `{"a":"x","b":"  "}`, "1 of 2 parts"},
		{"a[].id", `{"a":[{"id":1},{},{"id":2}]}`, "1 of 3 parts"},
		{"a[?x].id", `{"a":[{"x":1,"id":1},{"x":1}]}`, "1 of 2 parts"},
		{"{x: a, y: [b, c]}", `{"a":1,"b":2}`, "1 of 3 parts"},
		{"id", `{"id":{"a":"x","b":null}}`, "1 of 2 parts"},
		{"id", `{"id":true}`, "true or false"},
		{"a == b", `{}`, "true or false"},
		{"id", `{"id":9007199254740993}`, "beyond"},
		{"id", `{"id":` + secret + `1}`, "beyond"},
		{"[a, id]", `{"a":"x","id":9007199254740993}`, "beyond"},
		{"id", `{"id":"\ud800"}`, "not text"},
		{"[id, a]", `{"a":1,"id":"\ud800"}`, "not text"},
		{"id", `{"id":{"\ud800":1}}`, "not text"},
		{"id", `{"id":"\u0000[1]"}`, "not text"},
		{"id", `not JSON`, "not JSON"},
		{"powertools_json(body).id", `{"body":"` + secret + `,"}`, "powertools_json: it is not JSON"},
		{"powertools_json(body).id", `{}`, "wrong type"},
		{"powertools_base64(body)", `{"body":"` + secret + `!"}`, "powertools_base64: it is not encoded"},
		{"powertools_base64(body)", `{"body":"/w=="}`, "not text"},
		{"powertools_base64_gzip(body)", `{"body":"` + secret + `"}`, "powertools_base64_gzip: it is not"},
		{"powertools_base64_gzip(body)", `{"body":"` + zipped(t, strings.Repeat("x", 1000))[:40] + `"}`, "powertools_base64_gzip: it is not"},
		{"not_null(powertools_json(body), id)", `{"body":"no","id":"a"}`, "powertools_json"},
		{"items[?powertools_json(@)]", `{"items":["no"]}`, "powertools_json"},
		{"length(id)", `{"id":` + secret + `}`, "wrong type"},
		{"find_first(id, 'a', `5`, `2`)", `{"id":"` + secret + `"}`, "cannot be evaluated"},
	} {
		got, err := selectKey(t, test.expression, test.event)
		if err == nil || !strings.Contains(err.Error(), test.why) || got != "" {
			t.Errorf("%s of %s: got %q, %v; want an error with %q", test.expression, test.event, got, err, test.why)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error tells what is in the document: %v", test.expression, err)
		}
	}
}

func TestExpressionThatIsRefused(t *testing.T) {
	t.Parallel()
	for expression, why := range map[string]string{
		"":                   "",
		"a b":                "",
		"a.*":                "wildcard",
		"[*.id]":             "wildcard",
		"map(&*, a)":         "wildcard",
		"keys(a)":            "keys()",
		"values(a)[0]":       "values()",
		"join('', items(a))": "items()",
		"powertools_xml(a)":  "no function powertools_xml()",
	} {
		if _, err := jmespath.Key[document](expression); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("Key(%q): got %v, want an error with %q", expression, err, why)
		}
		if _, err := jmespath.Scope[document](expression); err == nil {
			t.Errorf("Scope(%q) was accepted", expression)
		}
		if _, err := jmespath.Payload[document](expression); err == nil {
			t.Errorf("Payload(%q) was accepted", expression)
		}
	}
	if _, err := jmespath.Key[document]("items[*].id"); err != nil {
		t.Errorf("the wildcard of arrays was refused: %v", err)
	}
}

// zipped is text, compressed and in base64.
func zipped(t testing.TB, text string) string {
	t.Helper()
	return base64.StdEncoding.EncodeToString(gzipped(t, text))
}

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A message of a few kilobytes cannot claim all the memory there is, neither by
// one compressed text nor by many.
func TestDecompressionIsBounded(t *testing.T) {
	t.Parallel()
	const expression = "texts[].powertools_base64_gzip(@)"
	for name, test := range map[string]struct{ size, count int }{
		"one": {1 << 30, 1}, "many": {jmespath.MaxDecoded / 10, 11},
	} {
		bomb := `"` + zippedZeros(t, test.size) + `"`
		event := `{"texts":[` + strings.TrimSuffix(strings.Repeat(bomb+",", test.count), ",") + `]}`
		if _, err := selectKey(t, expression, event); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
	// What is allowed is allowed again: the bound is each document's own.
	key, err := jmespath.Key[document]("powertools_base64_gzip(text)")
	if err != nil {
		t.Fatal(err)
	}
	event := document(`{"text":"` + zippedZeros(t, jmespath.MaxDecoded) + `"}`)
	for range 2 {
		if got, err := key(event); err != nil || len(got) != jmespath.MaxDecoded {
			t.Errorf("got %d bytes, %v; want %d", len(got), err, jmespath.MaxDecoded)
		}
	}
}

// zippedZeros is a text of n zeros, compressed and in base64: one gzip member
// after another, which is quick to make.
func zippedZeros(t testing.TB, n int) string {
	t.Helper()
	const block = 1 << 16
	members := bytes.Repeat(gzipped(t, strings.Repeat("0", block)), n/block)
	members = append(members, gzipped(t, strings.Repeat("0", n%block))...)
	return base64.StdEncoding.EncodeToString(members)
}

func TestScope(t *testing.T) {
	t.Parallel()
	scope, err := jmespath.Scope[document]("customer.id")
	if err != nil {
		t.Fatal(err)
	}
	want, err := idempotency.NewScope("alice")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := scope(document(`{"customer":{"id":"alice"}}`)); err != nil || got != want {
		t.Errorf("got %v, %v; want alice's", got, err)
	}
	for _, event := range []string{`{}`, `{"customer":{"id":""}}`, `{"customer":{"id":" "}}`, `{"customer":{"id":7}}`, `{"customer":{"id":["alice"]}}`, `{"customer":{"id":"\ud800"}}`, `no JSON`} {
		if got, err := scope(document(event)); err == nil {
			t.Errorf("%s: got %v, want an error", event, got)
		}
	}
}

func TestPayload(t *testing.T) {
	t.Parallel()
	payload, err := jmespath.Payload[document]("{amount: amount, card: card.token}")
	if err != nil {
		t.Fatal(err)
	}
	first, err := payload(document(`{"amount":1250,"card":{"token":"t"},"at":1}`))
	if err != nil {
		t.Fatal(err)
	}
	for event, same := range map[string]bool{
		`{"card":{"token":"\u0074"},"at":2,"amount":1.25e3}`: true,
		`{"amount":1251,"card":{"token":"t"}}`:               false,
		`{"amount":"1250","card":{"token":"t"}}`:             false,
	} {
		if got, err := payload(document(event)); err != nil || bytes.Equal(got, first) != same {
			t.Errorf("%s: got %s, %v; the first was %s", event, got, err, first)
		}
	}
	for _, event := range []string{`{}`, `{"amount":null}`, `{"amount":9007199254740993}`, `no JSON`} {
		if got, err := payload(document(event)); err == nil {
			t.Errorf("%s: got %s, want an error", event, got)
		}
	}
}

// Equal values have equal keys, and no two different ones share a key.
func TestKeysAreEqualIfValuesAre(t *testing.T) {
	t.Parallel()
	scalar := rapid.OneOf(
		rapid.Map(rapid.SampledFrom([]string{"a", "1", "[1]", `["a"]`, "true", "a\",\"b", "\u0000"}), func(s string) any { return s }),
		rapid.Map(rapid.IntRange(-2, 2), func(i int) any { return i }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
	)
	value := rapid.OneOf(scalar,
		rapid.Map(rapid.SliceOfN(scalar, 1, 3), func(s []any) any { return s }),
		rapid.Map(rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "1"}), scalar, 1, 3), func(m map[string]any) any { return m }),
	)
	key, err := jmespath.Key[any]("@")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := value.Draw(t, "a"), value.Draw(t, "b")
		keyA, errA := key(a)
		keyB, errB := key(b)
		if errA != nil || errB != nil {
			return // refused, as booleans are
		}
		textA, _ := json.Marshal(a)
		textB, _ := json.Marshal(b)
		if (keyA == keyB) != bytes.Equal(textA, textB) {
			t.Errorf("%s has key %q, %s has key %q", textA, keyA, textB, keyB)
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	key, err := jmespath.Key[events.SQSMessage]("powertools_json(body).id")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	for _, id := range []string{"a", "b", "c", "d"} {
		done.Go(func() {
			for range 100 {
				if got, err := key(events.SQSMessage{Body: `{"id":"` + id + `"}`}); err != nil || got != id {
					t.Errorf("got %q, %v; want %q", got, err, id)
				}
			}
		})
	}
	done.Wait()
}

// An expression that leads nowhere, also in part, covers nothing there: two events
// that differ would pass for the same.
func TestPayloadThatLeadsNowhere(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		expression, event string
		refused           bool
	}{
		{"[amount, currency]", `{"amount":1,"currency":"EUR"}`, false},
		{"[amount, currency]", `{"Amount":1,"currency":"EUR"}`, true},
		{"[amount, currency]", `{"amount":1}`, true},
		{"[amount, note || '']", `{"amount":1}`, false},
		{"[amount, note || '']", `{"amount":1,"note":""}`, false},
		{"{a: amount, c: card.token}", `{"amount":1,"card":{}}`, true},
		{"{a: amount, c: {t: card.token}}", `{"amount":1}`, true},
		{"powertools_json(body).[amount, currency]", `{"body":"{\"amount\":1}"}`, true},
		{"powertools_json(body) | [amount, currency]", `{"body":"{\"amount\":1}"}`, true},
		{"items[].price", `{"items":[{"price":1},{"price":2}]}`, false},
		{"items[].price", `{"items":[{"price":1},{"Price":2}]}`, true},
		{"items[?open].price", `{"items":[{"open":true,"price":1},{"open":true}]}`, true},
		{"items[?open].price", `{"items":[{"open":true,"price":1},{}]}`, false},
		{"items[*].[sku, price]", `{"items":[{"sku":"a","price":1},{"sku":"b"}]}`, true},
		{"orders[].items[].sku", `{"orders":[{"items":[{"sku":"a"}]},{}]}`, true},
		{"items[0].[sku, price]", `{"items":[{"sku":"a"}]}`, true},
		{"amount", `{"Amount":1}`, true},
		{"items[].price", `{"items":[]}`, true},
		{"note", `{"note":""}`, true},
		// What the document itself says is covered as it is, null and all.
		{"order", `{"order":{"amount":1,"note":null}}`, false},
		{"[order, at]", `{"order":{"note":null,"tags":[null]},"at":0}`, false},
		{"note", `{"note":" "}`, false},
		{"[flag]", `{"flag":false}`, false},
	} {
		payload, err := jmespath.Payload[document](test.expression)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := payload(document(test.event)); (err != nil) != test.refused {
			t.Errorf("%s of %s: got %s, %v", test.expression, test.event, got, err)
		}
	}
}
