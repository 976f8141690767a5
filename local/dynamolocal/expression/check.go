package expression

import (
	"fmt"
	"slices"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// The functions of conditions.
const (
	fnExists     = "attribute_exists"
	fnNotExists  = "attribute_not_exists"
	fnType       = "attribute_type"
	fnBeginsWith = "begins_with"
	fnContains   = "contains"
	fnSize       = "size"
)

// conditionFunctions are the functions of conditions and their numbers of
// operands.
var conditionFunctions = map[string]int{
	fnExists: 1, fnNotExists: 1, fnType: 2, fnBeginsWith: 2, fnContains: 2, fnSize: 1,
}

// maxInOperands is the length of the longest list of IN.
const maxInOperands = 100

func checkFunctionNames(t *test) error {
	return t.walkCalls(func(function string, _ []*operand) error {
		switch _, known := conditionFunctions[function]; {
		case known:
			return nil
		case function == fnIfNotExists, function == fnListAppend:
			return misplacedFunction("a condition", function)
		default:
			return unknownFunction(function)
		}
	})
}

// checkFunctionUse refuses functions that are true or false as operands, and
// size, which is a number, as a condition.
func checkFunctionUse(t *test) error {
	if t.call && t.operator == fnSize {
		return misusedFunction(fnSize)
	}
	for _, o := range t.operands {
		if err := o.walk(func(o *operand) error {
			if o.call != nil && o.call.function != fnSize {
				return misusedFunction(o.call.function)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func checkNames(t *test) error {
	for _, o := range t.operands {
		if err := o.walk(func(o *operand) error { return checkPath(o.path) }); err != nil {
			return err
		}
	}
	return nil
}

// walkCalls calls visit for the calls in a test, inner ones first.
func (t *test) walkCalls(visit func(function string, args []*operand) error) error {
	for _, o := range t.operands {
		if err := o.walk(func(o *operand) error {
			if o.call == nil {
				return nil
			}
			return visit(o.call.function, o.call.args)
		}); err != nil {
			return err
		}
	}
	if t.call {
		return visit(t.operator, t.operands)
	}
	return nil
}

// checkTest refuses a bound test whose operands do not suit it.
func checkTest(t *test) error {
	for _, check := range []func(string, []*operand) error{checkCount, checkDistinct, checkTypes} {
		if err := t.walkCalls(check); err != nil {
			return err
		}
		if t.call {
			continue
		}
		if err := check(t.operator, t.operands); err != nil {
			return err
		}
	}
	return nil
}

func checkCount(operator string, operands []*operand) error {
	if count, function := conditionFunctions[operator]; function && len(operands) != count {
		return operandCount(operator, len(operands))
	}
	if operator == opIn && len(operands)-1 > maxInOperands {
		return problemf("The IN operator is provided with too many operands; number of operands: %d", len(operands)-1)
	}
	return nil
}

func checkDistinct(operator string, operands []*operand) error {
	if len(operands) != 2 || !operands[0].isPath() || !operands[1].isPath() || !operands[0].bound.equal(operands[1].bound) {
		return nil
	}
	return problemf("The first operand must be distinct from the remaining operands for this operator or function; "+
		"operator: %s, first operand: %s", operator, operands[0].bound)
}

var kindNames = []attribute.Kind{
	attribute.KindBinary, attribute.KindNull, attribute.KindStringSet, attribute.KindBool, attribute.KindList,
	attribute.KindBinarySet, attribute.KindNumber, attribute.KindNumberSet, attribute.KindString, attribute.KindMap,
}

func checkTypes(operator string, operands []*operand) error {
	switch operator {
	case fnExists, fnNotExists:
		if !operands[0].isPath() {
			return pathRequired(operator)
		}
	case fnBeginsWith:
		return checkLiterals(operator, operands, attribute.KindString, attribute.KindBinary)
	case fnType:
		return checkTypeName(operands[1])
	case fnSize:
		return checkLiterals(operator, operands, attribute.KindString, attribute.KindBinary, attribute.KindStringSet,
			attribute.KindNumberSet, attribute.KindBinarySet, attribute.KindList, attribute.KindMap)
	case "<", "<=", ">", ">=":
		return checkLiterals(operator, operands, attribute.KindString, attribute.KindNumber, attribute.KindBinary)
	case opBetween:
		if err := checkLiterals(operator, operands, attribute.KindString, attribute.KindNumber, attribute.KindBinary); err != nil {
			return err
		}
		return checkBounds(operands[1].given, operands[2].given)
	}
	return nil
}

// checkLiterals refuses values of the request that are of none of the kinds.
// Those of the item only make a condition false.
func checkLiterals(operator string, operands []*operand, kinds ...attribute.Kind) error {
	for _, operand := range operands {
		kind := operand.literal()
		if operand.call != nil {
			kind = attribute.KindNumber // of size, the only function that may be an operand
		}
		if kind != "" && !slices.Contains(kinds, kind) {
			return operandType(operator, string(kind))
		}
	}
	return nil
}

func checkTypeName(operand *operand) error {
	name, isText := operand.given.(attribute.String)
	switch {
	case operand.given == nil:
		return operandType(fnType, "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")
	case !isText:
		return operandType(fnType, string(operand.literal()))
	case !slices.Contains(kindNames, attribute.Kind(name)):
		return problemf("Invalid attribute type name found; type: %s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}", name)
	}
	return nil
}

func checkBounds(lower, upper attribute.Value) error {
	if lower == nil || upper == nil {
		return nil
	}
	order, same := attribute.Compare(lower, upper)
	requirement := ""
	switch {
	case !same:
		requirement = "same data type for lower and upper bounds"
	case order > 0:
		requirement = "upper bound to be greater than or equal to lower bound"
	default:
		return nil
	}
	return problemf("The BETWEEN operator requires %s; lower bound operand: AttributeValue: %s, upper bound operand: AttributeValue: %s",
		requirement, describe(lower), describe(upper))
}

// describe shows a scalar value as DynamoDB's messages do.
func describe(value attribute.Value) string {
	if binary, ok := value.(attribute.Binary); ok {
		return fmt.Sprintf("{B:%d bytes}", len(binary))
	}
	return fmt.Sprintf("{%s:%v}", value.Kind(), value)
}
