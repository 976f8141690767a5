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

// entry returns what the index has of an item, nil if the item lacks an
// attribute of the index's key or has one that cannot be a key, as an item may
// that is older than the index.
func (i *index) entry(item attribute.Item) attribute.Item {
	for _, part := range i.schema.attributes() {
		if value := item[part.name]; value == nil || value.Kind() != part.kind || emptyKind(value) != "" {
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

// replace puts the record added in the place of old. Either may be nil, or lack
// the index's key and so not be in the index.
func (i *index) replace(old, added *record) {
	var before, after attribute.Item
	if old != nil {
		before = i.entry(old.item)
	}
	if added != nil {
		after = i.entry(added.item)
	}
	if before != nil {
		i.items--
		i.bytes -= before.Size()
	}
	if before != nil && (after == nil || !i.sameKey(before, after)) {
		i.records.remove(placeOf(i.schema.of(old.item), old))
	}
	if after != nil {
		i.items++
		i.bytes += after.Size()
		i.records.put(placeOf(i.schema.of(added.item), added))
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
