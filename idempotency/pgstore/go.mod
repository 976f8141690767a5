module github.com/idempotent-requests/idempotent-requests/idempotency/pgstore

go 1.26.0

require (
	github.com/idempotent-requests/idempotent-requests/idempotency v0.0.0
	github.com/jackc/pgx/v5 v5.13.0
)

require (
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	github.com/idempotent-requests/idempotent-requests/idempotency/internal/compression v0.0.0
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/klauspost/compress v1.20.4 // indirect
	golang.org/x/text v0.41.0 // indirect
)

replace github.com/idempotent-requests/idempotent-requests/idempotency => ../

replace github.com/idempotent-requests/idempotent-requests/idempotency/internal/compression => ../internal/compression
