package idemgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemgrpc"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// payments is a service with one method.
type payments struct {
	pb.UnimplementedTestServiceServer
	runs int
	pay  func(ctx context.Context, r *pb.SimpleRequest) (*pb.SimpleResponse, error)
}

func (s *payments) UnaryCall(ctx context.Context, r *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	s.runs++
	return s.pay(ctx, r)
}

func (s *payments) EmptyCall(context.Context, *pb.Empty) (*pb.Empty, error) {
	s.runs++
	return &pb.Empty{}, nil
}

type answer struct {
	text     string
	code     codes.Code
	reason   string // of the ErrorInfo
	replayed bool
	retry    time.Duration
	expires  bool
}

func sharedScope(context.Context, proto.Message) (idempotency.Scope, error) {
	return idempotency.SharedScope(), nil
}

type world struct {
	t       *testing.T
	service *payments
	client  pb.TestServiceClient
}

// newWorld runs a real server. configure changes the guard's configuration and
// the interceptor's; either may be nil.
func newWorld(t *testing.T, pay func(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error), guarded func(*idempotency.Config), configure func(*idemgrpc.Config)) *world {
	t.Helper()
	cfg := idempotency.Config{Store: memstore.New()}
	if guarded != nil {
		guarded(&cfg)
	}
	guard, err := idempotency.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := idemgrpc.Config{Guard: guard, Methods: []string{pb.TestService_UnaryCall_FullMethodName}, Scope: sharedScope}
	if configure != nil {
		configure(&c)
	}
	protect, err := idemgrpc.UnaryServerInterceptor(c)
	if err != nil {
		t.Fatal(err)
	}
	recovers := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
		defer func() {
			if v := recover(); v != nil {
				err = status.Errorf(codes.Internal, "panic: %v", v)
			}
		}()
		return handler(ctx, req)
	}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(recovers, protect))
	service := &payments{pay: pay}
	pb.RegisterTestServiceServer(server, service)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &world{t, service, pb.NewTestServiceClient(conn)}
}

func order(size int32) *pb.SimpleRequest { return &pb.SimpleRequest{ResponseSize: size} }

func (w *world) send(r *pb.SimpleRequest, keys ...string) answer {
	w.t.Helper()
	ctx := w.t.Context()
	for _, key := range keys {
		ctx = metadata.AppendToOutgoingContext(ctx, "Idempotency-Key", key)
	}
	var header metadata.MD
	response, err := w.client.UnaryCall(ctx, r, grpc.Header(&header))
	a := answer{text: response.GetUsername(), code: status.Code(err), replayed: len(header["idempotent-replayed"]) > 0, expires: len(header["idempotency-expires"]) > 0}
	for _, detail := range status.Convert(err).Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			if a.reason = d.GetReason(); d.GetDomain() == idemgrpc.Domain {
				a.reason = "idempotency: " + a.reason
			}
		case *errdetails.RetryInfo:
			a.retry = d.GetRetryDelay().AsDuration()
		}
	}
	return a
}

func (w *world) want(got, want answer) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%+v, want %+v", got, want)
	}
}

func paid(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	return &pb.SimpleResponse{Username: "paid"}, nil
}

func fails(code codes.Code) func(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	return func(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) {
		s, err := status.New(code, "no").WithDetails(&errdetails.ErrorInfo{Reason: "CARD_DECLINED", Domain: "payments"})
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("charge: %w", s.Err())
	}
}

func TestResponseIsReplayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, paid, nil, nil)
	w.want(w.send(order(10), "k1"), answer{text: "paid", expires: true})
	w.want(w.send(order(10), "k1"), answer{text: "paid", expires: true, replayed: true})
	w.want(w.send(order(10), `"k1"`), answer{text: "paid", expires: true, replayed: true})
	w.want(w.send(order(99), "k1"), answer{code: codes.FailedPrecondition, reason: "idempotency: REQUEST_MISMATCH", expires: true})
	w.want(w.send(order(10), "k2"), answer{text: "paid", expires: true})
	if w.service.runs != 2 {
		t.Errorf("%d executions, want 2", w.service.runs)
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		for _, recovery := range []idempotency.Recovery{idempotency.Reexecute, idempotency.Refuse} {
			t.Run(fmt.Sprint(code, recovery), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, fails(code), func(c *idempotency.Config) { c.Recovery = recovery }, nil)
				first := answer{code: code, reason: "CARD_DECLINED", expires: true}
				w.want(w.send(order(10), "k1"), first)
				second, runs := first, 2
				switch verdict := idemgrpc.DefaultVerdict(code); {
				case verdict == idemgrpc.Recorded:
					second.replayed, runs = true, 1
				case verdict == idemgrpc.Failed && recovery == idempotency.Refuse:
					second, runs = answer{code: codes.FailedPrecondition, reason: "idempotency: OUTCOME_UNKNOWN", expires: true}, 1
				}
				w.want(w.send(order(10), "k1"), second)
				if w.service.runs != runs {
					t.Errorf("%d executions, want %d", w.service.runs, runs)
				}
			})
		}
	}
}

func TestErrorWithoutStatusIsAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) {
		return nil, errors.New("database is down")
	}, nil, nil)
	for range 2 {
		w.want(w.send(order(10), "k1"), answer{code: codes.Unknown, expires: true})
	}
	if w.service.runs != 2 {
		t.Errorf("%d executions, want 2", w.service.runs)
	}
}

func TestPanicPassesThroughAndIsNotRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) { panic("a mistake") }, nil, nil)
	for range 2 {
		w.want(w.send(order(10), "k1"), answer{code: codes.Internal})
	}
	if w.service.runs != 2 {
		t.Errorf("%d executions, want 2", w.service.runs)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, paid, nil, nil)
	w.want(w.send(order(10)), answer{code: codes.InvalidArgument, reason: "idempotency: KEY_MISSING"})
	for _, keys := range [][]string{{""}, {"a", "b"}, {strings.Repeat("k", 256)}, {`"open`}} {
		w.want(w.send(order(10), keys...), answer{code: codes.InvalidArgument, reason: "idempotency: KEY_MALFORMED"})
	}
	if w.service.runs != 0 {
		t.Errorf("%d executions, want none", w.service.runs)
	}

	optional := newWorld(t, paid, nil, func(c *idemgrpc.Config) { c.OptionalKey = true })
	for range 2 {
		optional.want(optional.send(order(10)), answer{text: "paid"})
	}
	inRequest := newWorld(t, paid, nil, func(c *idemgrpc.Config) {
		c.Key = func(_ context.Context, r proto.Message) (string, error) {
			return fmt.Sprint(r.(*pb.SimpleRequest).GetResponseSize()), nil
		}
	})
	inRequest.want(inRequest.send(order(10)), answer{text: "paid", expires: true})
	inRequest.want(inRequest.send(order(10)), answer{text: "paid", expires: true, replayed: true})
}

func TestOtherMethodsAreLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, paid, nil, nil)
	for range 2 {
		if _, err := w.client.EmptyCall(t.Context(), &pb.Empty{}); err != nil {
			t.Error(err)
		}
	}
	if w.service.runs != 2 {
		t.Errorf("%d executions, want 2", w.service.runs)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want answer
	}{
		"a status":     {status.Error(codes.Unauthenticated, "who are you?"), answer{code: codes.Unauthenticated}},
		"another one":  {errors.New("the secret of the house"), answer{code: codes.Internal}},
		"none for all": {nil, answer{code: codes.Internal}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, paid, nil, func(c *idemgrpc.Config) {
				c.Scope = func(context.Context, proto.Message) (idempotency.Scope, error) { return idempotency.Scope{}, test.err }
			})
			w.want(w.send(order(10), "k1"), test.want)
		})
	}
}

func TestInProgress(t *testing.T) {
	t.Parallel()
	var w *world
	w = newWorld(t, func(ctx context.Context, r *pb.SimpleRequest) (*pb.SimpleResponse, error) {
		got := w.send(r, "k1")
		if got.retry <= 0 || got.retry > 5*time.Second {
			t.Errorf("retry after %v", got.retry)
		}
		got.retry = 0
		w.want(got, answer{code: codes.Aborted, reason: "idempotency: IN_PROGRESS", expires: true})
		e, ok := idempotency.FromContext(ctx)
		return &pb.SimpleResponse{Username: fmt.Sprint(len(e.DerivedKey("charge")), ok)}, nil
	}, nil, nil)
	w.want(w.send(order(10), "k1"), answer{text: "43 true", expires: true})
}

// down is a store that nobody reaches.
type down struct{ *memstore.Store }

func (down) Claim(context.Context, idempotency.Claim) (*idempotency.Record, error) {
	return nil, errors.New("no route to host")
}

func TestStoreUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, paid, func(c *idempotency.Config) { c.Store = down{memstore.New()} }, nil)
	w.want(w.send(order(10), "k1"), answer{code: codes.Unavailable, reason: "idempotency: STORE_UNAVAILABLE", retry: time.Second, expires: true})
	if w.service.runs != 0 {
		t.Errorf("%d executions, want none", w.service.runs)
	}
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		found proto.Message
		err   error
		want  answer
		runs  int
	}{
		"it has happened":      {&pb.SimpleResponse{Username: "found"}, nil, answer{text: "found", expires: true}, 1},
		"it has not":           {nil, nil, answer{text: "paid", expires: true}, 2},
		"nobody can say":       {nil, errors.New("timeout"), answer{code: codes.Unavailable, reason: "idempotency: NOT_RECONCILED", retry: time.Second, expires: true}, 1},
		"it is something else": {&pb.Empty{}, nil, answer{code: codes.AlreadyExists, reason: "idempotency: RESPONSE_NOT_KEPT", expires: true}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := true
			w := newWorld(t, func(ctx context.Context, r *pb.SimpleRequest) (*pb.SimpleResponse, error) {
				if first {
					first = false
					return nil, status.Error(codes.Unavailable, "half done")
				}
				return paid(ctx, r)
			}, func(c *idempotency.Config) { c.Recovery = idempotency.Reconcile }, func(c *idemgrpc.Config) {
				c.Reconcile = func(context.Context, string, proto.Message) (proto.Message, error) { return test.found, test.err }
			})
			w.want(w.send(order(10), "k1"), answer{code: codes.Unavailable, expires: true})
			w.want(w.send(order(10), "k1"), test.want)
			if w.service.runs != test.runs {
				t.Errorf("%d executions, want %d", w.service.runs, test.runs)
			}
		})
	}
}

func TestConfigsThatAreRefused(t *testing.T) {
	t.Parallel()
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*idemgrpc.Config){
		"Guard":                    func(c *idemgrpc.Config) { c.Guard = nil },
		"Store are both":           func(c *idemgrpc.Config) { c.Store = memstore.New() },
		"Scope":                    func(c *idemgrpc.Config) { c.Scope = nil },
		"Methods is empty":         func(c *idemgrpc.Config) { c.Methods = nil },
		"want a full name":         func(c *idemgrpc.Config) { c.Methods = []string{"UnaryCall"} },
		"no such service":          func(c *idemgrpc.Config) { c.Methods = []string{"/grpc.testing.TestServise/UnaryCall"} },
		"no service":               func(c *idemgrpc.Config) { c.Methods = []string{"/grpc.testing.SimpleRequest/UnaryCall"} },
		"has no method UnaryCalls": func(c *idemgrpc.Config) { c.Methods = []string{"/grpc.testing.TestService/UnaryCalls"} },
		"a stream":                 func(c *idemgrpc.Config) { c.Methods = []string{pb.TestService_StreamingOutputCall_FullMethodName} },
		"Reconcile": func(c *idemgrpc.Config) {
			c.Reconcile = func(context.Context, string, proto.Message) (proto.Message, error) { return nil, nil }
		},
	} {
		cfg := idemgrpc.Config{Guard: guard, Methods: []string{pb.TestService_UnaryCall_FullMethodName}, Scope: sharedScope}
		change(&cfg)
		if interceptor, err := idemgrpc.UnaryServerInterceptor(cfg); interceptor != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}

// A call whose deadline is too near to begin is to be sent again, with more time.
func TestNoTime(t *testing.T) {
	t.Parallel()
	guard, err := idempotency.New(idempotency.Config{Store: memstore.New()})
	if err != nil {
		t.Fatal(err)
	}
	protect, err := idemgrpc.UnaryServerInterceptor(idemgrpc.Config{
		Guard: guard, Methods: []string{pb.TestService_UnaryCall_FullMethodName}, Scope: sharedScope,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithDeadline(metadata.NewIncomingContext(t.Context(), metadata.Pairs("idempotency-key", "k1")), time.Unix(0, 0))
	defer cancel()
	_, err = protect(ctx, order(10), &grpc.UnaryServerInfo{FullMethod: pb.TestService_UnaryCall_FullMethodName}, func(context.Context, any) (any, error) {
		t.Error("executed")
		return nil, nil
	})
	if code := status.Code(err); code != codes.Unavailable {
		t.Errorf("code %v, %v", code, err)
	}
}

// unsealed is a Sealer that never seals.
type unsealed struct {
	idempotency.Sealer
	err error
}

func (s unsealed) Seal(context.Context) (idempotency.SealFunc, error) { return nil, s.err }

func TestResponseThatCannotBeSealed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want answer
	}{
		{errors.New("the key is disabled"), answer{code: codes.Internal, expires: true}},
		{fmt.Errorf("throttled: %w", idempotency.ErrSealUnavailable), answer{code: codes.Unavailable, reason: "idempotency: STORE_UNAVAILABLE", retry: time.Second, expires: true}},
	} {
		w := newWorld(t, paid, func(c *idempotency.Config) { c.Seal = unsealed{err: test.err} }, nil)
		w.want(w.send(order(10), "k1"), test.want)
		if w.service.runs != 0 {
			t.Errorf("%d executions, want none", w.service.runs)
		}
	}
}
