package dynamolocal

import (
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/expression"
)

// writeParameters are the parameters that operations writing one item share.
type writeParameters struct {
	TableName           *string
	ConditionExpression *string
	placeholderParameters
	ReturnValuesOnConditionCheckFailure string
}

func (p writeParameters) tables() []string { return tableList(p.TableName) }

func tableList(name *string) []string {
	if name == nil {
		return nil
	}
	return []string{*name}
}

// itemOptions are further parameters of PutItem, UpdateItem and DeleteItem.
type itemOptions struct {
	ReturnConsumedCapacity      string
	ReturnItemCollectionMetrics string
	ReturnValues                string
	Expected                    any
	ConditionalOperator         any
}

// itemOutput is the answer of PutItem, UpdateItem and DeleteItem.
type itemOutput struct {
	Attributes       attribute.Item    `json:",omitempty"`
	ConsumedCapacity *consumedCapacity `json:",omitempty"`
}

type putItemInput struct {
	writeParameters
	itemOptions
	Item map[string]any
}

type updateItemInput struct {
	writeParameters
	itemOptions
	Key              map[string]any
	UpdateExpression *string
	AttributeUpdates any
}

type deleteItemInput struct {
	writeParameters
	itemOptions
	Key map[string]any
}

// check checks the parameters that the three operations share; required is the
// one with the item or its key. The service checks the table's name first, and
// has a wording of its own for the rest.
func (o itemOptions) check(p writeParameters, required string, present bool) error {
	var v violations
	if p.TableName != nil && *p.TableName == "" {
		v = append(v, "Value at 'TableName' failed to satisfy constraint: Member must have length greater than or equal to 1")
		return v.err()
	}
	v.name("tableName", p.TableName)
	if len(v) > 0 {
		return v.err()
	}
	v.returnConsumedCapacity(o.ReturnConsumedCapacity)
	o.checkReturnValues(&v)
	if metrics := o.ReturnItemCollectionMetrics; metrics != "" && metrics != "SIZE" && metrics != "NONE" {
		v = append(v, "ReturnItemCollectionMetrics can only be SIZE or NONE")
	}
	v.returnOnFailure("returnValuesOnConditionCheckFailure", p.ReturnValuesOnConditionCheckFailure)
	v.require(required, present)
	return v.err()
}

func (o itemOptions) checkReturnValues(v *violations) {
	switch o.ReturnValues {
	case "", returnNone, returnAllOld, returnAllNew, returnUpdatedOld, returnUpdatedNew:
	default:
		// UPDATE_NEW is the service's own slip.
		*v = append(*v, "Failed to satisfy constraint: Member must satisfy enum value set: [ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]")
	}
}

func (o itemOptions) legacy() []legacy {
	return []legacy{{"Expected", o.Expected}, {"ConditionalOperator", o.ConditionalOperator}}
}

// checkReturnOld refuses values to return that only UpdateItem has.
func (o itemOptions) checkReturnOld() error {
	switch o.ReturnValues {
	case "", returnNone, returnAllOld:
		return nil
	}
	return validationf("ReturnValues can only be ALL_OLD or NONE")
}

func (e *Engine) putItem(in putItemInput, consumed *usage) (any, error) {
	w, err := in.prepare(e)
	if err != nil {
		return nil, envelope(err)
	}
	done, err := e.runWrite(w, consumed)
	if err != nil {
		return nil, err
	}
	return in.output(done, consumed), nil
}

func (in putItemInput) prepare(e *Engine) (*write, error) {
	if err := in.check(in.writeParameters, "item", in.Item != nil); err != nil {
		return nil, err
	}
	if err := refuseLegacy(in.legacy(), map[expression.Field]*string{
		expression.ConditionExpression: in.ConditionExpression,
	}); err != nil {
		return nil, err
	}
	if err := in.checkReturnOld(); err != nil {
		return nil, err
	}
	return e.preparePut(in.writeParameters, in.Item)
}

func (e *Engine) deleteItem(in deleteItemInput, consumed *usage) (any, error) {
	w, err := in.prepare(e)
	if err != nil {
		return nil, envelope(err)
	}
	done, err := e.runWrite(w, consumed)
	if err != nil {
		return nil, err
	}
	return in.output(done, consumed), nil
}

func (in deleteItemInput) prepare(e *Engine) (*write, error) {
	if err := in.check(in.writeParameters, "key", in.Key != nil); err != nil {
		return nil, err
	}
	if err := refuseLegacy(in.legacy(), map[expression.Field]*string{
		expression.ConditionExpression: in.ConditionExpression,
	}); err != nil {
		return nil, err
	}
	if err := in.checkReturnOld(); err != nil {
		return nil, err
	}
	return e.prepareDelete(in.writeParameters, in.Key)
}

