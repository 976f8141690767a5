package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A mutant whose text is not in the source any more tests nothing.
func TestEveryMutantAppliesOnce(t *testing.T) {
	t.Parallel()
	names := make(map[string]bool)
	files := make(map[string]*source)
	for _, m := range allMutants() {
		source, err := os.ReadFile(filepath.Join("..", "..", "idempotency", m.file))
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if files[m.file] == nil {
			if files[m.file], err = parse(m.file, source); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := m.mutate(files[m.file]); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		if names[m.name] || m.why == "" || len(m.packages) == 0 || slices.Contains(m.packages, "") {
			t.Errorf("%s: the name is taken, or something is missing", m.name)
		}
		names[m.name] = true
	}
}
