package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A mutant whose text is not in the source any more tests nothing.
func TestEveryMutantAppliesOnce(t *testing.T) {
	t.Parallel()
	names := make(map[string]bool)
	for _, m := range allMutants() {
		source, err := os.ReadFile(filepath.Join("..", "..", "idempotency", m.file))
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if n := strings.Count(string(source), m.old); n != 1 {
			t.Errorf("%s: %s contains the text to be replaced %d times, want once:\n%s", m.name, m.file, n, m.old)
		}
		if names[m.name] || m.why == "" || len(m.packages) == 0 || slices.Contains(m.packages, "") {
			t.Errorf("%s: the name is taken, or something is missing", m.name)
		}
		names[m.name] = true
	}
}
