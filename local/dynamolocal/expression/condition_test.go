package expression_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/expression"
)

// Operators bind as tightly as they do in the developer guide: comparators, then
// NOT, AND, OR.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	// Each variable is true if it is set: t and u are, f and g are not.
	cases := map[string]bool{
		"f AND g OR t":                   true,
		"t OR f AND g":                   true,
		"(t OR f) AND g":                 false,
		"NOT f AND f":                    false,
		"NOT (f AND f)":                  true,
		"NOT t OR u":                     true,
		"NOT (t OR u)":                   false,
		"NOT NOT t":                      true,
		"NOT f OR f AND NOT f":           true,
		"not f And (t oR f)":             true,
		"n BETWEEN 1 AND 3 AND t":        true,
		"n BETWEEN 1 AND 3 AND f":        false,
		"f OR n BETWEEN 1 AND 3":         true,
		"NOT n BETWEEN 1 AND 3":          false,
		"NOT n IN (1, 3) AND t":          true,
		"t AND n IN (1, 2) AND n = 2":    true,
		"(t) AND ((f) OR (u AND NOT f))": true,
	}
	values := document(t, `{":t": {"BOOL": true}, ":1": {"N": "1"}, ":2": {"N": "2"}, ":3": {"N": "3"}}`)
	item := document(t, `{"t": {"BOOL": true}, "u": {"BOOL": true}, "n": {"N": "2"}}`)
	for text, want := range cases {
		spelled := spell(text)
		condition, err := parser(t).Condition(expression.ConditionExpression, spelled, expression.NewPlaceholders(nil, values))
		if err != nil {
			t.Errorf("%s: %v", spelled, err)
			continue
		}
		if got := condition.Holds(item); got != want {
			t.Errorf("%s is %t, want %t", spelled, got, want)
		}
	}
}

// spell writes the shorthand of TestPrecedence as an expression.
func spell(text string) string {
	words := strings.FieldsFunc(strings.NewReplacer("(", " ( ", ")", " ) ", ",", " , ").Replace(text), func(r rune) bool { return r == ' ' })
	for i, word := range words {
		switch word {
		case "t", "u", "f", "g":
			words[i] = word + " = :t"
		case "1", "2", "3":
			words[i] = ":" + word
		}
	}
	return strings.Join(words, " ")
}

func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	const syntax = "Syntax error; "
	cases := []struct{ text, want string }{
		{"", "The expression can not be empty;"},
		{" \t", "The expression can not be empty;"},
		{"a", syntax + `token: "<EOF>", near: "a"`},
		{":v", syntax + `token: "<EOF>", near: ":v"`},
		{"a =", syntax + `token: "<EOF>", near: "="`},
		{"a b", syntax + `token: "b", near: "a b"`},
		{"a == :v", syntax + `token: "=", near: "== :v"`},
		{"a > 4", syntax + `token: "4", near: "> 4"`},
		{"a = :v AND", syntax + `token: "<EOF>", near: "AND"`},
		{"a = :v AND OR b", syntax + `token: "OR", near: "AND OR b"`},
		{"(a = :v", syntax + `token: "<EOF>", near: ":v"`},
		{"a = :v)", syntax + `token: ")", near: ":v)"`},
		{"(a) AND b = :v", syntax + `token: ")", near: "a) AND"`},
		{"(a = :v) = :v", syntax + `token: "=", near: ") = :v"`},
		{"_a = :v", syntax + `token: "_", near: "_a"`},
		{"a[x] = :v", syntax + `token: "x", near: "[x]"`},
		{"a[-1] = :v", syntax + `token: "-", near: "[-1"`},
		{"a..b = :v", syntax + `token: ".", near: "..b"`},
		{"a-b = :v", syntax + `token: "-", near: "a-b"`},
		{"a = :v; b", syntax + `token: ";", near: ":v; b"`},
		{"a IN ()", syntax + `token: ")", near: "()"`},
		{"a BETWEEN :v", syntax + `token: "<EOF>", near: ":v"`},
		{"contains()", syntax + `token: ")", near: "()"`},
		{"a = : v", syntax + `token: ":", near: "= : v"`},
		{"é = :v", syntax + `token: "é", near: "é ="`},
		{strings.Repeat("x", 4097), "Expression size has exceeded the maximum allowed size; expression size: 4097"},
	}
	for _, c := range cases {
		_, err := parser(t).Condition(expression.FilterExpression, c.text, expression.NewPlaceholders(nil, nil))
		if want := "Invalid FilterExpression: " + c.want; err == nil || err.Error() != want {
			t.Errorf("%.30q gives %v; want %q", c.text, err, want)
		}
	}
}

