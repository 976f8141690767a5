package main

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	health_pb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemgrpc"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

func main() {
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: memstore.New()}))
	protect := idempotency.Must(idemgrpc.UnaryServerInterceptor(idemgrpc.Config{
		Guard:   guard,
		Methods: []string{health_pb.Health_Check_FullMethodName}, // yours: one that has an effect
		Scope:   func(context.Context, proto.Message) (idempotency.Scope, error) { return idempotency.SharedScope(), nil },
	}))
	server := grpc.NewServer(grpc.UnaryInterceptor(protect))
	health_pb.RegisterHealthServer(server, health.NewServer())
}
