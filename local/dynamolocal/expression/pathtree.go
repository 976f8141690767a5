package expression

import (
	"maps"
	"slices"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// pathTree holds disjoint paths by their steps, with something at the end of
// each.
type pathTree[T any] struct {
	end     *T
	names   map[string]*pathTree[T]
	indices map[int]*pathTree[T]
}

// insert adds a path that is disjoint from those in the tree.
func (t *pathTree[T]) insert(path Path, end T) {
	for _, step := range path {
		t = t.child(step)
	}
	t.end = &end
}

func (t *pathTree[T]) child(step Step) *pathTree[T] {
	if step.Indexed {
		return childOf(&t.indices, step.Index)
	}
	return childOf(&t.names, step.Name)
}

func childOf[K comparable, T any](children *map[K]*pathTree[T], key K) *pathTree[T] {
	if *children == nil {
		*children = make(map[K]*pathTree[T])
	}
	child, ok := (*children)[key]
	if !ok {
		child = new(pathTree[T])
		(*children)[key] = child
	}
	return child
}

// sortedIndices returns the indices of the tree's first step in their order.
func (t *pathTree[T]) sortedIndices() []int { return slices.Sorted(maps.Keys(t.indices)) }

// project returns the attributes and parts of documents of item to which the
// paths lead: maps reduced to the elements named, lists to the elements indexed,
// in their order and without gaps.
func project(item attribute.Item, paths []Path) attribute.Item {
	tree := new(pathTree[struct{}])
	for _, path := range paths {
		tree.insert(path, struct{}{})
	}
	projected := make(attribute.Item, len(tree.names))
	for name, child := range tree.names {
		if part := extract(item[name], child); part != nil {
			projected[name] = part
		}
	}
	return projected
}

// extract returns the part of value that tree selects, nil if there is none.
func extract(value attribute.Value, tree *pathTree[struct{}]) attribute.Value {
	if value == nil || tree.end != nil {
		return value
	}
	switch document := value.(type) {
	case attribute.Map:
		part := make(attribute.Map, len(tree.names))
		for name, child := range tree.names {
			if element := extract(document[name], child); element != nil {
				part[name] = element
			}
		}
		if len(part) > 0 {
			return part
		}
	case attribute.List:
		var part attribute.List
		for _, index := range tree.sortedIndices() {
			if index >= len(document) {
				break
			}
			if element := extract(document[index], tree.indices[index]); element != nil {
				part = append(part, element)
			}
		}
		if len(part) > 0 {
			return part
		}
	}
	return nil
}
