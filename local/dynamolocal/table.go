package dynamolocal

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"slices"
	"time"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// table is a table with its items. The engine's lock guards it.
type table struct {
	definition tableDefinition
	schema     keySchema
	indexes    []*index // by name

	byKey   map[primaryKey]*record
	records order
	expiry  expiryOrder // of tables with time to live
	bytes   int
}

// tableDefinition is what is kept of a table besides its items.
type tableDefinition struct {
	Name               string
	ID                 string
	Created            time.Time
	Attributes         []attributeDefinition
	Keys               []keyElement
	Local              []indexDefinition `json:",omitempty"`
	Global             []indexDefinition `json:",omitempty"`
	Throughput         *throughput       `json:",omitempty"` // nil if on demand
	DeletionProtection bool              `json:",omitempty"`
	Class              string            `json:",omitempty"` // as it was given
	// TimeToLive is the attribute that has the time of expiry, "" if time to live
	// is off.
	TimeToLive string `json:",omitempty"`
}

// record has the item of a key. A write that finds a record gives it another
// item, so that it changes an order only if it changes the record's place there.
// The items themselves never change.
type record struct {
	key  primaryKey
	item attribute.Item
	size int
}

// primaryKey identifies an item in its table. It is comparable, for the values of
// keys are scalars.
type primaryKey struct {
	hash string          // the encoding of the hash key's value
	sort attribute.Value // nil in tables without a sort key
}

// tokenOf returns the place of a hash key in the order of scans, spread evenly
// over the whole range.
func tokenOf(hash string) uint64 {
	sum := sha256.Sum256([]byte(hash))
	return binary.BigEndian.Uint64(sum[:])
}

// encode returns a text that is the same exactly for equal values of a key's
// type.
func encode(value attribute.Value) string {
	switch value := value.(type) {
	case attribute.String:
		return string(value)
	case attribute.Binary:
		return string(value)
	case attribute.Number:
		return value.String()
	}
	return ""
}

// encode returns a text that is the same exactly for equal keys of one table.
func (k primaryKey) encode() string {
	length := binary.AppendUvarint(nil, uint64(len(k.hash)))
	return string(length) + k.hash + encode(k.sort)
}

// compareSort orders sort keys; those of tables without any are equal.
func compareSort(a, b attribute.Value) int {
	order, _ := attribute.Compare(a, b)
	return order
}

func newTable(definition tableDefinition) *table {
	t := &table{byKey: make(map[primaryKey]*record), records: newOrder(), expiry: newExpiryOrder()}
	t.schema = schemaOf(definition.Keys, definition.Attributes)
	t.define(definition)
	return t
}

// define gives the table a definition: it makes the indexes that are new, fills
// them, and drops those that are gone.
func (t *table) define(definition tableDefinition) {
	before := t.definition
	t.definition = definition
	var indexes []*index
	for global, definitions := range map[bool][]indexDefinition{false: definition.Local, true: definition.Global} {
		for _, d := range definitions {
			on := t.index(d.IndexName)
			if on == nil {
				on = newIndex(d, definition.Attributes, t.schema, global)
				for r := range t.all() {
					on.replace(r, nil, r.item)
				}
			}
			indexes = append(indexes, on)
		}
	}
	slices.SortFunc(indexes, func(a, b *index) int { return cmp.Compare(a.name, b.name) })
	t.indexes = indexes
	if before.TimeToLive == definition.TimeToLive {
		return
	}
	t.expiry = newExpiryOrder()
	for r := range t.all() {
		t.expiry.replace(r, nil, r.item, definition.TimeToLive)
	}
}

func (t *table) name() string { return t.definition.Name }

// get returns the record with the key, nil if there is none.
func (t *table) get(key primaryKey) *record { return t.byKey[key] }

// put stores the item in place of any other with the key.
func (t *table) put(key primaryKey, item attribute.Item) {
	r := t.get(key)
	if r == nil {
		r = &record{key: key}
		t.byKey[key] = r
		t.records.put(placeOf(key, r))
	}
	t.replace(r, item)
}

// remove deletes the item with the key, if there is one.
func (t *table) remove(key primaryKey) {
	r := t.get(key)
	if r == nil {
		return
	}
	t.replace(r, nil)
	t.records.remove(placeOf(key, r))
	delete(t.byKey, key)
}

// replace gives a record another item, nil if it is to have none.
func (t *table) replace(r *record, item attribute.Item) {
	for _, on := range t.indexes {
		on.replace(r, r.item, item)
	}
	t.expiry.replace(r, r.item, item, t.definition.TimeToLive)
	size := item.Size()
	t.bytes += size - r.size
	r.item, r.size = item, size
}

// all returns the table's records in the order of scans.
func (t *table) all() iter.Seq[*record] {
	return func(yield func(*record) bool) {
		for p := range t.records.all(place{edge: -1}) {
			if !yield(p.record) {
				return
			}
		}
	}
}

// index returns the index with the name, nil if there is none.
func (t *table) index(name string) *index {
	at := slices.IndexFunc(t.indexes, func(i *index) bool { return i.name == name })
	if at < 0 {
		return nil
	}
	return t.indexes[at]
}