func (e *Engine) updateItem(in updateItemInput, consumed *usage) (any, error) {
	w, err := in.prepare(e)
	if err != nil {
		return nil, envelope(err)
	}
	done, err := e.runWrite(w, consumed)
	if err != nil {
		return nil, err
	}
	out := in.output(done, consumed)
	switch in.ReturnValues {
	case returnAllNew:
		out.Attributes = done.item
	case returnUpdatedNew:
		out.Attributes = done.updated(done.item)
	case returnUpdatedOld:
		out.Attributes = done.updated(done.old)
	}
	return out, nil
}

func (in updateItemInput) prepare(e *Engine) (*write, error) {
	// Of several parameters that are wrong UpdateItem names this one alone.
	var v violations
	if in.checkReturnValues(&v); len(v) > 0 && in.TableName != nil && *in.TableName != "" {
		return nil, v.err()
	}
	if err := in.check(in.writeParameters, "key", in.Key != nil); err != nil {
		return nil, err
	}
	if err := refuseLegacy(append(in.legacy(), legacy{"AttributeUpdates", in.AttributeUpdates}), map[expression.Field]*string{
		expression.ConditionExpression: in.ConditionExpression,
		expression.UpdateExpression:    in.UpdateExpression,
	}); err != nil {
		return nil, err
	}
	return e.prepareUpdate(in.writeParameters, in.Key, in.UpdateExpression)
}

// output is the answer to an operation that is done.
func (o itemOptions) output(done *outcome, consumed *usage) *itemOutput {
	out := &itemOutput{ConsumedCapacity: consumed.reportOne(o.ReturnConsumedCapacity)}
	if o.ReturnValues == returnAllOld {
		out.Attributes = done.old
	}
	return out
}

// runWrite makes a write of its own, not part of a transaction.
func (e *Engine) runWrite(w *write, consumed *usage) (*outcome, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := w.locate(e); err != nil {
		return nil, err
	}
	done, err := w.evaluate()
	if err != nil {
		if exceptionOf(err).name == conditionalCheckFailed {
			// A failed condition costs as much as writing the item that it found.
			consumed.add(w.table.name(), units{write: writeUnits(done.oldSize, 0)})
		}
		return nil, err
	}
	if err := e.commit(done.changes(), nil); err != nil {
		return nil, err
	}
	done.consume(consumed, 1)
	return done, nil
}

type getItemInput struct {
	TableName                *string
	Key                      map[string]any
	ConsistentRead           bool
	ProjectionExpression     *string
	ExpressionAttributeNames map[string]string
	ReturnConsumedCapacity   string
	AttributesToGet          any
}

func (in getItemInput) tables() []string { return tableList(in.TableName) }

type getItemOutput struct {
	Item             *attribute.Item   `json:",omitempty"`
	ConsumedCapacity *consumedCapacity `json:",omitempty"`
}

func (e *Engine) getItem(in getItemInput, consumed *usage) (any, error) {
	var v violations
	v.name("tableName", in.TableName)
	v.returnConsumedCapacity(in.ReturnConsumedCapacity)
	v.require("key", in.Key != nil)
	if err := v.err(); err != nil {
		return nil, err
	}
	if err := refuseLegacy([]legacy{{"AttributesToGet", in.AttributesToGet}}, map[expression.Field]*string{
		expression.ProjectionExpression: in.ProjectionExpression,
	}); err != nil {
		return nil, err
	}
	get, err := e.prepareGet(in.TableName, in.Key, in.ProjectionExpression, in.ExpressionAttributeNames)
	if err != nil {
		return nil, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if err := get.locate(e); err != nil {
		return nil, err
	}
	item, size := get.read()
	consumed.add(get.table.name(), units{read: readUnits(size, in.ConsistentRead)})
	return &getItemOutput{Item: item, ConsumedCapacity: consumed.reportOne(in.ReturnConsumedCapacity)}, nil
}

// get reads one item, alone or in a transaction.
type get struct {
	tableName  string
	rawKey     attribute.Item
	projection *expression.Projection // nil for the whole item

	table *table
	key   primaryKey
}

func (e *Engine) prepareGet(name *string, rawKey map[string]any, projection *string, names map[string]string) (*get, error) {
	key, err := attribute.ParseItem(rawKey)
	if err != nil {
		return nil, err
	}
	g := &get{tableName: *name, rawKey: key}
	placeholders, err := placeholderParameters{ExpressionAttributeNames: names}.placeholders(projection)
	if err != nil || projection == nil {
		return g, err
	}
	if g.projection, err = e.parser.Projection(*projection, placeholders); err != nil {
		return nil, err
	}
	return g, placeholders.Unused()
}

// locate finds the table and the key in it. The caller holds the lock.
func (g *get) locate(e *Engine) (err error) {
	if g.table, err = e.table(g.tableName); err != nil {
		return err
	}
	if g.key, err = g.table.keyOf(g.rawKey); err != nil {
		return err
	}
	return g.table.checkNested(g.projection)
}

// read returns the item, nil if it does not exist, and the size of all of it.
func (g *get) read() (item *attribute.Item, size int) {
	found := g.table.get(g.key)
	if found == nil {
		return nil, 0
	}
	read := found.item
	if g.projection != nil {
		read = g.projection.Apply(read)
	}
	return &read, found.size
}
