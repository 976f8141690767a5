package dynamolocal

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/expression"
)

// A table and its index read what a naive model reads that filters and sorts
// everything: after any puts and removals, for any test of the sort key, in both
// directions, and from any starting key. The sizes and the order of expiry are
// the model's, too.
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
				IndexName: "idx", KeySchema: []keyElement{{"g", keyHash}, {"r", keyRange}}, Projection: &projection{
					ProjectionType: rapid.SampledFrom([]string{projectAll, projectKeys}).Draw(t, "projection"),
				},
			}},
			TimeToLive: "e",
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
			if rapid.Bool().Draw(t, "expires") {
				item["e"] = attribute.NumberOf(int64(rapid.IntRange(1000, 1004).Draw(t, "expiry")))
			}
			table.put(key, item)
			model[key.encode()] = item
		}
		checkTotals(t, table, model)

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
		all := len(table.byKey)
		if r.index != nil {
			all = r.index.items
		}
		if segments != all {
			t.Fatalf("the segments have %d items, want %d", segments, all)
		}
	})
}

// checkTotals compares what a table and its index idx count and which items
// expire with the items that the table should have.
func checkTotals(t *rapid.T, table *table, model map[string]attribute.Item) {
	on := table.index("idx")
	var items, bytes, entries, entryBytes int
	var expiring []string
	for _, item := range model {
		items++
		bytes += item.Size()
		if item["g"] != nil {
			entries++
			entryBytes += on.entry(item).Size()
		}
		if item["e"] != nil {
			expiring = append(expiring, show([]attribute.Item{item}))
		}
	}
	if len(table.byKey) != items || table.bytes != bytes || on.items != entries || on.bytes != entryBytes {
		t.Fatalf("there are %d items of %d bytes, %d of %d in the index, want %d of %d, %d of %d",
			len(table.byKey), table.bytes, on.items, on.bytes, items, bytes, entries, entryBytes)
	}
	var got []string
	last := int64(0)
	for r := range table.expiry.before(time.Unix(1100, 0)) {
		expiry, _ := expiryOf(r.item, "e")
		if expiry < last {
			t.Fatalf("an item that expires at %d comes after one that expires at %d", expiry, last)
		}
		last = expiry
		got = append(got, show([]attribute.Item{r.item}))
	}
	slices.Sort(expiring)
	slices.Sort(got)
	if !slices.Equal(got, expiring) {
		t.Fatalf("these expire:\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(expiring, "\n"))
	}
}

func show(items []attribute.Item) string {
	var text []string
	for _, item := range items {
		text = append(text, fmt.Sprintf("%q", item))
	}
	return strings.Join(text, "\n")
}
