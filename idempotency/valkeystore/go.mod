module github.com/idempotent-requests/idempotent-requests/idempotency/valkeystore

go 1.26.0

require (
	github.com/idempotent-requests/idempotent-requests/idempotency v0.0.0
	github.com/idempotent-requests/idempotent-requests/idempotency/internal/compression v0.0.0
)

require (
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	github.com/klauspost/compress v1.20.4 // indirect
)

replace github.com/idempotent-requests/idempotent-requests/idempotency => ../

replace github.com/idempotent-requests/idempotent-requests/idempotency/internal/compression => ../internal/compression
