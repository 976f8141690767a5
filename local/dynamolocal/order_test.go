package dynamolocal

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/expression"
)

// A table and its index read what a naive model reads that filters and sorts
// everything: after any puts and removals, for any test of the sort key, in both
// directions, and from any starting key.
func TestOrders(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{"S", "N", "B"}).Draw(t, "type of the sort keys")
		sortKey := func(label string) attribute.Value {
			if kind == "N" {
				return attribute.NumberOf(int64(rapid.IntRange(-3, 3).Draw(t, label)))
			}
			text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "\x80", "\xff", "b"}), 1, 3).Draw(t, label), "")
			if kind == "S" {
				return attribute.String(text)
			}
			return attribute.Binary(text)
		}
		table := newTable(tableDefinition{
			Name:       "items",
			Attributes: []attributeDefinition{{"p", "S"}, {"s", kind}, {"g", "S"}, {"r", kind}},
			Keys:       []keyElement{{"p", keyHash}, {"s", keyRange}},
			Global: []indexDefinition{{
				IndexName: "idx", KeySchema: []keyElement{{"g", keyHash}, {"r", keyRange}}, Projection: &projection{ProjectionType: projectAll},
			}},
		})
		hash := func(label string) attribute.Value {
			return attribute.String(rapid.SampledFrom([]string{"x", "y"}).Draw(t, label))
		}
		model := make(map[string]attribute.Item)
		for range rapid.IntRange(0, 30).Draw(t, "writes") {
			item := attribute.Item{"p": hash("p"), "s": sortKey("s")}
			key := table.schema.of(item)
			if rapid.Bool().Draw(t, "removal") {
				table.remove(key)
				delete(model, key.encode())
				continue
			}
			if rapid.Bool().Draw(t, "in the index") {
				item["g"], item["r"] = hash("g"), sortKey("r")
			}
			table.put(key, item)
			model[key.encode()] = item
		}
		if table.items != len(model) {
			t.Fatalf("there are %d items, want %d", table.items, len(model))
		}

		r := &read{table: table}
		hashName, sortName := "p", "s"
		if rapid.Bool().Draw(t, "read the index") {
			r.index = table.index("idx")
			hashName, sortName = "g", "r"
		}
		wanted := hash("hash to read")
		test := &expression.KeyTest{Operator: rapid.SampledFrom([]string{"", "=", "<", "<=", ">", ">=", expression.Between, expression.BeginsWith}).Draw(t, "operator")}
		test.Values = []attribute.Value{sortKey("operand")}
		switch {
		case test.Operator == "" || test.Operator == expression.BeginsWith && kind == "N":
			test = nil
		case test.Operator == expression.Between:
			test.Values = append(test.Values, sortKey("upper bound"))
			if order, _ := attribute.Compare(test.Values[0], test.Values[1]); order > 0 {
				slices.Reverse(test.Values)
			}
		}
		var want []attribute.Item
		for _, item := range model {
			if attribute.Equal(item[hashName], wanted) && item[sortName] != nil && (test == nil || test.Holds(item[sortName])) {
				want = append(want, item)
			}
		}
		slices.SortFunc(want, func(a, b attribute.Item) int {
			for _, name := range []string{sortName, "p", "s"} {
				if order, _ := attribute.Compare(a[name], b[name]); order != 0 {
					return order
				}
			}
			return 0
		})
		q := &query{read: r, hash: wanted, sort: test, backward: rapid.Bool().Draw(t, "backward")}
		if q.backward {
			slices.Reverse(want)
		}
		if len(want) > 0 && rapid.Bool().Draw(t, "from a starting key") {
			at := rapid.IntRange(0, len(want)-1).Draw(t, "start")
			r.start = want[at]
			want = want[at+1:]
		}
		var got []attribute.Item
		for stored := range q.records() {
			got = append(got, stored.item)
		}
		if show(got) != show(want) {
			t.Fatalf("it reads\n%s, want\n%s", show(got), show(want))
		}
		segments := 0
		total := rapid.IntRange(1, 4).Draw(t, "segments")
		r.start = nil
		for number := range total {
			for range r.scanned(segmentOf(&number, &total)) {
				segments++
			}
		}
		all := table.items
		if r.index != nil {
			all = r.index.items
		}
		if segments != all {
			t.Fatalf("the segments have %d items, want %d", segments, all)
		}
	})
}

func show(items []attribute.Item) string {
	var text []string
	for _, item := range items {
		text = append(text, fmt.Sprintf("%q", item))
	}
	return strings.Join(text, "\n")
}
