module github.com/idempotent-requests/idempotent-requests/idempotency

go 1.26.0

require (
	github.com/dunglas/httpsfv v1.1.2
	github.com/google/uuid v1.6.0
	github.com/hashicorp/golang-lru/v2 v2.0.7
)
