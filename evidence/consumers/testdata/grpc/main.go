package main

import (
	"context"
	"fmt"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemgrpc"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

func main() {
	protect := idempotency.Must(idemgrpc.UnaryServerInterceptor(idemgrpc.Config{
		Store:   memstore.New(),
		Methods: []string{healthpb.Health_Check_FullMethodName}, // in its place: the methods that have effects
		// In production the scope is the caller.
		Scope: func(context.Context, proto.Message) (idempotency.Scope, error) { return idempotency.SharedScope(), nil },
	}))
	server := grpc.NewServer(grpc.UnaryInterceptor(protect))
	healthpb.RegisterHealthServer(server, health.NewServer())
	listener := idempotency.Must(net.Listen("tcp", "localhost:0"))
	go func() { log.Fatal(server.Serve(listener)) }()

	connection := idempotency.Must(grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())))
	client := healthpb.NewHealthClient(connection)
	ctx := metadata.AppendToOutgoingContext(context.Background(), idemgrpc.MetadataKey, "k1")
	for range 2 {
		var header metadata.MD
		if _, err := client.Check(ctx, &healthpb.HealthCheckRequest{}, grpc.Header(&header)); err != nil {
			log.Fatal(err)
		}
		fmt.Println(header.Get(idemgrpc.MetadataReplayed))
	}
}
