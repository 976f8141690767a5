package dynamolocal

import (
	"cmp"
	"iter"
	"strings"

	"github.com/google/btree"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/expression"
)

// order holds the records of a table or of an index in the order in which they
// are read: by the token of the hash key, the hash key, the sort key, and in an
// index by the key of the table.
type order struct{ tree *btree.BTreeG[place] }

// degree makes nodes of the tree that fill a few cache lines.
const degree = 32

func newOrder() order {
	return order{tree: btree.NewG(degree, func(a, b place) bool { return a.compare(b) < 0 })}
}

// place is where a record stands in an order. Without a record it is a bound:
// it stands before or after all places that begin with its hash and, if it has
// one, its sort key.
type place struct {
	token  uint64
	hash   string
	sort   attribute.Value // nil in schemas without a sort key
	record *record
	// edge is -1 for a bound before the places it covers, +1 for one after them,
	// and 0 for the place of a record.
	edge int
}

// placeOf returns the place of a record whose key in the order is key.
func placeOf(key primaryKey, r *record) place {
	return place{token: tokenOf(key.hash), hash: key.hash, sort: key.sort, record: r}
}

// boundAt returns the bound before (-1) or after (+1) the places with the hash
// and, unless it is nil, the sort key.
func boundAt(hash string, sort attribute.Value, edge int) place {
	return place{token: tokenOf(hash), hash: hash, sort: sort, edge: edge}
}

// compare returns -1, 0 or +1 as p comes before, is, or comes after other.
func (p place) compare(other place) int {
	if order := cmp.Or(cmp.Compare(p.token, other.token), strings.Compare(p.hash, other.hash)); order != 0 {
		return order
	}
	if p.record == nil && p.sort == nil {
		return p.edge
	}
	if other.record == nil && other.sort == nil {
		return -other.edge
	}
	if order := compareSort(p.sort, other.sort); order != 0 {
		return order
	}
	if p.record == nil {
		return p.edge
	}
	if other.record == nil {
		return -other.edge
	}
	return cmp.Or(
		strings.Compare(p.record.key.hash, other.record.key.hash),
		compareSort(p.record.key.sort, other.record.key.sort),
		p.edge, -other.edge,
	)
}

func (o order) put(p place) { o.tree.ReplaceOrInsert(p) }

func (o order) remove(p place) { o.tree.Delete(p) }

// clone returns an order of its own with the same records. It takes no time: what
// the two share is copied when either changes it.
func (o order) clone() order { return order{tree: o.tree.Clone()} }

// batches returns the records in their order, up to size at a time. The next
// batch takes the place of the one before.
func (o order) batches(size int) iter.Seq[[]*record] {
	return func(yield func([]*record) bool) {
		batch := make([]*record, 0, size)
		for p := range o.all(place{edge: -1}) {
			if batch = append(batch, p.record); len(batch) < size {
				continue
			}
			if !yield(batch) {
				return
			}
			batch = batch[:0]
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}

// all returns the records from the bound from on, in their order.
func (o order) all(from place) iter.Seq[place] {
	return func(yield func(place) bool) { o.tree.AscendGreaterOrEqual(from, yield) }
}

// between returns the records between two bounds in their order, or backwards.
func (o order) between(low, high place, backward bool) iter.Seq[*record] {
	return func(yield func(*record) bool) {
		if backward {
			o.tree.DescendLessOrEqual(high, func(p place) bool { return p.compare(low) > 0 && yield(p.record) })
			return
		}
		o.tree.AscendGreaterOrEqual(low, func(p place) bool { return p.compare(high) < 0 && yield(p.record) })
	}
}

// boundsOf returns the bounds of the places with the hash whose sort keys may
// pass the test; a nil test passes all.
func boundsOf(hash string, test *expression.KeyTest) (low, high place) {
	low, high = boundAt(hash, nil, -1), boundAt(hash, nil, +1)
	if test == nil {
		return low, high
	}
	value := test.Values[0]
	switch test.Operator {
	case "=":
		return boundAt(hash, value, -1), boundAt(hash, value, +1)
	case "<":
		high = boundAt(hash, value, -1)
	case "<=":
		high = boundAt(hash, value, +1)
	case ">":
		low = boundAt(hash, value, +1)
	case ">=":
		low = boundAt(hash, value, -1)
	case expression.Between:
		return boundAt(hash, value, -1), boundAt(hash, test.Values[1], +1)
	case expression.BeginsWith:
		low = boundAt(hash, value, -1)
		if beyond := beyondPrefix(value); beyond != nil {
			high = boundAt(hash, beyond, -1)
		}
	}
	return low, high
}

// beyondPrefix returns the least value after all those that begin with prefix,
// nil if there is none.
func beyondPrefix(prefix attribute.Value) attribute.Value {
	next := func(text string) string {
		for last := len(text) - 1; last >= 0; last-- {
			if text[last] < 0xff {
				return text[:last] + string([]byte{text[last] + 1})
			}
		}
		return ""
	}
	switch prefix := prefix.(type) {
	case attribute.String:
		if beyond := next(string(prefix)); beyond != "" {
			return attribute.String(beyond)
		}
	case attribute.Binary:
		if beyond := next(string(prefix)); beyond != "" {
			return attribute.Binary(beyond)
		}
	}
	return nil
}
