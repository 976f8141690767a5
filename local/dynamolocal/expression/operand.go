package expression

import (
	"strconv"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// operand is what operators and functions apply to: a reference to a path or to
// a placeholder's value, or a call. Before binding a path has placeholders for
// names, and a value has none.
type operand struct {
	path  []rawStep       // a path, as it was written
	bound Path            // the path, once bound
	value string          // a placeholder's name
	given attribute.Value // the placeholder's value, once bound
	call  *call           // a function's call
}

// rawStep is a step of a path as it was written.
type rawStep struct {
	name    string // a name, its placeholder or the digits of an index
	index   int
	indexed bool
}

// outOfRange stands for an index that no list has.
const outOfRange = -1

// call is a function and its arguments.
type call struct {
	function string
	args     []*operand
}

func (o *operand) isPath() bool { return o.path != nil }

// literal returns the type of the operand's value if the request gives it, ""
// if it depends on the item.
func (o *operand) literal() attribute.Kind {
	if o.given == nil {
		return ""
	}
	return o.given.Kind()
}

// maxPathDepth is the number of steps of the longest path.
const maxPathDepth = 32

// shapePath makes steps of a path's syntax. An index that is too large is left
// for checkPath to refuse.
func shapePath(node *pathNode) []rawStep {
	steps := make([]rawStep, 0, 1+len(node.Tail))
	steps = append(steps, rawStep{name: node.Head})
	for _, step := range node.Tail {
		if step.Index == "" {
			steps = append(steps, rawStep{name: step.Name})
			continue
		}
		index, err := strconv.ParseInt(step.Index, 10, 32)
		if err != nil {
			index = outOfRange
		}
		steps = append(steps, rawStep{name: step.Index, index: int(index), indexed: true})
	}
	return steps
}

// checkPath refuses a path with a reserved word for a name, with an index out of
// range, or too long.
func checkPath(path []rawStep) error {
	for _, step := range path {
		switch {
		case step.index == outOfRange:
			return problemf("List index is not within the allowable range; index: [%s]", step.name)
		case !step.indexed && reserved(step.name):
			return reservedWord(step.name)
		}
	}
	if len(path) > maxPathDepth {
		return problemf("The document path has too many nesting levels; nesting levels: %d", len(path))
	}
	return nil
}

// bindPath replaces the placeholders for names.
func bindPath(path []rawStep, placeholders *Placeholders) (Path, error) {
	bound := make(Path, len(path))
	for i, step := range path {
		switch {
		case step.indexed:
			bound[i] = Step{Index: step.index, Indexed: true}
		case strings.HasPrefix(step.name, "#"):
			name, err := placeholders.name(step.name)
			if err != nil {
				return nil, err
			}
			bound[i] = Step{Name: name}
		default:
			bound[i] = Step{Name: step.name}
		}
	}
	return bound, nil
}

// bind returns a copy of the operand with the placeholders replaced.
func (o *operand) bind(placeholders *Placeholders) (*operand, error) {
	bound := *o
	switch {
	case o.isPath():
		path, err := bindPath(o.path, placeholders)
		if err != nil {
			return nil, err
		}
		bound.bound = path
	case o.call != nil:
		args, err := bindAll(o.call.args, placeholders)
		if err != nil {
			return nil, err
		}
		bound.call = &call{function: o.call.function, args: args}
	default:
		value, err := placeholders.value(o.value)
		if err != nil {
			return nil, err
		}
		bound.given = value
	}
	return &bound, nil
}

func bindAll(operands []*operand, placeholders *Placeholders) ([]*operand, error) {
	bound := make([]*operand, len(operands))
	for i, operand := range operands {
		var err error
		if bound[i], err = operand.bind(placeholders); err != nil {
			return nil, err
		}
	}
	return bound, nil
}

// walk calls visit for the operand and, before it, for those in its arguments.
func (o *operand) walk(visit func(*operand) error) error {
	if o.call != nil {
		for _, arg := range o.call.args {
			if err := arg.walk(visit); err != nil {
				return err
			}
		}
	}
	return visit(o)
}
