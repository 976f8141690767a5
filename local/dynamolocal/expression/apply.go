package expression

import (
	"maps"
	"slices"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// What can be wrong with an update of a certain item.
var (
	errNoAttribute = &Error{Message: "The provided expression refers to an attribute that does not exist in the item"}
	errOperandType = &Error{Message: "An operand in the update expression has an incorrect data type"}
	errInvalidPath = &Error{Message: "The document path provided in the update expression is invalid for update"}
)

// Apply returns item changed by the update. All operands are evaluated against
// item as it is, whatever the order of the clauses. Item itself is not changed;
// the result shares with it the values that stay.
func (u *Update) Apply(item attribute.Item) (attribute.Item, error) {
	tree := new(pathTree[change])
	for _, action := range u.actions {
		change, err := action.change(item)
		if err != nil {
			return nil, err
		}
		tree.insert(action.path, change)
	}
	changed, err := applyToMap(tree, attribute.Map(item))
	return attribute.Item(changed), err
}

// change makes the new value of what is at a path from the old one. Either is
// nil for what does not exist.
type change func(old attribute.Value) (attribute.Value, error)

// change returns what the action does, having evaluated its operand.
func (a *action) change(item attribute.Item) (change, error) {
	if a.clause == clauseRemove {
		return func(attribute.Value) (attribute.Value, error) { return nil, nil }, nil
	}
	value, err := a.operand.compute(item)
	if err != nil {
		return nil, err
	}
	return func(old attribute.Value) (attribute.Value, error) {
		switch a.clause {
		case clauseAdd:
			return add(old, value)
		case clauseDelete:
			return remove(old, value)
		default:
			return value, nil
		}
	}, nil
}

// compute returns the value of an operand of SET.
func (o *operand) compute(item attribute.Item) (attribute.Value, error) {
	switch {
	case o.isPath():
		if value := o.bound.Resolve(item); value != nil {
			return value, nil
		}
		return nil, errNoAttribute
	case o.call != nil:
		return o.call.compute(item)
	default:
		return o.given, nil
	}
}

func (c *call) compute(item attribute.Item) (attribute.Value, error) {
	if c.function == fnIfNotExists {
		if value := c.args[0].bound.Resolve(item); value != nil {
			return value, nil
		}
		return c.args[1].compute(item)
	}
	left, err := c.args[0].compute(item)
	if err != nil {
		return nil, err
	}
	right, err := c.args[1].compute(item)
	if err != nil {
		return nil, err
	}
	switch c.function {
	case fnListAppend:
		return appendLists(left, right)
	case fnPlus:
		return calculate(left, right, attribute.Number.Add)
	default:
		return calculate(left, right, attribute.Number.Sub)
	}
}

func appendLists(left, right attribute.Value) (attribute.Value, error) {
	first, ok := left.(attribute.List)
	second, alsoOK := right.(attribute.List)
	if !ok || !alsoOK {
		return nil, errOperandType
	}
	return slices.Concat(first, second), nil
}

func calculate(
	left, right attribute.Value, operation func(a, b attribute.Number) (attribute.Number, error),
) (attribute.Value, error) {
	first, ok := left.(attribute.Number)
	second, alsoOK := right.(attribute.Number)
	if !ok || !alsoOK {
		return nil, errOperandType
	}
	result, err := operation(first, second)
	if err != nil {
		return nil, err
	}
	return result, nil
}

// add is ADD: of a number to a number, of elements to a set. What does not exist
// counts as 0 or as the empty set.
func add(old, value attribute.Value) (attribute.Value, error) {
	if old == nil {
		return value, nil
	}
	if value.Kind() == attribute.KindNumber {
		return calculate(old, value, attribute.Number.Add)
	}
	union, ok := attribute.Union(old, value)
	if !ok {
		return nil, errOperandType
	}
	return union, nil
}

// remove is DELETE: of elements from a set. A set without elements ceases to
// exist.
func remove(old, value attribute.Value) (attribute.Value, error) {
	if old == nil {
		return nil, nil
	}
	rest, ok := attribute.Difference(old, value)
	if !ok {
		return nil, errOperandType
	}
	return rest, nil
}

// apply returns old with the changes of the tree: the change at its end, or
// those within a document, which must exist and be of the right type.
func apply(t *pathTree[change], old attribute.Value) (attribute.Value, error) {
	if t.end != nil {
		return (*t.end)(old)
	}
	switch document := old.(type) {
	case attribute.Map:
		if t.names != nil {
			return applyToMap(t, document)
		}
	case attribute.List:
		if t.indices != nil {
			return applyToList(t, document)
		}
	}
	return nil, errInvalidPath
}

func applyToMap(t *pathTree[change], old attribute.Map) (attribute.Map, error) {
	changed := maps.Clone(old)
	if changed == nil {
		changed = make(attribute.Map)
	}
	for name, child := range t.names {
		value, err := apply(child, old[name])
		if err != nil {
			return nil, err
		}
		if value == nil {
			delete(changed, name)
			continue
		}
		changed[name] = value
	}
	return changed, nil
}

// applyToList changes the elements that exist in place, adds those beyond the
// end in the order of their indices, and closes the gaps of those removed.
func applyToList(t *pathTree[change], old attribute.List) (attribute.List, error) {
	changed := slices.Clone(old)
	for _, index := range t.sortedIndices() {
		var element attribute.Value
		if index < len(old) {
			element = old[index]
		}
		value, err := apply(t.indices[index], element)
		if err != nil {
			return nil, err
		}
		if index < len(old) {
			changed[index] = value
		} else {
			changed = append(changed, value)
		}
	}
	return slices.DeleteFunc(changed, func(element attribute.Value) bool { return element == nil }), nil
}
