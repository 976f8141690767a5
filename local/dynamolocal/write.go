package dynamolocal

import (
	"maps"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/expression"
)

// maxItemBytes is the size of the largest item.
const maxItemBytes = 400 << 10

// write is a put, an update, a deletion or a check of one item, alone or in a
// transaction.
type write struct {
	kind      writeKind
	tableName string
	item      attribute.Item        // of a put
	rawKey    attribute.Item        // of the others
	condition *expression.Condition // nil if there is none
	update    *expression.Update    // of an update, nil if it changes nothing
	returnOld bool                  // return the item if the condition fails

	table *table
	key   primaryKey
}

type writeKind int

const (
	putKind writeKind = iota
	updateKind
	deleteKind
	checkKind
)

func (e *Engine) preparePut(p writeParameters, rawItem map[string]any) (*write, error) {
	item, err := attribute.ParseItem(rawItem)
	if err != nil {
		return nil, err
	}
	w := &write{kind: putKind, item: item}
	if err := e.prepare(w, p, nil); err != nil {
		return nil, err
	}
	if item.Size() > maxItemBytes {
		return nil, &exception{name: validation, message: "Item size has exceeded the maximum allowed size", bare: true}
	}
	return w, nil
}

func (e *Engine) prepareUpdate(p writeParameters, rawKey map[string]any, update *string) (*write, error) {
	w := &write{kind: updateKind}
	return w, e.prepareKeyed(w, p, rawKey, update)
}

func (e *Engine) prepareDelete(p writeParameters, rawKey map[string]any) (*write, error) {
	w := &write{kind: deleteKind}
	return w, e.prepareKeyed(w, p, rawKey, nil)
}

func (e *Engine) prepareCheck(p writeParameters, rawKey map[string]any) (*write, error) {
	w := &write{kind: checkKind}
	return w, e.prepareKeyed(w, p, rawKey, nil)
}

func (e *Engine) prepareKeyed(w *write, p writeParameters, rawKey map[string]any, update *string) (err error) {
	if w.rawKey, err = attribute.ParseItem(rawKey); err != nil {
		return err
	}
	return e.prepare(w, p, update)
}

// prepare does what does not need the table: it parses the expressions.
func (e *Engine) prepare(w *write, p writeParameters, update *string) error {
	w.tableName = *p.TableName
	w.returnOld = p.ReturnValuesOnConditionCheckFailure == returnAllOld
	placeholders, err := p.placeholders(p.ConditionExpression, update)
	if err != nil {
		return err
	}
	if update != nil {
		if w.update, err = e.parser.Update(*update, placeholders); err != nil {
			return err
		}
	}
	if p.ConditionExpression != nil {
		w.condition, err = e.parser.Condition(expression.ConditionExpression, *p.ConditionExpression, placeholders)
		if err != nil {
			return err
		}
	}
	return placeholders.Unused()
}

// locate finds the table and the key in it. The caller holds the lock.
func (w *write) locate(e *Engine) (err error) {
	if w.table, err = e.table(w.tableName); err != nil {
		return err
	}
	if w.kind != putKind {
		if w.key, err = w.table.keyOf(w.rawKey); err != nil {
			return err
		}
		if err := w.checkKeysUnchanged(); err != nil {
			return err
		}
		return w.table.checkNested(w.update, w.condition)
	}
	if w.key, err = w.table.keyOfItem(w.item); err != nil {
		return err
	}
	if err := w.table.checkIndexKeys(w.item, false); err != nil {
		return err
	}
	return w.table.checkNested(w.condition)
}

// checkKeysUnchanged refuses an update of the attributes of the key.
func (w *write) checkKeysUnchanged() error {
	if w.update == nil {
		return nil
	}
	for _, name := range w.update.Attributes() {
		if w.table.schema.has(name) {
			return invalidParameterf("Cannot update attribute %s. This attribute is part of the key", name)
		}
	}
	return nil
}

// outcome is what a write found and what it leaves.
type outcome struct {
	write   *write
	old     attribute.Item // nil if the item did not exist
	oldSize int
	item    attribute.Item // nil if it does not exist any more
}

// evaluate checks the condition and makes the new item, without storing it. If
// the condition fails it returns the outcome with the exception.
func (w *write) evaluate() (*outcome, error) {
	done := &outcome{write: w}
	if found := w.table.get(w.key); found != nil {
		done.old, done.oldSize = found.item, found.size
	}
	if w.condition != nil && !w.condition.Holds(done.old) {
		failed := &exception{name: conditionalCheckFailed, message: "The conditional request failed"}
		if w.returnOld {
			failed.item = done.old
		}
		return done, failed
	}
	switch w.kind {
	case putKind:
		done.item = w.item
	case updateKind:
		var err error
		if done.item, err = w.apply(done.old); err != nil {
			return nil, err
		}
	case checkKind:
		done.item = done.old
	}
	return done, nil
}

// apply returns the item that the update makes of old.
func (w *write) apply(old attribute.Item) (attribute.Item, error) {
	if old == nil && w.update != nil && w.update.OnlyRemoves() {
		return nil, nil // there is nothing to remove, and so nothing to create
	}
	item := old
	if item == nil {
		item = maps.Clone(w.rawKey)
	}
	if w.update == nil {
		return item, nil
	}
	item, err := w.update.Apply(item)
	if err != nil {
		return nil, err
	}
	if err := attribute.CheckDepth(item); err != nil {
		return nil, err
	}
	if item.Size() > maxItemBytes {
		return nil, mismatchf("Item size to update has exceeded the maximum allowed size")
	}
	return item, w.table.checkIndexKeys(item, true)
}

// changes returns what to store.
func (o *outcome) changes() []change {
	if o.write.kind == checkKind || o.item == nil && o.old == nil {
		return nil
	}
	return []change{{table: o.write.table, key: o.write.key, item: o.item}}
}

// updated returns the parts of item that an update names.
func (o *outcome) updated(item attribute.Item) attribute.Item {
	if o.write.update == nil || item == nil {
		return nil
	}
	return o.write.update.Project(item)
}

// consume counts the capacity that the write costs: of the table times factor,
// of its indexes once.
func (o *outcome) consume(consumed *usage, factor float64) {
	t := o.write.table
	size := 0
	if o.item != nil {
		size = o.item.Size()
	}
	consumed.add(t.name(), units{write: factor * writeUnits(o.oldSize, size)})
	if o.write.kind == checkKind {
		return
	}
	for _, on := range t.indexes {
		consumed.addIndex(t.name(), on, units{write: on.writeUnits(o.old, o.item)})
	}
}
