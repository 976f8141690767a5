// Package remote runs the conformance suite against the endpoint that AWS_ENDPOINT_URL_DYNAMODB names, which
// `make conformance` sets. Without that variable it has nothing to run, and runs nothing.
package remote

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/conformance"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

// TestMain leaves the tests out where there is no endpoint, so that `go test ./...` neither needs one nor reports a
// test that was skipped.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_ENDPOINT_URL_DYNAMODB") != "" {
		code := m.Run()
		if err := compare(os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.Exit(code)
	}
}

// tallies are those of the embedded engine and of the endpoint.
var tallies [2]*conformance.Tally

func target() string { return cmp.Or(os.Getenv("CONFORMANCE_TARGET"), conformance.Endpoint) }

// compare prints how many cases of each subject the two pass.
func compare(w io.Writer) error {
	if tallies[0] == nil || tallies[1] == nil {
		return nil
	}
	return conformance.Compare(w, conformance.Embedded, tallies[0], target(), tallies[1])
}

// TestEmbedded is what the endpoint is compared with.
func TestEmbedded(t *testing.T) {
	tallies[0] = conformance.Run(t, conformance.Target{Name: conformance.Embedded, Client: dynamotest.New(t).Client})
}

// TestEndpoint takes endpoint, region and credentials from the environment, as every SDK does. CONFORMANCE_TARGET names
// the implementation that answers there, for the deviations that are known of it.
func TestEndpoint(t *testing.T) {
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithLogger(logging.Nop{}))
	if err != nil {
		t.Fatalf("reading the SDK's configuration from the environment: %v", err)
	}
	tallies[1] = conformance.Run(t, conformance.Target{
		Name:   target(),
		Client: dynamodb.NewFromConfig(cfg),
	})
}
