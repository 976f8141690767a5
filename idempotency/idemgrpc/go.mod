module github.com/idempotent-requests/idempotent-requests/idempotency/idemgrpc

go 1.26.0

require github.com/idempotent-requests/idempotent-requests/idempotency v0.0.0

replace github.com/idempotent-requests/idempotent-requests/idempotency => ../

require (
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/dunglas/httpsfv v1.1.2 // indirect
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
)
