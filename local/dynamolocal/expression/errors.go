package expression

import "fmt"

// Error is returned for an expression that is not valid, alone, with its
// placeholders or for the item that it is applied to.
type Error struct {
	// Message is DynamoDB's message.
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Field names the request's parameter that holds an expression; it begins the
// messages about it.
type Field string

// The parameters that hold expressions.
const (
	ConditionExpression    Field = "ConditionExpression"
	FilterExpression       Field = "FilterExpression"
	KeyConditionExpression Field = "KeyConditionExpression"
	ProjectionExpression   Field = "ProjectionExpression"
	UpdateExpression       Field = "UpdateExpression"
)

// problem is a message about an expression without the name of its parameter.
type problem string

func (p problem) Error() string { return string(p) }

func problemf(format string, args ...any) error { return problem(fmt.Sprintf(format, args...)) }

// invalid completes a problem to the error of field.
func invalid(field Field, err error) error {
	if p, ok := err.(problem); ok {
		return &Error{Message: "Invalid " + string(field) + ": " + string(p)}
	}
	return err
}

// Problems of more than one kind of expression.

func reservedWord(name string) error {
	return problemf("Attribute name is a reserved keyword; reserved keyword: %s", name)
}

func unknownFunction(name string) error {
	return problemf("Invalid function name; function: %s", name)
}

// misplacedFunction is about a function of another kind of expression; where
// says what kind this one is.
func misplacedFunction(where, name string) error {
	return problemf("The function is not allowed in %s expression; function: %s", where, name)
}

func misusedFunction(name string) error {
	return problemf("The function is not allowed to be used this way in an expression; function: %s", name)
}

func tooManyOperators(count int) error {
	return problemf("The expression contains too many operators; operator count: %d", count)
}

func operandCount(function string, count int) error {
	return problemf("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", function, count)
}

func operandType(function, kind string) error {
	return problemf("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", function, kind)
}

func pathRequired(function string) error {
	return problemf("Operator or function requires a document path; operator or function: %s", function)
}
