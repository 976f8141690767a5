package attribute

// Error is what is wrong with an attribute value or with its representation.
type Error struct {
	// Message is DynamoDB's message.
	Message string
	// Malformed tells JSON that does not have the shape of an attribute value
	// (in the service a SerializationException) from a value that is not allowed
	// (a ValidationException).
	Malformed bool
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

func invalid(message string) error { return &Error{Message: message} }

func invalidParameter(message string) error {
	return invalid("One or more parameter values were invalid: " + message)
}

func malformed(message string) error { return &Error{Message: message, Malformed: true} }
