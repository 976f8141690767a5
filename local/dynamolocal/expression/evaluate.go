package expression

import (
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

func (l *logic) holds(item attribute.Item) bool {
	holds := func(term *logic) bool { return term.holds(item) }
	switch l.connective {
	case isAnd:
		return !slices.ContainsFunc(l.terms, func(term *logic) bool { return !holds(term) })
	case isOr:
		return slices.ContainsFunc(l.terms, holds)
	case isNot:
		return !holds(l.terms[0])
	default:
		return l.test.holds(item)
	}
}

func (t *test) holds(item attribute.Item) bool {
	first := t.operands[0].evaluate(item)
	rest := t.operands[1:]
	switch t.operator {
	case fnExists:
		return first != nil
	case fnNotExists:
		return first == nil
	case fnType:
		return first != nil && first.Kind() == attribute.Kind(rest[0].given.(attribute.String))
	case fnBeginsWith:
		return beginsWith(first, rest[0].evaluate(item))
	case fnContains:
		return contains(first, rest[0].evaluate(item))
	case opIn:
		return slices.ContainsFunc(rest, func(o *operand) bool { return equal(first, o.evaluate(item)) })
	case opBetween:
		return compares(">=", first, rest[0].evaluate(item)) && compares("<=", first, rest[1].evaluate(item))
	default:
		return compares(t.operator, first, rest[0].evaluate(item))
	}
}

// evaluate returns the operand's value for the item, nil if it has none.
func (o *operand) evaluate(item attribute.Item) attribute.Value {
	switch {
	case o.isPath():
		return o.bound.Resolve(item)
	case o.call != nil:
		return size(o.call.args[0].evaluate(item))
	default:
		return o.given
	}
}

// equal is the equality of conditions: what does not exist equals nothing.
func equal(a, b attribute.Value) bool { return a != nil && attribute.Equal(a, b) }

func compares(operator string, a, b attribute.Value) bool {
	switch operator {
	case "=":
		return equal(a, b)
	case "<>":
		return !equal(a, b)
	}
	order, comparable := attribute.Compare(a, b)
	if !comparable {
		return false
	}
	switch operator {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

func beginsWith(value, prefix attribute.Value) bool {
	switch value := value.(type) {
	case attribute.String:
		text, ok := prefix.(attribute.String)
		return ok && strings.HasPrefix(string(value), string(text))
	case attribute.Binary:
		binary, ok := prefix.(attribute.Binary)
		return ok && strings.HasPrefix(string(value), string(binary))
	}
	return false
}

// contains reports whether a string or binary has part within it, or a set or
// list has it for an element.
func contains(value, part attribute.Value) bool {
	switch value := value.(type) {
	case attribute.String:
		text, ok := part.(attribute.String)
		return ok && strings.Contains(string(value), string(text))
	case attribute.Binary:
		binary, ok := part.(attribute.Binary)
		return ok && strings.Contains(string(value), string(binary))
	case attribute.StringSet:
		text, ok := part.(attribute.String)
		return ok && slices.Contains(value, string(text))
	case attribute.NumberSet:
		number, ok := part.(attribute.Number)
		return ok && slices.Contains(value, number)
	case attribute.BinarySet:
		binary, ok := part.(attribute.Binary)
		return ok && slices.Contains(value, binary)
	case attribute.List:
		return slices.ContainsFunc(value, func(element attribute.Value) bool { return equal(element, part) })
	}
	return false
}

// size is the function of that name: the length of a string in UTF-16 code units,
// so that a character outside the basic plane counts as two, of a binary in
// bytes, and the number of a collection's elements. Other types have no size.
func size(value attribute.Value) attribute.Value {
	count := 0
	switch value := value.(type) {
	case attribute.String:
		for _, character := range value {
			count += utf16.RuneLen(character)
		}
	case attribute.Binary:
		count = len(value)
	case attribute.StringSet:
		count = len(value)
	case attribute.NumberSet:
		count = len(value)
	case attribute.BinarySet:
		count = len(value)
	case attribute.List:
		count = len(value)
	case attribute.Map:
		count = len(value)
	default:
		return nil
	}
	return attribute.NumberOf(int64(count))
}
