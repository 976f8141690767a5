// Package remote runs the conformance suite against the endpoint that AWS_ENDPOINT_URL_DYNAMODB names, which
// `make conformance` sets. Without that variable it has nothing to run, and runs nothing.
package remote

import (
	"cmp"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/conformance"
)

// TestMain leaves the tests out where there is no endpoint, so that `go test ./...` neither needs one nor reports a
// test that was skipped.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_ENDPOINT_URL_DYNAMODB") != "" {
		m.Run()
	}
}

// TestEndpoint takes endpoint, region and credentials from the environment, as every SDK does. CONFORMANCE_TARGET names
// the implementation that answers there, for the deviations that are known of it.
func TestEndpoint(t *testing.T) {
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithLogger(logging.Nop{}))
	if err != nil {
		t.Fatalf("reading the SDK's configuration from the environment: %v", err)
	}
	conformance.Run(t, conformance.Target{
		Name:   cmp.Or(os.Getenv("CONFORMANCE_TARGET"), conformance.Endpoint),
		Client: dynamodb.NewFromConfig(cfg),
	})
}
