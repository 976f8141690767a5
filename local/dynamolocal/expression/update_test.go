package expression_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/expression"
)

// All operands are those of the item before the update, and lists are changed by
// the indices that they had.
func TestUpdateIsSimultaneous(t *testing.T) {
	t.Parallel()
	cases := []struct{ old, text, want string }{
		{"a=1 b=2", "SET a = b, b = a", "a=2 b=1"},
		{"a=1 b=2", "REMOVE a SET b = a", "b=1"},
		{"a=1 b=2", "ADD a :1 SET b = a + :1", "a=2 b=2"},
		{"a=1 b=2", "SET a = (b - (a))", "a=1 b=2"},
		{"a=1", "REMOVE nothing", "a=1"},
		{"", "SET a = if_not_exists(a, :1)", "a=1"},
		{"a=2", "SET a = if_not_exists(a, :1) + :1", "a=3"},
		{"l=0,1,2,3", "SET c = l[0], l[0] = l[1] REMOVE l[1], l[2]", "c=0 l=1,3"},
		{"a=8 b=9 l=0,1,2,3", "SET l[9] = a, l[7] = b REMOVE l[0]", "a=8 b=9 l=1,2,3,9,8"},
		{"l=0,1", "ADD l[8] :1, l[1] :1", "l=0,2,1"},
		{"l=0,1", "REMOVE l[2]", "l=0,1"},
		{"l=0,", "REMOVE l[0]", "l="},
		{"s=x;y", "SET a = s DELETE s :xy", "a=x;y"},
		{"s=x;z", "DELETE s :xy", "s=z"},
		{"s=x;z", "ADD s :xy", "s=x;y;z"},
		{"", "DELETE s :xy", ""},
	}
	for _, c := range cases {
		before := shorthand(t, c.old)
		update, err := parser(t).Update(c.text, expression.NewPlaceholders(nil, values(t, c.text)))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		after, err := update.Apply(before)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got, want := text(t, after), text(t, shorthand(t, c.want)); got != want {
			t.Errorf("%s makes %s, want %s", c.text, got, want)
		}
		if got, want := text(t, before), text(t, shorthand(t, c.old)); got != want {
			t.Errorf("%s changed the item it was applied to: %s", c.text, got)
		}
	}
}

// values returns the values of the placeholders in a text.
func values(t *testing.T, text string) attribute.Item {
	t.Helper()
	all := attribute.Item{":1": attribute.NumberOf(1), ":xy": attribute.StringSet{"x", "y"}}
	maps.DeleteFunc(all, func(name string, _ attribute.Value) bool { return !strings.Contains(text, name) })
	return all
}

// shorthand makes an item of attributes like a=1 (a number), l=1,2 (a list of
// numbers) and s=x;y (a set of strings).
func shorthand(t *testing.T, text string) attribute.Item {
	t.Helper()
	item := attribute.Item{}
	for _, part := range strings.Fields(text) {
		name, value, _ := strings.Cut(part, "=")
		switch {
		case name == "l":
			list := attribute.List{}
			for _, element := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' }) {
				list = append(list, numeric(t, element))
			}
			item[name] = list
		case strings.ContainsAny(value, "xyz"):
			item[name] = attribute.StringSet(strings.Split(value, ";"))
		default:
			item[name] = numeric(t, value)
		}
	}
	return item
}