// Deep nesting neither takes exponential time nor exhausts the stack.
func TestDeepNesting(t *testing.T) {
	t.Parallel()
	const depth = 500
	open, closed := strings.Repeat("(", depth), strings.Repeat(")", depth)
	placeholders := expression.NewPlaceholders(nil, nil)
	for _, text := range []string{open + "a" + closed, open + "a = b" + closed, open, "a = " + open + "b" + closed} {
		if _, err := parser(t).Condition(expression.ConditionExpression, text, placeholders); err == nil {
			t.Errorf("%.10s… is accepted", text)
		}
	}
	negations := strings.Repeat("NOT ", 299) + "a = b"
	condition, err := parser(t).Condition(expression.ConditionExpression, negations, placeholders)
	if err != nil {
		t.Fatalf("299 negations: %v", err)
	}
	if !condition.Holds(nil) {
		t.Error("299 negations of what is false are false")
	}
}

func TestConditionAttributes(t *testing.T) {
	t.Parallel()
	placeholders := expression.NewPlaceholders(map[string]string{"#c": "see"}, document(t, `{":v": {"S": ""}}`))
	condition, err := parser(t).Condition(expression.FilterExpression,
		"a.b = :v AND (NOT contains(#c[1], :v) OR size(d) IN (e, :v))", placeholders)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(condition.Attributes(), " "); got != "a see d e" {
		t.Errorf("the attributes are %q, want %q", got, "a see d e")
	}
}

// What a request gives for placeholders has no influence on other requests with
// the same text.
func TestParsedExpressionsAreShared(t *testing.T) {
	t.Parallel()
	p := parser(t)
	item := document(t, `{"a": {"N": "1"}, "b": {"N": "2"}}`)
	for _, c := range []struct {
		name, value string
		want        bool
	}{{"a", "1", true}, {"b", "1", false}, {"b", "2", true}, {"a", "2", false}} {
		condition, err := p.Condition(expression.ConditionExpression, "#n = :v", expression.NewPlaceholders(
			map[string]string{"#n": c.name}, document(t, `{":v": {"N": "`+c.value+`"}}`)))
		if err != nil {
			t.Fatal(err)
		}
		if got := condition.Holds(item); got != c.want {
			t.Errorf("%s = %s is %t", c.name, c.value, got)
		}
	}
}

func TestKeyConditions(t *testing.T) {
	t.Parallel()
	values := document(t, `{":p": {"S": "p"}, ":a": {"N": "1"}, ":b": {"N": "2"}}`)
	cases := []struct{ text, want string }{
		{"pk = :p", "pk ="},
		{"pk = :p AND sk > :a", "pk = sk >"},
		{":a <= sk AND :p = pk", "sk >= pk ="},
		{"(pk = :p) AND (sk BETWEEN :a AND :b)", "pk = sk BETWEEN"},
		{"pk = :p AND begins_with(sk, :p)", "pk = sk begins_with"},
	}
	for _, c := range cases {
		tests, err := parser(t).KeyConditions(c.text, expression.NewPlaceholders(nil, values))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		var got []string
		for _, test := range tests {
			got = append(got, test.Attribute, test.Operator)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s gives %v, want %s", c.text, got, c.want)
		}
	}
}

func TestReservedWords(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"name", "Status", "TTL", "session", "zone", "absolute"} {
		want := "Attribute name is a reserved keyword; reserved keyword: " + word
		placeholders := expression.NewPlaceholders(nil, document(t, `{":v": {"S": ""}}`))
		if _, err := parser(t).Condition(expression.ConditionExpression, word+" = :v", placeholders); err == nil ||
			err.Error() != "Invalid ConditionExpression: "+want {
			t.Errorf("a condition on %s gives %v", word, err)
		}
		if _, err := parser(t).Update("SET a."+word+" = :v", placeholders); err == nil || err.Error() != "Invalid UpdateExpression: "+want {
			t.Errorf("an update of %s gives %v", word, err)
		}
		if _, err := parser(t).Projection("a, "+word+"[1]", placeholders); err == nil || err.Error() != "Invalid ProjectionExpression: "+want {
			t.Errorf("a projection of %s gives %v", word, err)
		}
	}
}

func parser(t testing.TB) *expression.Parser {
	t.Helper()
	p, err := expression.NewParser(8)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func document(t testing.TB, text string) attribute.Item {
	t.Helper()
	var item attribute.Item
	if err := json.Unmarshal([]byte(text), &item); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return item
}

func FuzzCondition(f *testing.F) {
	for _, seed := range []string{
		"a = :v", "NOT (a.b[0] <> :v OR size(#n) IN (:v, a))", "a BETWEEN :v AND :v", "((a = b))", "a[", "contains(a", "é",
	} {
		f.Add(seed)
	}
	p := parser(f)
	values := document(f, `{":v": {"N": "1"}}`)
	item := document(f, `{"a": {"M": {"b": {"L": [{"N": "1"}]}}}}`)
	f.Fuzz(func(_ *testing.T, text string) {
		placeholders := expression.NewPlaceholders(map[string]string{"#n": "a"}, values)
		if condition, err := p.Condition(expression.ConditionExpression, text, placeholders); err == nil {
			condition.Holds(item)
			condition.Holds(nil)
		}
		if update, err := p.Update(text, placeholders); err == nil {
			// Not every update suits the item.
			_, _ = update.Apply(item)
		}
		if projection, err := p.Projection(text, placeholders); err == nil {
			projection.Apply(item)
		}
	})
}
