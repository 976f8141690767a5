package dynamolocal

import (
	"cmp"
	"slices"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// The projection types of indexes.
const (
	projectAll     = "ALL"
	projectKeys    = "KEYS_ONLY"
	projectInclude = "INCLUDE"
)

// index is a secondary index. It is a view: its entries are made of the table's
// items when they are read.
type index struct {
	name   string
	schema keySchema
	global bool
	// all tells that the index has all attributes; else it has those in
	// projected.
	all       bool
	projected map[string]bool
}

func newIndex(definition indexDefinition, attributes []attributeDefinition, tableKey keySchema, global bool) *index {
	i := &index{
		name:      definition.IndexName,
		schema:    schemaOf(definition.KeySchema, attributes),
		global:    global,
		all:       definition.Projection.ProjectionType == projectAll,
		projected: make(map[string]bool),
	}
	for _, key := range []keySchema{tableKey, i.schema} {
		for _, part := range key.attributes() {
			i.projected[part.name] = true
		}
	}
	for _, name := range definition.Projection.NonKeyAttributes {
		i.projected[name] = true
	}
	return i
}

// entry returns what the index has of an item, nil if the item lacks an
// attribute of the index's key.
func (i *index) entry(item attribute.Item) attribute.Item {
	for _, part := range i.schema.attributes() {
		if item[part.name] == nil {
			return nil
		}
	}
	if i.all {
		return item
	}
	entry := make(attribute.Item, len(i.projected))
	for name := range i.projected {
		if value, present := item[name]; present {
			entry[name] = value
		}
	}
	return entry
}

// writeUnits returns the units that the change of an item costs the index: of
// the entry that is removed, of the one that is added, or of the larger of both
// if it stays in its place.
func (i *index) writeUnits(old, item attribute.Item) float64 {
	before, after := i.entry(old), i.entry(item)
	switch {
	case before == nil && after == nil:
		return 0
	case before == nil:
		return writeUnits(0, after.Size())
	case after == nil:
		return writeUnits(before.Size(), 0)
	case i.key(before).compare(i.key(after)) != 0:
		return writeUnits(before.Size(), 0) + writeUnits(0, after.Size())
	case attribute.Equal(attribute.Map(before), attribute.Map(after)):
		return 0
	}
	return writeUnits(before.Size(), after.Size())
}

// indexKey is the place of an entry in an index.
type indexKey struct {
	token uint64
	primaryKey
}

func (i *index) key(entry attribute.Item) indexKey {
	key := i.schema.of(entry)
	return indexKey{token: tokenOf(key.hash), primaryKey: key}
}

func (k indexKey) compare(other indexKey) int {
	return cmp.Or(
		cmp.Compare(k.token, other.token),
		strings.Compare(k.hash, other.hash),
		compareSort(k.sort, other.sort),
	)
}

// indexed is an item in the order of an index.
type indexed struct {
	key    indexKey
	record *record
}

// compare orders the entries of an index; those with the same key by the keys of
// their table.
func (e indexed) compare(other indexed) int {
	return cmp.Or(
		e.key.compare(other.key),
		strings.Compare(e.record.key.hash, other.record.key.hash),
		compareSort(e.record.key.sort, other.record.key.sort),
	)
}

// entries returns the items of the table that are in the index and for which
// accept holds, in the index's order.
func (t *table) entries(on *index, accept func(attribute.Item) bool) []indexed {
	var found []indexed
	for r := range t.all(nil) {
		if on.entry(r.item) != nil && accept(r.item) {
			found = append(found, indexed{key: on.key(r.item), record: r})
		}
	}
	slices.SortFunc(found, indexed.compare)
	return found
}
