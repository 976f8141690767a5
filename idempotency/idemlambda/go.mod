module github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda

go 1.26.0

require (
	github.com/aws/aws-lambda-go v1.55.1
	github.com/idempotent-requests/idempotent-requests/idempotency v0.0.0
)

require github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect

replace github.com/idempotent-requests/idempotent-requests/idempotency => ../
