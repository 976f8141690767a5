package dynamolocal_test

import (
	"path/filepath"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/conformance"
)

// The engine keeps the whole contract. It has a file, because with one it does all
// that it does without, and writes it down; those that tests of the stores use have
// none.
func TestConformance(t *testing.T) {
	t.Parallel()
	config := dynamolocal.Config{File: filepath.Join(t.TempDir(), "data")}
	conformance.Run(t, conformance.Target{Name: conformance.Embedded, Client: serve(t, config).Client})
}
