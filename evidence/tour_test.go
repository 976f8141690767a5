package evidence_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const stories = "crash/stories/"

// TestTheTourLeadsToEveryStory: docs/evidence.md links to each story, and each of
// its hazards has a story, or a test of the client.
func TestTheTourLeadsToEveryStory(t *testing.T) {
	t.Parallel()
	tour := readFile(t, "../docs/evidence.md")
	paths, err := filepath.Glob(stories + "*.txt")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%v: %d stories", err, len(paths))
	}
	for _, path := range paths {
		if !strings.Contains(tour, "](../evidence/"+filepath.ToSlash(path)+")") {
			t.Errorf("docs/evidence.md does not link to %s", path)
		}
	}
	_, hazards, found := strings.Cut(tour, "## Hazards")
	hazards, _, ends := strings.Cut(hazards, "\n## ")
	if !found || !ends {
		t.Fatal("docs/evidence.md has no section of hazards")
	}
	rows := 0
	for line := range strings.Lines(hazards) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| hazard |") || strings.HasPrefix(line, "| --- |") {
			continue
		}
		if rows++; !strings.Contains(line, stories) && !strings.Contains(line, "../client/") {
			t.Errorf("a hazard without a story: %s", line)
		}
	}
	if rows < 19 {
		t.Errorf("%d hazards: is this still the table?", rows)
	}
}

// TestGuaranteesAreShort: what is promised, and what is not, is read in one
// sitting. What is measured stands elsewhere.
func TestGuaranteesAreShort(t *testing.T) {
	t.Parallel()
	if words := len(strings.Fields(readFile(t, "../docs/guarantees.md"))); words >= 2500 {
		t.Errorf("docs/guarantees.md has %d words, want fewer than 2500", words)
	}
}

var namedTest = regexp.MustCompile("`(Test\\w+)(…?)`")

// TestNamedTestsExist looks for the tests that the pages on promises name. A name
// that ends in "…" stands for all that begin so.
func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	sources := testSources(t)
	exists := func(prefix string) bool {
		return slices.ContainsFunc(sources, func(lines []string) bool {
			return slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, prefix) })
		})
	}
	for _, page := range []string{"../docs/guarantees.md", "../docs/evidence.md", "../docs/stores.md"} {
		for _, name := range namedTest.FindAllStringSubmatch(readFile(t, page), -1) {
			prefix := "func " + name[1]
			if name[2] == "" {
				prefix += "("
			}
			if !exists(prefix) {
				t.Errorf("%s names %s, which does not exist", page, name[1])
			}
		}
	}
}
