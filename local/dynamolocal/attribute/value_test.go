package attribute_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

func TestItemSize(t *testing.T) {
	t.Parallel()
	cases := []struct {
		item string
		want int
	}{
		{`{}`, 0},
		{`{"a": {"S": "xyz"}}`, 1 + 3},
		{`{"é": {"S": "日本"}}`, 2 + 6},
		{`{"a": {"N": "-1.5"}}`, 1 + 4},
		{`{"a": {"B": "AAEC"}}`, 1 + 3},
		{`{"a": {"BOOL": false}, "b": {"NULL": true}}`, 2 + 2},
		{`{"a": {"SS": ["x", "yz"]}, "b": {"NS": ["1", "234"]}, "c": {"BS": ["AA==", "AAEC"]}}`, 3 + 3 + 5 + 4},
		{`{"a": {"L": []}, "b": {"M": {}}}`, 2 + 3 + 3},
		{`{"a": {"L": [{"S": "x"}, {"M": {"bc": {"S": "y"}}}]}}`, 1 + 3 + (1 + 1) + (1 + 3 + 1 + 2 + 1)},
	}
	for _, c := range cases {
		if got := item(t, c.item).Size(); got != c.want {
			t.Errorf("the size of %s is %d, want %d", c.item, got, c.want)
		}
	}
}

func TestItemReadsWhatItWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := attribute.Item{"v": values.Draw(t, "value")}
		written, err := json.Marshal(want)
		if err != nil {
			t.Fatalf("Marshal: %v", err)
		}
		var got attribute.Item
		if err := json.Unmarshal(written, &got); err != nil {
			t.Fatalf("Unmarshal(%s): %v", written, err)
		}
		if !attribute.Equal(got["v"], want["v"]) {
			t.Fatalf("%s became %#v", written, got)
		}
		if got.Size() != want.Size() {
			t.Fatalf("%s has %d bytes, and then %d", written, want.Size(), got.Size())
		}
	})
}

// values draws values of all types, nested up to three deep.
var values = nested(3)

