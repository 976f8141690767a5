package dynamolocal

import (
	"iter"
	"slices"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/expression"
)

// maxPageBytes is the size of the items after which a query or a scan ends its
// page.
const maxPageBytes = 1 << 20

// The values of Select.
const (
	selectAll       = "ALL_ATTRIBUTES"
	selectProjected = "ALL_PROJECTED_ATTRIBUTES"
	selectSpecific  = "SPECIFIC_ATTRIBUTES"
	selectCount     = "COUNT"
)

// readParameters are the parameters that Query and Scan share.
type readParameters struct {
	TableName            *string
	IndexName            *string
	ConsistentRead       bool
	Select               string
	Limit                *int
	ExclusiveStartKey    map[string]any
	FilterExpression     *string
	ProjectionExpression *string
	placeholderParameters
	ReturnConsumedCapacity string
	AttributesToGet        any
	ConditionalOperator    any
}

func (p readParameters) tables() []string { return tableList(p.TableName) }

// readOutput is the answer of Query and Scan.
type readOutput struct {
	Items            *[]attribute.Item `json:",omitempty"`
	Count            int
	ScannedCount     int
	LastEvaluatedKey attribute.Item    `json:",omitempty"`
	ConsumedCapacity *consumedCapacity `json:",omitempty"`
}

func (p readParameters) check(v *violations) {
	v.name("tableName", p.TableName)
	if p.IndexName != nil {
		v.newName("indexName", p.IndexName)
	}
	v.enum("select", p.Select, selectSpecific, selectCount, selectAll, selectProjected)
	v.limit(p.Limit)
	v.returnConsumedCapacity(p.ReturnConsumedCapacity)
}

