module github.com/idempotent-requests/idempotent-requests/evidence

go 1.26.0

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/aws/aws-lambda-go v1.55.1
	github.com/aws/aws-sdk-go-v2 v1.47.7
	github.com/aws/aws-sdk-go-v2/credentials v1.20.15
	github.com/aws/aws-sdk-go-v2/service/dynamodb v1.73.1
	github.com/aws/aws-sdk-go-v2/service/kms v1.62.4
	github.com/cockroachdb/datadriven v1.0.2
	github.com/getkin/kin-openapi v0.152.0
	github.com/go-chi/chi/v5 v5.5.0
	github.com/google/go-cmp v0.7.0
	github.com/google/uuid v1.6.0
	github.com/gowebpki/jcs v1.0.2
	github.com/guregu/dynamo/v2 v2.1.1
	github.com/idempotent-requests/idempotent-requests/idempotency v0.0.0
	github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore v0.0.0
	github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda v0.0.0
	github.com/idempotent-requests/idempotent-requests/idempotency/idemotel v0.0.0
	github.com/idempotent-requests/idempotent-requests/idempotency/jmespath v0.0.0
	github.com/idempotent-requests/idempotent-requests/idempotency/kmsseal v0.0.0
	github.com/idempotent-requests/idempotent-requests/idempotency/pgstore v0.0.0
	github.com/idempotent-requests/idempotent-requests/local v0.0.0
	github.com/jackc/pgx/v5 v5.13.0
	github.com/redis/go-redis/v9 v9.23.0
	github.com/valkey-io/valkey-go v1.0.79
	pgregory.net/rapid v1.3.0
)

require (
	github.com/agext/levenshtein v1.2.1 // indirect
	github.com/apparentlymart/go-textseg/v15 v15.0.0 // indirect
	github.com/apparentlymart/go-textseg/v17 v17.0.1 // indirect
	github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue v1.14.9 // indirect
	github.com/aws/aws-sdk-go-v2/service/dynamodbstreams v1.22.3 // indirect
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/idempotent-requests/idempotent-requests/idempotency/internal/compression v0.0.0 // indirect
	github.com/mitchellh/go-wordwrap v1.0.1 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/zclconf/go-cty v1.19.0 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel/log v1.47.0 // indirect
	golang.org/x/mod v0.43.0 // indirect
	golang.org/x/tools v0.52.0 // indirect
)

require (
	github.com/alecthomas/participle/v2 v2.1.4 // indirect
	github.com/aws/aws-sdk-go-v2/internal/configsources v1.5.10 // indirect
	github.com/aws/aws-sdk-go-v2/internal/endpoints/v2 v2.8.10 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding v1.13.24 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/endpoint-discovery v1.13.10 // indirect
	github.com/aws/smithy-go v1.28.8 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dlclark/regexp2/v2 v2.5.2 // indirect
	github.com/dop251/goja v0.0.0-20260917113740-793a2a65c13b // indirect
	github.com/dunglas/httpsfv v1.1.2 // indirect
	github.com/go-openapi/jsonpointer v0.22.5 // indirect
	github.com/go-openapi/swag/jsonname v0.25.5 // indirect
	github.com/go-sourcemap/sourcemap v2.1.3+incompatible // indirect
	github.com/gofrs/flock v0.13.0 // indirect
	github.com/google/btree v1.1.3 // indirect
	github.com/google/pprof v0.0.0-20230207041349-798e818bf904 // indirect
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	github.com/hashicorp/hcl/v2 v2.25.0
	github.com/idempotent-requests/idempotent-requests/idempotency/valkeystore v0.0.0
	github.com/idempotent-requests/idempotent-requests/tools/release v0.0.0
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/jmespath-community/go-jmespath v1.1.1 // indirect
	github.com/klauspost/compress v1.20.4 // indirect
	github.com/oasdiff/yaml v0.1.1
	github.com/oasdiff/yaml3 v0.0.14 // indirect
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3 // indirect
	go.opentelemetry.io/otel v1.47.0
	go.opentelemetry.io/otel/metric v1.47.0 // indirect
	go.opentelemetry.io/otel/sdk v1.47.0
	go.opentelemetry.io/otel/sdk/metric v1.47.0
	go.opentelemetry.io/otel/trace v1.47.0
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/exp v0.0.0-20240112132812-db7319d0e0e3 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.41.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)

replace github.com/idempotent-requests/idempotent-requests/idempotency => ../idempotency

replace github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore => ../idempotency/dynamostore

replace github.com/idempotent-requests/idempotent-requests/idempotency/idemlambda => ../idempotency/idemlambda

replace github.com/idempotent-requests/idempotent-requests/idempotency/jmespath => ../idempotency/jmespath

replace github.com/idempotent-requests/idempotent-requests/local => ../local

replace github.com/idempotent-requests/idempotent-requests/tools/release => ../tools/release

replace github.com/idempotent-requests/idempotent-requests/idempotency/pgstore => ../idempotency/pgstore

replace github.com/idempotent-requests/idempotent-requests/idempotency/idemotel => ../idempotency/idemotel

replace github.com/idempotent-requests/idempotent-requests/idempotency/kmsseal => ../idempotency/kmsseal

replace github.com/idempotent-requests/idempotent-requests/idempotency/internal/compression => ../idempotency/internal/compression

replace github.com/idempotent-requests/idempotent-requests/idempotency/valkeystore => ../idempotency/valkeystore
