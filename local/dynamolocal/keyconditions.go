package dynamolocal

import (
	"maps"
	"slices"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/expression"
)

// condition is a test of one attribute in the parameter KeyConditions, which is
// of the time before expressions but what some clients send.
type condition struct {
	ComparisonOperator string
	AttributeValueList []any
}

// keyOperators are the operators of KeyConditions, and how an expression writes
// them.
var keyOperators = map[string]string{
	"EQ": "=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">=",
	"BETWEEN": expression.Between, "BEGINS_WITH": expression.BeginsWith,
}

// otherOperators are those that conditions have elsewhere.
var otherOperators = []string{"IN", "NULL", "NE", "NOT_NULL", "CONTAINS", "NOT_CONTAINS"}

// keyTests returns the tests in KeyConditions.
func keyTests(conditions map[string]condition) ([]expression.KeyTest, error) {
	var v violations
	allowed := slices.Sorted(maps.Keys(keyOperators))
	allowed = append(allowed, otherOperators...)
	var tests []expression.KeyTest
	for _, name := range slices.Sorted(maps.Keys(conditions)) {
		c := conditions[name]
		field := "keyConditions." + name + ".member.comparisonOperator"
		v.require(field, c.ComparisonOperator != "")
		v.enum(field, c.ComparisonOperator, allowed...)
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(conditions)) {
		test, err := conditions[name].keyTest(name)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	if len(tests) == 0 {
		return nil, validationf("Conditions can be of length 1 or 2 only")
	}
	return tests, nil
}

func (c condition) keyTest(name string) (expression.KeyTest, error) {
	operator, ok := keyOperators[c.ComparisonOperator]
	if !ok {
		return expression.KeyTest{}, validationf("Attempted conditional constraint is not an indexable operation")
	}
	count := 1
	if operator == expression.Between {
		count = 2
	}
	if len(c.AttributeValueList) != count {
		return expression.KeyTest{}, invalidParameterf("Invalid number of argument(s) for the %s ComparisonOperator", c.ComparisonOperator)
	}
	test := expression.KeyTest{Attribute: name, Operator: operator}
	for _, raw := range c.AttributeValueList {
		value, err := attribute.Parse(raw)
		if err != nil {
			return expression.KeyTest{}, err
		}
		if !isKeyKind(value.Kind()) || operator == expression.BeginsWith && value.Kind() == attribute.KindNumber {
			return expression.KeyTest{}, invalidParameterf("ComparisonOperator %s is not valid for %s AttributeValue type", c.ComparisonOperator, value.Kind())
		}
		test.Values = append(test.Values, value)
	}
	if operator == expression.Between {
		if order, same := attribute.Compare(test.Values[0], test.Values[1]); !same || order > 0 {
			return expression.KeyTest{}, validationf("The BETWEEN condition was provided a range where the lower bound is greater than the upper bound")
		}
	}
	return test, nil
}
