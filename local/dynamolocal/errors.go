package dynamolocal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/expression"
)

// The names of the exceptions that the engine answers.
const (
	conditionalCheckFailed      = "ConditionalCheckFailedException"
	idempotentParameterMismatch = "IdempotentParameterMismatchException"
	internalServerError         = "InternalServerError"
	limitExceeded               = "LimitExceededException"
	provisionedThroughput       = "ProvisionedThroughputExceededException"
	resourceInUse               = "ResourceInUseException"
	resourceNotFound            = "ResourceNotFoundException"
	serialization               = "SerializationException"
	throttling                  = "ThrottlingException"
	transactionCanceled         = "TransactionCanceledException"
	transactionConflict         = "TransactionConflictException"
	unknownOperation            = "UnknownOperationException"
	validation                  = "ValidationException"
)

const modelNamespace = "com.amazonaws.dynamodb.v20120810#"

// namespaces are those of the exceptions that do not belong to the service's own
// model.
var namespaces = map[string]string{
	serialization:    "com.amazon.coral.service#",
	throttling:       "com.amazon.coral.availability#",
	unknownOperation: "com.amazon.coral.service#",
	validation:       "com.amazon.coral.validate#",
}

// capitalised are the exceptions whose message's member is Message.
var capitalised = map[string]bool{
	idempotentParameterMismatch: true, serialization: true, transactionCanceled: true,
}

// exception is an error of the service.
type exception struct {
	name    string
	message string
	item    attribute.Item // of a failed condition, if asked for
	reasons []reason       // of a cancelled transaction
	// atRun reports whether a transaction finds the error only when it looks at the
	// item's table, and is cancelled for it; other errors refuse the request.
	atRun bool
	// listed reports whether the message is a list of violations already.
	listed bool
	// bare reports whether the message is never part of such a list.
	bare bool
}

// reason is why an action of a transaction was not applied.
type reason struct {
	Code    string
	Message string         `json:",omitempty"`
	Item    attribute.Item `json:",omitempty"`
}

// Error implements error.
func (e *exception) Error() string { return e.name + ": " + e.message }

// status returns the exception's HTTP status.
func (e *exception) status() int {
	if e.name == internalServerError {
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// MarshalJSON implements json.Marshaler with the body of the answer.
func (e *exception) MarshalJSON() ([]byte, error) {
	namespace, ok := namespaces[e.name]
	if !ok {
		namespace = modelNamespace
	}
	member := "message"
	if capitalised[e.name] {
		member = "Message"
	}
	body := map[string]any{"__type": namespace + e.name, member: e.message}
	if e.item != nil {
		body["Item"] = e.item
	}
	if e.reasons != nil {
		body["CancellationReasons"] = e.reasons
	}
	return json.Marshal(body)
}

func validationf(format string, args ...any) error {
	return &exception{name: validation, message: fmt.Sprintf(format, args...)}
}

func invalidParameterf(format string, args ...any) error {
	return validationf("One or more parameter values were invalid: "+format, args...)
}

// mismatchf is a validationf about a request that does not suit the table.
func mismatchf(format string, args ...any) error {
	return &exception{name: validation, message: fmt.Sprintf(format, args...), atRun: true}
}

func notFound() error {
	return &exception{name: resourceNotFound, message: "Requested resource not found"}
}

func tableNotFound(name string) error {
	return &exception{name: resourceNotFound, message: "Requested resource not found: Table: " + name + " not found"}
}

// exceptionOf returns the exception that answers err.
func exceptionOf(err error) *exception {
	var known *exception
	if errors.As(err, &known) {
		return known
	}
	var value *attribute.Error
	if errors.As(err, &value) {
		if value.Malformed {
			return &exception{name: serialization, message: value.Message}
		}
		return &exception{name: validation, message: value.Message}
	}
	var text *expression.Error
	if errors.As(err, &text) {
		return &exception{name: validation, message: text.Message}
	}
	return &exception{name: internalServerError, message: err.Error()}
}
