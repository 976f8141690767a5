module github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore

go 1.26.0

require (
	github.com/aws/aws-sdk-go-v2 v1.47.7
	github.com/aws/aws-sdk-go-v2/service/dynamodb v1.73.1
	github.com/aws/smithy-go v1.28.8
	github.com/idempotent-requests/idempotent-requests/idempotency v0.0.0
)

require (
	github.com/aws/aws-sdk-go-v2/internal/configsources v1.5.10 // indirect
	github.com/aws/aws-sdk-go-v2/internal/endpoints/v2 v2.8.10 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding v1.13.24 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/endpoint-discovery v1.13.10 // indirect
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	github.com/idempotent-requests/idempotent-requests/idempotency/internal/compression v0.0.0
	github.com/klauspost/compress v1.20.4 // indirect
)

replace github.com/idempotent-requests/idempotent-requests/idempotency => ../

replace github.com/idempotent-requests/idempotent-requests/idempotency/internal/compression => ../internal/compression