// checkSelect checks that Select suits the projection and the index; verb is
// what the operation does.
func (p readParameters) checkSelect(verb string) error {
	switch {
	case p.ProjectionExpression != nil && p.Select == selectCount:
		return validationf("Cannot specify the ProjectionExpression when choosing to get only the Count")
	case p.ProjectionExpression != nil && p.Select != "" && p.Select != selectSpecific:
		return validationf("Cannot specify the ProjectionExpression when choosing to get %s", p.Select)
	case p.ProjectionExpression == nil && p.Select == selectSpecific:
		return validationf("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
	case p.Select == selectProjected && p.IndexName == nil:
		return validationf("ALL_PROJECTED_ATTRIBUTES can be used only when %s using an IndexName", verb)
	}
	return nil
}

// read is a query or a scan of a table or an index.
type read struct {
	readParameters
	filter     *expression.Condition  // nil if there is none
	projection *expression.Projection // nil if there is none
	start      attribute.Item         // nil to start at the beginning

	table *table
	index *index // nil to read the table itself
}

// prepareRead parses what Query and Scan share. Whether all placeholders were
// used is for the caller to check.
func (e *Engine) prepareRead(p readParameters, placeholders *expression.Placeholders) (*read, error) {
	r := &read{readParameters: p}
	var err error
	if p.FilterExpression != nil {
		r.filter, err = e.parser.Condition(expression.FilterExpression, *p.FilterExpression, placeholders)
		if err != nil {
			return nil, err
		}
	}
	if p.ProjectionExpression != nil {
		if r.projection, err = e.parser.Projection(*p.ProjectionExpression, placeholders); err != nil {
			return nil, err
		}
	}
	if p.ExclusiveStartKey != nil {
		if r.start, err = attribute.ParseItem(p.ExclusiveStartKey); err != nil {
			return nil, validationf("The provided starting key is invalid: %s", exceptionOf(err).message)
		}
	}
	return r, nil
}

// locate finds the table and the index. The caller holds the lock.
func (r *read) locate(e *Engine) (err error) {
	if r.table, err = e.table(*r.TableName); err != nil {
		return err
	}
	if r.IndexName == nil {
		return r.table.checkNested(r.projection, r.filter)
	}
	r.index = r.table.index(*r.IndexName)
	switch {
	case r.index == nil:
		return validationf("The table does not have the specified index: %s", *r.IndexName)
	case r.index.global && r.ConsistentRead:
		return validationf("Consistent reads are not supported on global secondary indexes")
	case r.index.global && r.Select == selectAll && !r.index.all:
		return invalidParameterf("Select type ALL_ATTRIBUTES is not supported for global secondary index %s "+
			"because its projection type is not ALL", r.index.name)
	}
	if err := r.table.checkNested(r.projection, r.filter); err != nil {
		return err
	}
	return r.checkProjected()
}

// checkProjected refuses to project attributes that a global index does not
// have.
func (r *read) checkProjected() error {
	if r.projection == nil || !r.index.global || r.index.all {
		return nil
	}
	for _, name := range r.projection.Attributes() {
		if !r.index.projected[name] {
			return invalidParameterf("Global secondary index %s does not project [%s]", r.index.name, name)
		}
	}
	return nil
}

// schema returns the key by which items are read.
func (r *read) schema() keySchema {
	if r.index != nil {
		return r.index.schema
	}
	return r.table.schema
}

// startKeyIsWhole reports whether the starting key has the attributes of the
// keys of the table and of the index, and no others, of the right types.
func (r *read) startKeyIsWhole() bool {
	parts := make(map[string]attribute.Kind)
	for _, schema := range []keySchema{r.table.schema, r.schema()} {
		for _, part := range schema.attributes() {
			parts[part.name] = part.kind
		}
	}
	if len(r.start) != len(parts) {
		return false
	}
	for name, value := range r.start {
		if parts[name] != value.Kind() {
			return false
		}
	}
	return true
}

// lastKey returns the key after which the next page starts, if item is the last
// of this one.
func (r *read) lastKey(item attribute.Item) attribute.Item {
	key := r.table.schema.attributesOf(item)
	for name, value := range r.schema().attributesOf(item) {
		key[name] = value
	}
	return key
}

// order returns the order in which items are read.
func (r *read) order() order {
	if r.index != nil {
		return r.index.records
	}
	return r.table.records
}

// startBound returns the bound before (-1) or after (+1) the starting key.
func (r *read) startBound(edge int) place {
	start := placeOf(r.schema().of(r.start), &record{key: r.table.schema.of(r.start)})
	start.edge = edge
	return start
}

// page reads records until the limits of a page.
func (r *read) page(records iter.Seq[*record], consumed *usage) *readOutput {
	out := new(readOutput)
	items := []attribute.Item{}
	size, fetches := 0, units{}
	for stored := range records {
		entry, bytes := stored.item, stored.size
		if r.index != nil {
			entry = r.index.entry(stored.item)
			bytes = entry.Size()
		}
		if r.fetches() {
			entry = stored.item
			fetches.read += readUnits(stored.size, r.ConsistentRead)
		}
		size += bytes
		out.ScannedCount++
		if r.filter == nil || r.filter.Holds(entry) {
			items = append(items, r.selected(entry))
		}
		if size > maxPageBytes || r.Limit != nil && out.ScannedCount == *r.Limit {
			out.LastEvaluatedKey = r.lastKey(stored.item)
			break
		}
	}
	out.Count = len(items)
	if r.Select != selectCount {
		out.Items = &items
	}
	r.consume(consumed, units{read: readUnits(size, r.ConsistentRead)}, fetches)
	out.ConsumedCapacity = consumed.reportOne(r.ReturnConsumedCapacity)
	return out
}

// selected returns the part of an entry that the request selects.
func (r *read) selected(entry attribute.Item) attribute.Item {
	if r.projection == nil {
		return entry
	}
	return r.projection.Apply(entry)
}

// fetches reports whether a local index is asked for attributes that it does not
// have, so that every item is fetched from the table.
func (r *read) fetches() bool {
	if r.index == nil || r.index.global || r.index.all {
		return false
	}
	if r.projection == nil {
		return r.Select == selectAll
	}
	return slices.ContainsFunc(r.projection.Attributes(), func(name string) bool { return !r.index.projected[name] })
}

func (r *read) consume(consumed *usage, page, fetches units) {
	if r.index == nil {
		consumed.add(r.table.name(), page)
		return
	}
	consumed.add(r.table.name(), fetches)
	consumed.addIndex(r.table.name(), r.index, page)
}
