package dynamolocal_test

import (
	"path/filepath"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/conformance"
)

// The engine keeps the whole contract, in memory and with a file.
func TestConformance(t *testing.T) {
	t.Parallel()
	configs := map[string]dynamolocal.Config{
		"memory": {},
		"file":   {File: filepath.Join(t.TempDir(), "data")},
	}
	for name, config := range configs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conformance.Run(t, conformance.Target{Name: conformance.Embedded, Client: serve(t, config).Client})
		})
	}
}
