package idemgrpc

import (
	"errors"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// Domain is the domain of the ErrorInfo in a refusal's status.
const Domain = "idempotency"

// retryAfterUnavailable is the delay of a RetryInfo when a system behind the server
// does not respond.
const retryAfterUnavailable = time.Second

// maxRetryAfter bounds the delay that is suggested while the first call runs, for
// most calls end long before their lease.
const maxRetryAfter = 5 * time.Second

func keyRefusal(err error) error {
	if errors.Is(err, idemhttp.ErrNoKey) {
		return refused(codes.InvalidArgument, "KEY_MISSING", "an idempotency key is required", 0)
	}
	return refused(codes.InvalidArgument, "KEY_MALFORMED", "the idempotency key is malformed: "+err.Error(), 0)
}

// refusal maps what a guard refuses with to a status.
func refusal(err error) error {
	var inProgress *idempotency.InProgressError
	switch {
	case errors.As(err, &inProgress):
		return refused(codes.Aborted, "IN_PROGRESS", "a call with this idempotency key is still running; retry with the same key and request",
			min(inProgress.RetryAfter, maxRetryAfter))
	case errors.Is(err, idempotency.ErrPayloadMismatch):
		return refused(codes.FailedPrecondition, "REQUEST_MISMATCH", "the idempotency key was used with another request", 0)
	case errors.Is(err, idempotency.ErrOutcomeUnknown):
		return refused(codes.FailedPrecondition, "OUTCOME_UNKNOWN", "a call with this idempotency key was interrupted and is not repeated", 0)
	case errors.Is(err, idempotency.ErrResultNotKept):
		return refused(codes.AlreadyExists, "RESPONSE_NOT_KEPT", "the call with this idempotency key was carried out; its response was not kept", 0)
	case errors.Is(err, idempotency.ErrReconcile):
		return refused(codes.Unavailable, "NOT_RECONCILED", "a call with this idempotency key was interrupted, and what became of it is not known yet; retry with the same key and request",
			retryAfterUnavailable)
	case errors.Is(err, idempotency.ErrSeal): // nothing that the client can do
	case errors.Is(err, idempotency.ErrStore), errors.Is(err, idempotency.ErrSealUnavailable), errors.Is(err, idempotency.ErrNoTime):
		return refused(codes.Unavailable, "STORE_UNAVAILABLE", "temporarily unavailable; retry with the same key and request", retryAfterUnavailable)
	}
	return status.Error(codes.Internal, "internal error")
}

func refused(code codes.Code, reason, message string, retryAfter time.Duration) error {
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: reason, Domain: Domain}}
	if retryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)})
	}
	s, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		return status.Error(code, message)
	}
	return s.Err()
}
