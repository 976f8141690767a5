package expression

import (
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// Operators of key tests that are written as words.
const (
	Between    = opBetween
	BeginsWith = fnBeginsWith
)

// KeyTest is a condition on one attribute of a key.
type KeyTest struct {
	// Attribute is the attribute's name.
	Attribute string
	// Operator is =, <, <=, >, >=, BETWEEN or begins_with.
	Operator string
	// Values are the operator's operands: two for BETWEEN, else one.
	Values []attribute.Value
}

// Holds reports whether the test holds for a value of the attribute.
func (t KeyTest) Holds(value attribute.Value) bool {
	switch t.Operator {
	case opBetween:
		return compares(">=", value, t.Values[0]) && compares("<=", value, t.Values[1])
	case fnBeginsWith:
		return beginsWith(value, t.Values[0])
	default:
		return compares(t.Operator, value, t.Values[0])
	}
}

// KeyConditions parses and binds a key condition expression: tests of different
// attributes, all of which must hold. Which attributes and operators suit is for
// the caller, who knows the key.
func (p *Parser) KeyConditions(text string, placeholders *Placeholders) ([]KeyTest, error) {
	tree, err := parse(p, "key condition", conditionGrammar, text, shapeCondition)
	if err != nil {
		return nil, invalid(KeyConditionExpression, err)
	}
	bound, err := tree.bind(placeholders)
	if err != nil {
		return nil, invalid(KeyConditionExpression, err)
	}
	return keyTests(bound)
}

func keyTests(tree *logic) ([]KeyTest, error) {
	if err := checkKeyOperators(tree); err != nil {
		return nil, err
	}
	var tests []KeyTest
	seen := make(map[string]bool)
	err := tree.walk(func(t *test) error {
		keyTest, err := keyTest(t)
		if err != nil {
			return err
		}
		if seen[keyTest.Attribute] {
			return &Error{Message: "KeyConditionExpressions must only contain one condition per key"}
		}
		seen[keyTest.Attribute] = true
		tests = append(tests, keyTest)
		return nil
	})
	return tests, err
}

// checkKeyOperators refuses what key conditions don't have.
func checkKeyOperators(tree *logic) error {
	refuse := func(operator string) error {
		return &Error{Message: "Invalid operator used in KeyConditionExpression: " + operator}
	}
	switch tree.connective {
	case isOr:
		return refuse("OR")
	case isNot:
		return refuse("NOT")
	case isAnd:
		for _, term := range tree.terms {
			if err := checkKeyOperators(term); err != nil {
				return err
			}
		}
		return nil
	}
	if t := tree.test; t.operator == "<>" || t.operator == opIn || t.call && t.operator != fnBeginsWith {
		return refuse(t.operator)
	}
	return nil
}

// mirrored are the comparators that say the same with the operands exchanged.
var mirrored = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func keyTest(t *test) (KeyTest, error) {
	refuse := func(message string) (KeyTest, error) { return KeyTest{}, &Error{Message: message} }
	key, paths := -1, 0
	for i, o := range t.operands {
		switch {
		case o.call != nil:
			return refuse("KeyConditionExpressions cannot contain nested operations")
		case o.isPath():
			key = i
			paths++
		}
	}
	switch {
	case paths > 1:
		return refuse("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
	case paths == 0:
		return refuse("Invalid condition in KeyConditionExpression: No key attribute specified")
	case len(t.operands[key].bound) > 1:
		return refuse("KeyConditionExpressions cannot have conditions on nested attributes")
	}
	operator := t.operator
	if key > 0 {
		exchanged, comparator := mirrored[operator]
		if !comparator {
			return refuse("Invalid condition in KeyConditionExpression: " + operator +
				" operator must have the key attribute as its first operand")
		}
		operator = exchanged
	}
	test := KeyTest{Attribute: t.operands[key].bound[0].Name, Operator: operator}
	for i, o := range t.operands {
		if i != key {
			test.Values = append(test.Values, o.given)
		}
	}
	return test, nil
}
