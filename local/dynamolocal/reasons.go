package dynamolocal

import "strings"

// The codes of cancellation reasons.
const (
	reasonNone       = "None"
	reasonCondition  = "ConditionalCheckFailed"
	reasonConflict   = "TransactionConflict"
	reasonValidation = "ValidationError"
)

// reasons are those for which a transaction is cancelled, by action.
type reasons []reason

func newReasons(count int) reasons {
	noted := make(reasons, count)
	for i := range noted {
		noted[i].Code = reasonNone
	}
	return noted
}

// note records err as the reason of action i. It returns err instead if that
// does not cancel the transaction but refuses the request.
func (r reasons) note(i int, err error) error {
	if err == nil {
		return nil
	}
	fault := exceptionOf(err)
	_, refusal := err.(*exception)
	switch {
	case fault.name == conditionalCheckFailed:
		r[i] = reason{Code: reasonCondition, Message: fault.message, Item: fault.item}
	case fault.name == validation && (fault.atRun || !refusal):
		r[i] = reason{Code: reasonValidation, Message: fault.message}
	default:
		return err
	}
	return nil
}

// err returns the exception of a transaction cancelled for the reasons, nil if
// there are none.
func (r reasons) err() error {
	for _, noted := range r {
		if noted.Code != reasonNone {
			return cancelled(r)
		}
	}
	return nil
}

func cancelled(reasons []reason) *exception {
	codes := make([]string, len(reasons))
	for i, reason := range reasons {
		codes[i] = reason.Code
	}
	return &exception{
		name: transactionCanceled,
		message: "Transaction cancelled, please refer cancellation reasons for specific reasons [" +
			strings.Join(codes, ", ") + "]",
		reasons: reasons,
	}
}
