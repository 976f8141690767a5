// Package idemgrpc makes unary methods of a gRPC server idempotent:
//
//	protect, err := idemgrpc.UnaryServerInterceptor(idemgrpc.Config{
//		Guard:   guard,
//		Methods: []string{pb.Payments_CreatePayment_FullMethodName},
//		Scope:   callerOf,
//	})
//	// …
//	server := grpc.NewServer(grpc.UnaryInterceptor(protect))
//
// A call with a known key is given the recorded response or status; its handler
// does not run. The operation is the method's full name. The metadata of a replay
// has "idempotent-replayed", and that of every call with a key
// "idempotency-expires", the end of the key's window as an HTTP date.
//
// # Refusals
//
// What is refused has a status with an ErrorInfo whose domain is [Domain] and
// whose reason is one of:
//
//	KEY_MISSING, KEY_MALFORMED    InvalidArgument
//	REQUEST_MISMATCH              FailedPrecondition
//	IN_PROGRESS                   Aborted, with RetryInfo
//	OUTCOME_UNKNOWN               FailedPrecondition
//	RESPONSE_NOT_KEPT             AlreadyExists
//	NOT_RECONCILED                Unavailable, with RetryInfo
//	STORE_UNAVAILABLE             Unavailable, with RetryInfo
//
// # What a handler can expect
//
// Its context carries the [idempotency.Execution], and in atomic mode the
// transaction. It ends with the lease, and not when the client goes away. Its
// response is recorded in its encoding. A status is recorded with its details if
// its code says that the operation ran; see [DefaultVerdict]. Header and trailer
// metadata that the handler sets reach the first caller alone. A panic passes through, to an interceptor in
// front that recovers, or else it ends the program.
package idemgrpc

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// Header metadata of protected calls.
const (
	// MetadataReplayed is "true" on a response that was recorded earlier.
	MetadataReplayed = "idempotent-replayed"
	// MetadataExpires is the end of the key's window, as an HTTP date.
	MetadataExpires = "idempotency-expires"
)

// UnaryServerInterceptor returns an interceptor, or an error that names the field
// of cfg that is wrong.
func UnaryServerInterceptor(cfg Config) (grpc.UnaryServerInterceptor, error) {
	cfg, methods, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		m, protected := methods[info.FullMethod]
		if !protected {
			return handler(ctx, req)
		}
		c := &call{Config: cfg, method: m, name: info.FullMethod, handler: handler}
		return c.serve(ctx, req)
	}, nil
}

// call is one call of a protected method.
type call struct {
	Config
	method  method
	name    string
	handler grpc.UnaryHandler

	request  proto.Message
	ran      bool
	response any   // the handler's
	err      error // the handler's
}

func (c *call) serve(ctx context.Context, req any) (any, error) {
	var ok bool
	if c.request, ok = req.(proto.Message); !ok {
		return nil, status.Error(codes.Internal, "internal error") // only messages can be recorded
	}
	token, err := c.Key(ctx, c.request)
	if errors.Is(err, idemhttp.ErrNoKey) && c.OptionalKey {
		return c.handler(ctx, req)
	}
	if err != nil {
		return nil, keyRefusal(err)
	}
	request, err := c.identify(ctx, token)
	if err != nil {
		if _, meant := status.FromError(err); meant {
			return nil, err
		}
		return nil, status.Error(codes.Internal, "internal error")
	}
	outcome, err := c.Guard.Do(ctx, request, c.run)
	return c.answer(ctx, outcome, err)
}

// identify returns what the guard needs to know. Nothing is claimed before that is
// certain.
func (c *call) identify(ctx context.Context, token string) (idempotency.Request, error) {
	scope, err := c.Scope(ctx, c.request)
	if err != nil {
		return idempotency.Request{}, err
	}
	key, err := idempotency.NewKey(scope, c.method.operation, token)
	if err != nil {
		return idempotency.Request{}, err
	}
	fingerprint, err := c.Fingerprint(c.name, c.request)
	if err != nil {
		return idempotency.Request{}, err
	}
	request := idempotency.Request{Key: key, Fingerprint: fingerprint}
	if c.Reconcile != nil {
		request.Reconcile = c.reconcile
	}
	return request, nil
}

// errFailed ends an execution whose status says nothing of how far it came.
var errFailed = errors.New("idemgrpc: the handler returned a status that is a failure")

func (c *call) run(ctx context.Context) (idempotency.Result, error) {
	c.ran = true
	c.response, c.err = c.handler(ctx, c.request)
	code := statusOf(c.err).Code()
	switch c.Verdict(code) {
	case Discarded:
		return idempotency.Result{Discard: true}, nil
	case Failed:
		return idempotency.Result{}, fmt.Errorf("%w: %w", errFailed, c.err)
	}
	return c.result(c.response, c.err)
}

func (c *call) reconcile(ctx context.Context) (idempotency.Reconciliation, error) {
	response, err := c.Reconcile(ctx, c.name, c.request)
	if err != nil || response == nil {
		return idempotency.Reconciliation{}, err
	}
	result, err := c.result(response, nil)
	return idempotency.Reconciliation{Completed: true, Result: result}, err
}

// A record begins with a byte that says what follows: a response or a status.
const (
	aResponse = 'r'
	aStatus   = 's'
)

// result returns what to record. A response that cannot be encoded was an effect
// all the same.
func (c *call) result(response any, err error) (idempotency.Result, error) {
	kind, message := byte(aResponse), proto.Message(nil)
	if err != nil {
		kind, message = aStatus, statusOf(err).Proto()
	} else if m, ok := response.(proto.Message); ok && m.ProtoReflect().Descriptor().FullName() == c.method.response.Descriptor().FullName() {
		message = m
	} else {
		return idempotency.Result{NotKept: fmt.Errorf("idemgrpc: the response is a %T, want %s", response, c.method.response.Descriptor().FullName())}, nil
	}
	data, err := proto.MarshalOptions{}.MarshalAppend([]byte{kind}, message)
	if err != nil {
		return idempotency.Result{NotKept: err}, nil
	}
	return idempotency.Result{Data: data}, nil
}

// answer returns what the caller is given.
func (c *call) answer(ctx context.Context, outcome idempotency.Outcome, err error) (any, error) {
	header := metadata.MD{}
	if !outcome.Expires.IsZero() {
		header.Set(MetadataExpires, outcome.Expires.UTC().Format(http.TimeFormat))
	}
	if err == nil && outcome.Replayed {
		header.Set(MetadataReplayed, "true")
	}
	_ = grpc.SetHeader(ctx, header) // fails if the handler has sent its own
	switch {
	case c.ran && (err == nil && !outcome.Replayed || errors.Is(err, errFailed)):
		return c.response, c.err
	case err == nil:
		return c.decode(outcome.Data)
	}
	return nil, refusal(err)
}

func (c *call) decode(data []byte) (any, error) {
	switch {
	case len(data) > 0 && data[0] == aResponse:
		response := c.method.response.New().Interface()
		if err := proto.Unmarshal(data[1:], response); err == nil {
			return response, nil
		}
	case len(data) > 0 && data[0] == aStatus:
		recorded := new(spb.Status)
		if err := proto.Unmarshal(data[1:], recorded); err == nil {
			return nil, status.ErrorProto(recorded)
		}
	}
	return nil, refusal(idempotency.ErrResultNotKept)
}

// statusOf returns the status that the client of an error gets.
func statusOf(err error) *status.Status {
	if s, ok := status.FromError(err); ok {
		return s
	}
	return status.FromContextError(err)
}
