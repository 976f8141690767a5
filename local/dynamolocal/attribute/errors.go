package attribute

// Error is returned for an attribute value that is not allowed, or whose JSON is
// not that of an attribute value.
type Error struct {
	// Message is DynamoDB's message.
	Message string
	// Malformed reports whether the JSON does not have the shape of an attribute
	// value, which the service answers with a SerializationException. A value that
	// is not allowed it answers with a ValidationException.
	Malformed bool
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

func invalid(message string) error { return &Error{Message: message} }

func invalidParameter(message string) error {
	return invalid("One or more parameter values were invalid: " + message)
}

func malformed(message string) error { return &Error{Message: message, Malformed: true} }
