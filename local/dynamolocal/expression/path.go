package expression

import (
	"strconv"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// Path leads to an attribute or into a document: a.b[0]. Its first step is a
// name.
type Path []Step

// Step is one step of a path: the name of an attribute or of a map's element, or
// the index of a list's element.
type Step struct {
	Name  string
	Index int
	// Indexed reports whether the step is Index; otherwise it is Name.
	Indexed bool
}

// Resolve returns the value at the path in item, nil if there is none.
func (p Path) Resolve(item attribute.Item) attribute.Value {
	value := item[p[0].Name]
	for _, step := range p[1:] {
		switch document := value.(type) {
		case attribute.Map:
			if step.Indexed {
				return nil
			}
			value = document[step.Name]
		case attribute.List:
			if !step.Indexed || step.Index >= len(document) {
				return nil
			}
			value = document[step.Index]
		default:
			return nil
		}
	}
	return value
}

// appendNested appends the name of the attribute into which the path leads, if it
// leads into one.
func appendNested(names []string, path Path) []string {
	if len(path) > 1 {
		names = append(names, path[0].Name)
	}
	return names
}

// String returns the path as DynamoDB's messages show it: [a, b, [0]].
func (p Path) String() string {
	steps := make([]string, len(p))
	for i, step := range p {
		steps[i] = step.Name
		if step.Indexed {
			steps[i] = "[" + strconv.Itoa(step.Index) + "]"
		}
	}
	return "[" + strings.Join(steps, ", ") + "]"
}

// equal reports whether p and q are the same path.
func (p Path) equal(q Path) bool {
	relation, same := p.relation(q)
	return relation == overlapping && same
}

type pathRelation int

const (
	separate    pathRelation = iota
	overlapping              // one leads to the other or to something within it
	conflicting              // they take one value for a map and for a list
)

func (p Path) relation(q Path) (relation pathRelation, sameLength bool) {
	for i := range min(len(p), len(q)) {
		if p[i].Indexed != q[i].Indexed {
			return conflicting, false
		}
		if p[i] != q[i] {
			return separate, false
		}
	}
	return overlapping, len(p) == len(q)
}

// checkDisjoint refuses paths of which two overlap or conflict.
func checkDisjoint(paths []Path) error {
	const remedy = "must remove or rewrite one of these paths; path one: %s, path two: %s"
	for _, wanted := range []struct {
		relation pathRelation
		message  string
	}{
		{overlapping, "Two document paths overlap with each other; " + remedy},
		{conflicting, "Two document paths conflict with each other; " + remedy},
	} {
		for i, second := range paths {
			for _, first := range paths[:i] {
				if relation, _ := first.relation(second); relation == wanted.relation {
					return problemf(wanted.message, first, second)
				}
			}
		}
	}
	return nil
}