func nested(depth int) *rapid.Generator[attribute.Value] {
	scalars := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) attribute.Value { return attribute.String(s) }),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) attribute.Value { return attribute.Binary(b) }),
		rapid.Map(rapid.Int64(), func(n int64) attribute.Value { return attribute.NumberOf(n) }),
		rapid.Map(rapid.Bool(), func(b bool) attribute.Value { return attribute.Bool(b) }),
		rapid.Just(attribute.Value(attribute.Null{})),
	)
	if depth == 0 {
		return scalars
	}
	inner := nested(depth - 1)
	return rapid.OneOf(
		scalars,
		rapid.Map(rapid.SliceOfN(inner, 0, 3), func(l []attribute.Value) attribute.Value { return attribute.List(l) }),
		rapid.Map(rapid.MapOfN(rapid.String(), inner, 0, 3), func(m map[string]attribute.Value) attribute.Value {
			return attribute.Map(m)
		}),
	)
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const parameter = "One or more parameter values were invalid: "
	deep := strings.Repeat(`{"L": [`, 32) + `{"S": ""}` + strings.Repeat(`]}`, 32)
	cases := []struct {
		value     string
		message   string
		malformed bool
	}{
		{value: `{}`, message: "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{value: `{"S": null}`, message: "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{value: `{"X": "y"}`, message: "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{value: `{"S": "a", "N": "1"}`, message: "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"},
		{value: `{"S": "a", "N": "b"}`, message: "The parameter cannot be converted to a numeric value: b"},
		{value: `{"SS": []}`, message: parameter + "An string set  may not be empty"},
		{value: `{"NS": []}`, message: parameter + "An number set  may not be empty"},
		{value: `{"BS": []}`, message: parameter + "Binary sets should not be empty"},
		{value: `{"SS": ["a", "a"]}`, message: parameter + "Input collection [a, a] contains duplicates."},
		{value: `{"NS": ["1", "1.0"]}`, message: "Input collection contains duplicates"},
		{value: `{"BS": ["YQ==", "YQ=="]}`, message: parameter + "Input collection [YQ==, YQ==]of type BS contains duplicates."},
		{value: deep, message: "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"},
		{value: `"a"`, message: "Unexpected value type in payload", malformed: true},
		{value: `{"S": 1}`, message: "NUMBER_VALUE cannot be converted to String", malformed: true},
		{value: `{"N": 1}`, message: "NUMBER_VALUE cannot be converted to String", malformed: true},
		{value: `{"BOOL": "true"}`, message: "STRING_VALUE cannot be converted to Boolean", malformed: true},
		{value: `{"B": "!"}`, message: "Invalid base64", malformed: true},
		{value: `{"L": {}}`, message: "START_OBJECT cannot be converted to List", malformed: true},
		{value: `{"M": []}`, message: "START_ARRAY cannot be converted to Map", malformed: true},
	}
	for _, c := range cases {
		var refusal *attribute.Error
		err := json.Unmarshal([]byte(`{"v": `+c.value+`}`), new(attribute.Item))
		if !errors.As(err, &refusal) || !strings.HasPrefix(refusal.Message, c.message) || refusal.Malformed != c.malformed {
			t.Errorf("%s gives %+v; want %q", c.value, err, c.message)
		}
	}
}

func TestParseTakesTheDeepest(t *testing.T) {
	t.Parallel()
	deepest := item(t, `{"v": `+strings.Repeat(`{"L": [`, 31)+`{"S": ""}`+strings.Repeat(`]}`, 31)+`}`)
	if err := attribute.CheckDepth(deepest); err != nil {
		t.Errorf("CheckDepth: %v", err)
	}
	if err := attribute.CheckDepth(attribute.Item{"v": attribute.List{deepest["v"]}}); err == nil {
		t.Error("CheckDepth takes one level more")
	}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	distinct := item(t, `{
		"s": {"S": "1"}, "n": {"N": "1"}, "b": {"B": "MQ=="}, "bool": {"BOOL": true}, "null": {"NULL": true},
		"ss": {"SS": ["1"]}, "ns": {"NS": ["1"]}, "bs": {"BS": ["MQ=="]}, "l": {"L": [{"S": "1"}]}, "m": {"M": {"1": {"S": "1"}}},
		"l2": {"L": [{"S": "2"}]}, "m2": {"M": {"1": {"S": "2"}}}, "m3": {"M": {"1": {"S": "1"}, "2": {"S": "1"}}}
	}`)
	for first, a := range distinct {
		for second, b := range distinct {
			if got := attribute.Equal(a, b); got != (first == second) {
				t.Errorf("Equal(%s, %s) is %t", first, second, got)
			}
		}
	}
	same := item(t, `{"a": {"SS": ["x", "y"]}, "b": {"SS": ["y", "x"]}, "c": {"N": "10"}, "d": {"N": "1e1"}}`)
	if !attribute.Equal(same["a"], same["b"]) || !attribute.Equal(same["c"], same["d"]) {
		t.Error("values that are equal are not")
	}
	if attribute.Equal(same["a"], nil) || !attribute.Equal(nil, nil) {
		t.Error("nothing is equal to nothing alone")
	}
}

func TestSets(t *testing.T) {
	t.Parallel()
	sets := item(t, `{
		"ab": {"SS": ["a", "b"]}, "bc": {"SS": ["b", "c"]}, "abc": {"SS": ["a", "b", "c"]}, "a": {"SS": ["a"]},
		"12": {"NS": ["1", "2"]}, "2.0": {"NS": ["2.0"]}, "1": {"NS": ["1"]}, "x": {"BS": ["eA=="]}
	}`)
	if union, ok := attribute.Union(sets["ab"], sets["bc"]); !ok || !attribute.Equal(union, sets["abc"]) {
		t.Errorf("the union is %v, %t", union, ok)
	}
	if rest, ok := attribute.Difference(sets["ab"], sets["bc"]); !ok || !attribute.Equal(rest, sets["a"]) {
		t.Errorf("the difference is %v, %t", rest, ok)
	}
	if rest, ok := attribute.Difference(sets["12"], sets["2.0"]); !ok || !attribute.Equal(rest, sets["1"]) {
		t.Errorf("the difference is %v, %t", rest, ok)
	}
	if rest, ok := attribute.Difference(sets["x"], sets["x"]); !ok || rest != nil {
		t.Errorf("the difference of a set from itself is %v, %t; want nothing", rest, ok)
	}
	if _, ok := attribute.Union(sets["ab"], sets["12"]); ok {
		t.Error("a union of strings and numbers")
	}
}

func item(t *testing.T, text string) attribute.Item {
	t.Helper()
	var i attribute.Item
	if err := json.Unmarshal([]byte(text), &i); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return i
}
