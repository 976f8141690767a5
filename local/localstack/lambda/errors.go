package lambda

import (
	"errors"
	"fmt"
)

var (
	// ErrEventTooLarge says that the event exceeds MaxPayload.
	ErrEventTooLarge = errors.New("lambda: the event is larger than 6 MB")
	// ErrThrottled says that the function's reserved concurrency is used up.
	ErrThrottled = errors.New("lambda: the reserved concurrency is used up")
	// ErrClosed says that the service has been closed.
	ErrClosed = errors.New("lambda: the service is closed")
)

// FunctionError is an invocation that reached the function and failed in it.
type FunctionError struct {
	// Function is the function's name.
	Function string
	// Type is what Lambda calls the error: the type that the function
	// reported, or Runtime.ExitError, Sandbox.Timedout,
	// Function.ResponseSizeTooLarge.
	Type string
	// Message says what happened.
	Message string
}

func (e *FunctionError) Error() string {
	return fmt.Sprintf("lambda: function %s: %s: %s", e.Function, e.Type, e.Message)
}

// InitError is a process that ended, or hung, before it asked for an event.
type InitError struct {
	// Function is the function's name, Binary the path that was run.
	Function, Binary string
	// Reason is how it ended.
	Reason string
	// Output is the last of what it wrote.
	Output string
}

func (e *InitError) Error() string {
	msg := fmt.Sprintf("lambda: function %s: %s %s before it asked for its first event", e.Function, e.Binary, e.Reason)
	if e.Output == "" {
		return msg + "; it wrote nothing"
	}
	return msg + "; the last it wrote:\n" + e.Output
}
