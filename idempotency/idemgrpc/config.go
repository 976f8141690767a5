package idemgrpc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// Config configures an interceptor. Guard or Store, Methods and Scope are required.
type Config struct {
	// Guard executes once per key and records results.
	Guard *idempotency.Guard

	// Store is where a guard with the defaults of [idempotency.Config] keeps its
	// records. Set it in the place of Guard if nothing else of a guard is to be chosen.
	Store idempotency.Store

	// Methods are the full names of the methods to protect, such as the generated
	// constant pb.Payments_CreatePayment_FullMethodName. Every other call reaches its
	// handler unprotected.
	Methods []string

	// Scope returns the scope of the call's authenticated principal or, knowingly,
	// [idempotency.SharedScope]. If its error has a gRPC status, the client is given
	// that. Any other becomes codes.Internal, without its text.
	Scope func(ctx context.Context, request proto.Message) (idempotency.Scope, error)

	// Key returns the idempotency key of a call, or [idemhttp.ErrNoKey] if it has
	// none. It is for keys in the request itself, such as a field request_id. Its
	// other errors refuse the key with codes.InvalidArgument, and their text is shown
	// to the client. Default: [KeyFromMetadata].
	Key func(ctx context.Context, request proto.Message) (string, error)

	// OptionalKey lets calls without a key reach the handler unprotected. By default
	// they are refused with codes.InvalidArgument.
	OptionalKey bool

	// Fingerprint computes the fingerprint, by which the interceptor recognises a
	// key that comes with another request. Default: [Fingerprint].
	Fingerprint func(method string, request proto.Message) (idempotency.Fingerprint, error)

	// Verdict returns what a status says about the operation, and so what becomes of
	// the key. Default: [DefaultVerdict].
	Verdict func(codes.Code) Verdict

	// Reconcile is required by a guard with the policy [idempotency.Reconcile]. It is
	// called instead of the handler after an earlier execution was interrupted. It
	// finds out whether the effect of that execution has happened, with the help of
	// the [idempotency.Execution] in ctx. If it has, Reconcile returns the response
	// that the handler would have returned. If not, it returns nil, and the handler
	// runs. If it returns an error, nothing runs, and the client is told to retry.
	Reconcile func(ctx context.Context, method string, request proto.Message) (response proto.Message, err error)
}

// MetadataKey is the metadata key in which the idempotency key arrives.
const MetadataKey = "idempotency-key"

// KeyFromMetadata returns the idempotency key in the call's metadata, by the rules
// of [idemhttp.ParseKey]. The request is ignored.
func KeyFromMetadata(ctx context.Context, _ proto.Message) (string, error) {
	return idemhttp.ParseKey(http.Header{idemhttp.HeaderKey: metadata.ValueFromIncomingContext(ctx, MetadataKey)})
}

// Fingerprint covers the method and the request's encoding. Fields that the
// server does not know count as well. Two servers encode a request alike if they
// use the same version of the protobuf module; over a change of that version a
// retry may be refused as another request, if the encoding of its messages has
// changed.
func Fingerprint(method string, request proto.Message) (idempotency.Fingerprint, error) {
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return "", err
	}
	return idempotency.NewFingerprint([]byte(method), encoded), nil
}

// Verdict is what a status says about the operation.
type Verdict int

const (
	// Recorded: the operation ran. Its response or status is recorded and replayed.
	Recorded Verdict = iota
	// Discarded: nothing happened. The key is released, so that a retry executes.
	Discarded
	// Failed: nobody can tell how far the operation came. What becomes of the key is
	// up to the guard's recovery policy.
	Failed
)

// DefaultVerdict records OK, AlreadyExists and FailedPrecondition. It discards what
// refuses the call before any effect: InvalidArgument, NotFound,
// PermissionDenied, ResourceExhausted, OutOfRange, Unimplemented and
// Unauthenticated. All others are failures.
func DefaultVerdict(code codes.Code) Verdict {
	switch code {
	case codes.OK, codes.AlreadyExists, codes.FailedPrecondition:
		return Recorded
	case codes.InvalidArgument, codes.NotFound, codes.PermissionDenied, codes.ResourceExhausted, codes.OutOfRange,
		codes.Unimplemented, codes.Unauthenticated:
		return Discarded
	}
	return Failed
}

// method is a protected method.
type method struct {
	operation string
	response  protoreflect.MessageType
}

func (c Config) withDefaults() (Config, map[string]method, error) {
	if c.Store != nil {
		if c.Guard != nil {
			return c, nil, errors.New("idemgrpc: Config.Guard and Config.Store are both set")
		}
		guard, err := idempotency.New(idempotency.Config{Store: c.Store})
		if err != nil {
			return c, nil, fmt.Errorf("idemgrpc: Config.Store: %w", err)
		}
		c.Guard = guard
	}
	switch {
	case c.Guard == nil:
		return c, nil, errors.New("idemgrpc: Config.Guard is missing, and so is Config.Store")
	case c.Scope == nil:
		return c, nil, errors.New("idemgrpc: Config.Scope is missing: say who is calling or, knowingly, return idempotency.SharedScope")
	case len(c.Methods) == 0:
		return c, nil, errors.New("idemgrpc: Config.Methods is empty: nothing would be protected")
	case (c.Guard.Recovery() == idempotency.Reconcile) != (c.Reconcile != nil):
		return c, nil, errors.New("idemgrpc: Config.Reconcile must be set if, and only if, the guard's recovery policy is idempotency.Reconcile")
	}
	methods := make(map[string]method)
	for _, name := range c.Methods {
		m, err := find(name)
		if err != nil {
			return c, nil, fmt.Errorf("idemgrpc: Config.Methods: %q: %w", name, err)
		}
		methods[name] = m
	}
	if c.Key == nil {
		c.Key = KeyFromMetadata
	}
	if c.Fingerprint == nil {
		c.Fingerprint = Fingerprint
	}
	if c.Verdict == nil {
		c.Verdict = DefaultVerdict
	}
	return c, methods, nil
}

// find looks a method up in the program, so that a name that no call ever has is
// noticed before it protects nothing.
func find(fullMethod string) (method, error) {
	service, name, ok := strings.Cut(strings.TrimPrefix(fullMethod, "/"), "/")
	if !ok || !strings.HasPrefix(fullMethod, "/") {
		return method{}, errors.New("want a full name, such as /payments.v1.Payments/CreatePayment")
	}
	descriptor, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return method{}, errors.New("there is no such service in this program")
	}
	s, ok := descriptor.(protoreflect.ServiceDescriptor)
	if !ok {
		return method{}, fmt.Errorf("%s is no service", service)
	}
	d := s.Methods().ByName(protoreflect.Name(name))
	switch {
	case d == nil:
		return method{}, fmt.Errorf("the service has no method %s", name)
	case d.IsStreamingClient() || d.IsStreamingServer():
		return method{}, errors.New("a stream cannot be protected")
	}
	response, err := protoregistry.GlobalTypes.FindMessageByName(d.Output().FullName())
	if err != nil {
		return method{}, fmt.Errorf("its response: %w", err)
	}
	operation := string(d.FullName())
	if _, err := idempotency.NewKey(idempotency.SharedScope(), operation, "probe"); err != nil {
		return method{}, err
	}
	return method{operation, response}, nil
}
