// Package document keeps the parts of a document that are measured true: a test
// writes them under -update, and compares them at every other run.
package document

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is measured into the documents instead of comparing with them")

// Updating reports whether the test is to write what is measured.
func Updating() bool { return *update }

// Publish compares a section of a file in docs with what was measured, or
// rewrites it. The section is what stands between the lines "<!-- name: begin -->"
// and "<!-- name: end -->". Command is what a reader runs to rewrite it.
func Publish(t *testing.T, file, name, measured, command string) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", file)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
	before, rest, begins := strings.Cut(string(raw), begin)
	was, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("%s lacks the lines %q and %q, between which the measured belongs", path, begin, end)
	}
	switch {
	case t.Failed() || was == measured:
	case *update:
		if err := os.WriteFile(path, []byte(before+begin+measured+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s says something else than was measured; if that is meant, run `%s` and review the change (-document +measured):\n%s",
			path, command, cmp.Diff(was, measured))
	}
}
