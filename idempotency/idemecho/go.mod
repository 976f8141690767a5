module github.com/idempotent-requests/idempotent-requests/idempotency/idemecho

go 1.26.0

replace github.com/idempotent-requests/idempotent-requests/idempotency => ../

require (
	github.com/idempotent-requests/idempotent-requests/idempotency v0.0.0
	github.com/labstack/echo/v5 v5.4.5
)

require (
	github.com/dunglas/httpsfv v1.1.2 // indirect
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	golang.org/x/time v0.15.0 // indirect
)
