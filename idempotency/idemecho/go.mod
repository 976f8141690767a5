module github.com/idempotent-requests/idempotent-requests/idempotency/idemecho

go 1.26.0

require github.com/idempotent-requests/idempotent-requests/idempotency v0.0.0

replace github.com/idempotent-requests/idempotent-requests/idempotency => ../
