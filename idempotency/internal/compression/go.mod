module github.com/idempotent-requests/idempotent-requests/idempotency/internal/compression

go 1.26.0

require github.com/klauspost/compress v1.20.4
