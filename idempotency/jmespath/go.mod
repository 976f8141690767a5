module github.com/idempotent-requests/idempotent-requests/idempotency/jmespath

go 1.26.0

require (
	github.com/idempotent-requests/idempotent-requests/idempotency v0.0.0
	github.com/jmespath-community/go-jmespath v1.1.1
)

require (
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	golang.org/x/exp v0.0.0-20240112132812-db7319d0e0e3 // indirect
)

replace github.com/idempotent-requests/idempotent-requests/idempotency => ../
