package dynamolocal

import (
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// The projection types of indexes.
const (
	projectAll     = "ALL"
	projectKeys    = "KEYS_ONLY"
	projectInclude = "INCLUDE"
)

// index is a secondary index: the records of the table that have its key, in its
// order. What it has of an item is made when it is read.
type index struct {
	records order
	items   int
	bytes   int

	name   string
	schema keySchema
	global bool
	// all reports whether the index has all attributes; otherwise it has those in
	// projected.
	all       bool
	projected map[string]bool
}

func newIndex(definition indexDefinition, attributes []attributeDefinition, tableKey keySchema, global bool) *index {
	i := &index{
		records:   newOrder(),
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

// has reports whether an item is in the index: whether it has all attributes of
// the index's key. An item that is older than the index may have one that cannot
// be a key.
func (i *index) has(item attribute.Item) bool {
	for _, part := range i.schema.attributes() {
		if value := item[part.name]; value == nil || value.Kind() != part.kind || emptyKind(value) != "" {
			return false
		}
	}
	return true
}

// entry returns what the index has of an item, nil if the item is not in it.
func (i *index) entry(item attribute.Item) attribute.Item {
	if !i.has(item) {
		return nil
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

// replace puts a record, whose item was old, in the place that it has with the
// item added. Either item may be nil, or not be in the index.
func (i *index) replace(r *record, old, added attribute.Item) {
	before, after := i.entry(old), i.entry(added)
	if before != nil {
		i.items--
		i.bytes -= before.Size()
	}
	if after != nil {
		i.items++
		i.bytes += after.Size()
	}
	if before != nil && after != nil && i.sameKey(before, after) {
		return
	}
	if before != nil {
		i.records.remove(placeOf(i.schema.of(before), r))
	}
	if after != nil {
		i.records.put(placeOf(i.schema.of(after), r))
	}
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
	case !i.sameKey(before, after):
		return writeUnits(before.Size(), 0) + writeUnits(0, after.Size())
	case attribute.Equal(attribute.Map(before), attribute.Map(after)):
		return 0
	}
	return writeUnits(before.Size(), after.Size())
}

// sameKey reports whether two entries have the same key.
func (i *index) sameKey(a, b attribute.Item) bool {
	for _, part := range i.schema.attributes() {
		if !attribute.Equal(a[part.name], b[part.name]) {
			return false
		}
	}
	return true
}
