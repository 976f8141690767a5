package conformance

import (
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// Error codes, as DynamoDB gives them.
const (
	validation        = "ValidationException"
	conditionFailed   = "ConditionalCheckFailedException"
	canceled          = "TransactionCanceledException"
	tokenMismatch     = "IdempotentParameterMismatchException"
	resourceNotFound  = "ResourceNotFoundException"
	resourceInUse     = "ResourceInUseException"
	unknownOperation  = "UnknownOperationException"
	reasonCondition   = "ConditionalCheckFailed"
	reasonConflict    = "TransactionConflict"
	reasonNone        = "None"
	reasonValidation  = "ValidationError"
	conditionMessage  = "The conditional request failed"
	overlapMessage    = "Two document paths overlap with each other"
	operandMessage    = "An operand in the update expression has an incorrect data type"
	noAttribute       = "The provided expression refers to an attribute that does not exist in the item"
	badPath           = "The document path provided in the update expression is invalid for update"
	keySchemaMismatch = "The provided key element does not match the schema"
)

// refusal is what a refused call answers: the error's code, and text that its message contains. A zero refusal stands
// for a call that succeeds.
type refusal struct {
	code    string
	message string
}

// invalid is the refusal of a request that is malformed whatever the table holds.
func invalid(message string) refusal { return refusal{code: validation, message: message} }

// expect holds the outcome of a call to the refusal, and says whether the call was answered as it should.
func (p *probe) expect(err error, want refusal) bool {
	p.Helper()
	if want == (refusal{}) {
		if err != nil {
			p.Errorf("the call was refused: %v", err)
		}
		return err == nil
	}
	if err == nil {
		p.Errorf("the call succeeded, want %s %q", want.code, want.message)
		return false
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		p.Errorf("the call failed without an answer of the service: %v", err)
		return false
	}
	if api.ErrorCode() != want.code {
		p.Errorf("refused with %s %q, want %s %q", api.ErrorCode(), api.ErrorMessage(), want.code, want.message)
		return false
	}
	if !strings.Contains(api.ErrorMessage(), want.message) {
		p.Errorf("refused with the message %q, want it to contain %q", api.ErrorMessage(), want.message)
		return false
	}
	return true
}

// errorCode returns the code of a refusal; empty if the call was not refused by the service.
func errorCode(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	return api.ErrorCode()
}

// must ends the case unless the call succeeded.
func (p *probe) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatalf("the call was refused: %v", err)
	}
}

// equal compares items by what they mean: the order of a set and the way a number is written don't count.
func (p *probe) equal(what string, got, want item) {
	p.Helper()
	if show(got) != show(want) {
		p.Errorf("%s:\n got %s\nwant %s", what, show(got), show(want))
	}
}

// equalAll compares lists of items.
func (p *probe) equalAll(what string, got, want []item) {
	p.Helper()
	if showAll(got) != showAll(want) {
		p.Errorf("%s:\n got %s\nwant %s", what, showAll(got), showAll(want))
	}
}

// oldItem returns the item that a failed condition gave back.
func (p *probe) oldItem(err error) item {
	p.Helper()
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		p.Fatalf("got %v, want %s", err, conditionFailed)
	}
	return failed.Item
}

// reason is one cancellation reason as a case expects it. An empty code stands for "None".
type reason struct {
	code    string
	message string // text that the message contains
	item    item
}

// cancelled expects a transaction to have been cancelled for exactly these reasons, in the order of its actions.
func (p *probe) cancelled(err error, want ...reason) {
	p.Helper()
	var cancel *types.TransactionCanceledException
	if !errors.As(err, &cancel) {
		p.Fatalf("got %v, want %s", err, canceled)
	}
	if len(cancel.CancellationReasons) != len(want) {
		p.Fatalf("got %d reasons, want one per action, %d: %s", len(cancel.CancellationReasons), len(want), cancel.ErrorMessage())
	}
	codes := make([]string, len(want))
	for i, w := range want {
		if w.code == "" {
			w.code = reasonNone
		}
		codes[i] = w.code
		got := cancel.CancellationReasons[i]
		if aws.ToString(got.Code) != w.code || !strings.Contains(aws.ToString(got.Message), w.message) {
			p.Errorf("reason %d is %q %q, want %q %q", i, aws.ToString(got.Code), aws.ToString(got.Message), w.code, w.message)
		}
		if w.code == reasonNone && got.Message != nil {
			p.Errorf("reason %d: an action that did not fail has the message %q", i, *got.Message)
		}
		if show(got.Item) != show(w.item) {
			p.Errorf("item of reason %d:\n got %s\nwant %s", i, show(got.Item), show(w.item))
		}
	}
	if summary := "[" + strings.Join(codes, ", ") + "]"; !strings.Contains(cancel.ErrorMessage(), summary) {
		p.Errorf("the message is %q, want it to list %s", cancel.ErrorMessage(), summary)
	}
}
