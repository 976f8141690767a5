package dynamolocal

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/google/btree"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// table is a table with its items. The engine's lock guards it.
type table struct {
	definition tableDefinition
	schema     keySchema
	indexes    []*index // by name

	// partitions has the items by their hash key's encoding; ordered has the same
	// partitions in the order of scans.
	partitions map[string]*partition
	ordered    *btree.BTreeG[*partition]
	items      int
	bytes      int
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
	// TimeToLive is the attribute that has the time of expiry, "" if time to live
	// is off.
	TimeToLive string `json:",omitempty"`
}

// partition has the items of a table with one hash key, in the order of their
// sort keys.
type partition struct {
	token   uint64
	hash    string
	records []*record
}

// record is an item that is stored.
type record struct {
	item attribute.Item
	key  primaryKey
	size int
}

// primaryKey identifies an item in its table.
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
	t := &table{definition: definition, partitions: make(map[string]*partition), ordered: btree.NewG(degree, scannedBefore)}
	t.schema = schemaOf(definition.Keys, definition.Attributes)
	for _, local := range definition.Local {
		t.indexes = append(t.indexes, newIndex(local, definition.Attributes, t.schema, false))
	}
	for _, global := range definition.Global {
		t.indexes = append(t.indexes, newIndex(global, definition.Attributes, t.schema, true))
	}
	slices.SortFunc(t.indexes, func(a, b *index) int { return cmp.Compare(a.name, b.name) })
	return t
}

func (t *table) name() string { return t.definition.Name }

// find returns the place of a sort key in the partition.
func (p *partition) find(sort attribute.Value) (at int, found bool) {
	return slices.BinarySearchFunc(p.records, sort, func(r *record, sort attribute.Value) int {
		return compareSort(r.key.sort, sort)
	})
}

// degree makes nodes of the tree of partitions that fill a few cache lines.
const degree = 32

// scannedBefore is the order of scans.
func scannedBefore(a, b *partition) bool {
	return cmp.Or(cmp.Compare(a.token, b.token), strings.Compare(a.hash, b.hash)) < 0
}

// get returns the item with the key, nil if there is none.
func (t *table) get(key primaryKey) *record {
	p := t.partitions[key.hash]
	if p == nil {
		return nil
	}
	at, found := p.find(key.sort)
	if !found {
		return nil
	}
	return p.records[at]
}

// put stores the item in place of any other with the key.
func (t *table) put(key primaryKey, item attribute.Item) {
	p := t.partitions[key.hash]
	if p == nil {
		p = &partition{token: tokenOf(key.hash), hash: key.hash}
		t.partitions[key.hash] = p
		t.ordered.ReplaceOrInsert(p)
	}
	stored := &record{item: item, key: key, size: item.Size()}
	at, found := p.find(key.sort)
	if found {
		t.bytes -= p.records[at].size
		p.records[at] = stored
	} else {
		p.records = slices.Insert(p.records, at, stored)
		t.items++
	}
	t.bytes += stored.size
}

// remove deletes the item with the key, if there is one.
func (t *table) remove(key primaryKey) {
	p := t.partitions[key.hash]
	if p == nil {
		return
	}
	at, found := p.find(key.sort)
	if !found {
		return
	}
	t.bytes -= p.records[at].size
	t.items--
	p.records = slices.Delete(p.records, at, at+1)
	if len(p.records) > 0 {
		return
	}
	delete(t.partitions, key.hash)
	t.ordered.Delete(p)
}

// all returns the table's items in the order of scans, from the first after the
// key if one is given.
func (t *table) all(after *primaryKey) iter.Seq[*record] {
	return func(yield func(*record) bool) {
		visit := func(p *partition) bool {
			records := p.records
			if after != nil && p.hash == after.hash {
				records = records[p.after(after.sort):]
			}
			for _, r := range records {
				if !yield(r) {
					return false
				}
			}
			return true
		}
		if after == nil {
			t.ordered.Ascend(visit)
			return
		}
		t.ordered.AscendGreaterOrEqual(&partition{token: tokenOf(after.hash), hash: after.hash}, visit)
	}
}

// after returns the place of the first record beyond a sort key.
func (p *partition) after(sort attribute.Value) int {
	at, found := p.find(sort)
	if found {
		at++
	}
	return at
}