func numeric(t *testing.T, text string) attribute.Number {
	t.Helper()
	n, err := attribute.ParseNumber(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestApplyErrors(t *testing.T) {
	t.Parallel()
	const (
		badPath     = "The document path provided in the update expression is invalid for update"
		badType     = "An operand in the update expression has an incorrect data type"
		noAttribute = "The provided expression refers to an attribute that does not exist in the item"
	)
	cases := []struct{ old, text, want string }{
		{"", "SET a.b = :1", badPath},
		{"a=1", "SET a.b = :1", badPath},
		{"l=0", "SET l.b = :1", badPath},
		{"a=1", "SET a[0] = :1", badPath},
		{"l=0", "SET l[0][0] = :1", badPath},
		{"l=0", "SET l[1].b = :1", badPath},
		{"", "REMOVE a.b", badPath},
		{"", "ADD a.b :1", badPath},
		{"", "DELETE a[0] :xy", badPath},
		{"s=x", "ADD s :1", badType},
		{"a=1", "ADD a :xy", badType},
		{"a=1", "DELETE a :xy", badType},
		{"s=x", "SET a = s + :1", badType},
		{"l=0 a=1", "SET l = list_append(l, a)", badType},
		{"", "SET a = b", noAttribute},
		{"", "SET a = b + :1", noAttribute},
		{"l=0", "SET a = l[1]", noAttribute},
		{"", "SET a = if_not_exists(b, c)", noAttribute},
		{"", "SET l = list_append(l, l)", noAttribute},
	}
	for _, c := range cases {
		update, err := parser(t).Update(c.text, expression.NewPlaceholders(nil, values(t, c.text)))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if after, err := update.Apply(shorthand(t, c.old)); err == nil || err.Error() != c.want {
			t.Errorf("%s on %q makes %s, %v; want %s", c.text, c.old, text(t, after), err, c.want)
		}
	}
}

func TestUpdateErrors(t *testing.T) {
	t.Parallel()
	cases := []struct{ text, want string }{
		{"SET", `Syntax error; token: "<EOF>", near: "SET"`},
		{"INVALID SYNTAX HERE", `Syntax error; token: "INVALID", near: "INVALID SYNTAX"`},
		{"SET _123 = :v", `Syntax error; token: "_", near: "SET _123"`},
		{"SET a = :v + :v + :v", `Syntax error; token: "+", near: ":v + :v"`},
		{"SET a = if_not_exists(a, :v + :v)", `Syntax error; token: "+", near: ":v + :v"`},
		{"SET a = (:v + :v) + :v", `Syntax error; token: "+", near: ":v + :v"`},
		{"SET a = :v,", `Syntax error; token: "<EOF>", near: ","`},
		{"SET :v = a", `Syntax error; token: ":v", near: "SET :v ="`},
		{"ADD a b", `Syntax error; token: "b", near: "a b"`},
		{"SET a = :v SET b = :v", `The "SET" section can only be used once in an update expression;`},
		{"SET a = twice(:v)", "Invalid function name; function: twice"},
		{"SET a = size(b)", "The function is not allowed in an update expression; function: size"},
		{"SET a = list_append(list_append(a, b), c)", "The function is not allowed to be used this way in an expression; function: list_append"},
		{"SET a.b = :v, a[1] = :v", "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [1]]"},
		{"SET a = :v REMOVE a.b[2]", "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b, [2]]"},
		{"REMOVE a[99999999999]", "List index is not within the allowable range; index: [99999999999]"},
		{"REMOVE a" + strings.Repeat("[0]", 32), "The document path has too many nesting levels; nesting levels: 33"},
		{"SET a = :s + :v", "Incorrect operand type for operator or function; operator or function: +, operand type: S"},
		{"ADD a :s", "Incorrect operand type for operator or function; operator: ADD, operand type: STRING"},
		{"DELETE a :v", "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER"},
		{"SET " + strings.Repeat("b=a+a,", 301) + "c=a", "The expression contains too many operators; operator count: 301"},
	}
	for _, c := range cases {
		_, err := parser(t).Update(c.text, expression.NewPlaceholders(nil, document(t, `{":v": {"N": "1"}, ":s": {"S": ""}}`)))
		if want := "Invalid UpdateExpression: " + c.want; err == nil || err.Error() != want {
			t.Errorf("%.40s gives\n%v; want\n%s", c.text, err, want)
		}
	}
}

func TestUpdateProjects(t *testing.T) {
	t.Parallel()
	update, err := parser(t).Update("SET a.b = :v, l[1] = :v REMOVE c", expression.NewPlaceholders(nil, document(t, `{":v": {"N": "1"}}`)))
	if err != nil {
		t.Fatal(err)
	}
	got := update.Project(document(t, `{"a": {"M": {"b": {"S": "x"}, "c": {"S": "y"}}}, "l": {"L": [{"N": "0"}, {"N": "1"}]}, "d": {"S": ""}}`))
	if want := `{"a":{"M":{"b":{"S":"x"}}},"l":{"L":[{"N":"1"}]}}`; text(t, got) != want {
		t.Errorf("got %s, want %s", text(t, got), want)
	}
}

func TestUnusedPlaceholders(t *testing.T) {
	t.Parallel()
	placeholders := expression.NewPlaceholders(map[string]string{"#a": "a", "#b": "b", "#c": "c"}, document(t, `{":v": {"N": "1"}}`))
	if _, err := parser(t).Projection("#b", placeholders); err != nil {
		t.Fatal(err)
	}
	const want = "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #c}"
	if err := placeholders.Unused(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := parser(t).Update("SET #a = :v, #c = :v", placeholders); err != nil {
		t.Fatal(err)
	}
	if err := placeholders.Unused(); err != nil {
		t.Errorf("all are used, but: %v", err)
	}
}

func text(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
