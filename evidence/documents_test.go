package evidence_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are the Markdown files whose code and links are checked.
var documents = []string{"../README.md", "../docs/guide.md", "../docs/patterns.md", "../docs/powertools.md", "../docs/dynamodb.md", "../docs/creating-the-table.md", "../idempotency/README.md"}

// TestDocumentsShowCodeThatRuns compares every block of Go in the documents with
// the tests and examples: it has to be a passage of one of them, however deep it
// is indented there. A line "// …" stands for what was left out.
func TestDocumentsShowCodeThatRuns(t *testing.T) {
	t.Parallel()
	sources := testSources(t)
	blocks := 0
	for _, name := range documentFiles(t) {
		for _, block := range goBlocks(readFile(t, name)) {
			blocks++
			if !slices.ContainsFunc(sources, func(source []string) bool { return shows(source, block) }) {
				t.Errorf("%s shows code that is in no test or example:\n%s", name, strings.Join(block, "\n"))
			}
		}
	}
	if blocks == 0 {
		t.Error("no document shows code")
	}
}

var testLink = regexp.MustCompile("\\[`((?:Test|Example)\\w*)`\\]\\(([^)#]+)\\)")

// TestDocumentsLinkToTestsThatExist looks for each test that a document names in
// a link, in the file or directory that the link leads to.
func TestDocumentsLinkToTestsThatExist(t *testing.T) {
	t.Parallel()
	links := 0
	for _, name := range documentFiles(t) {
		for _, link := range testLink.FindAllStringSubmatch(readFile(t, name), -1) {
			links++
			if !definesTest(t, filepath.Join(filepath.Dir(name), link[2]), link[1]) {
				t.Errorf("%s: there is no %s in %s", name, link[1], link[2])
			}
		}
	}
	if links == 0 {
		t.Error("no document links to a test")
	}
}

// TestEveryClaimIsLinkedToATest is about the table that compares the package with
// others: its second column is what we claim.
func TestEveryClaimIsLinkedToATest(t *testing.T) {
	t.Parallel()
	rows := 0
	for line := range strings.Lines(readFile(t, "../idempotency/README.md")) {
		cells := strings.Split(line, "|")
		if len(cells) < 7 || strings.HasPrefix(cells[1], " ---") || strings.TrimSpace(cells[1]) == "" {
			continue
		}
		rows++
		if claim := strings.TrimSpace(cells[2]); claim != "no" && !strings.HasPrefix(claim, "no:") && !testLink.MatchString(claim) {
			t.Errorf("nothing stands behind the claim %q", claim)
		}
	}
	if rows < 10 {
		t.Errorf("found %d rows: is this still the table?", rows)
	}
}

// TestEveryPageIsIndexed: each page in docs is linked from the index.
func TestEveryPageIsIndexed(t *testing.T) {
	t.Parallel()
	index := readFile(t, "../docs/README.md")
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil || len(pages) < 5 {
		t.Fatalf("%v: %d pages", err, len(pages))
	}
	for _, page := range pages {
		if name := filepath.Base(page); name != "README.md" && !strings.Contains(index, "]("+name+")") {
			t.Errorf("docs/README.md does not link to %s", name)
		}
	}
}

var update = flag.Bool("update", false, "write the index of the decisions instead of comparing with it")

var decisionTitle = regexp.MustCompile(`^# (\d+)\. (.+)\n`)

// TestEveryDecisionIsIndexed: the index lists each decision by number and title.
func TestEveryDecisionIsIndexed(t *testing.T) {
	t.Parallel()
	const path = "../docs/decisions/README.md"
	index := readFile(t, path)
	pages, err := filepath.Glob("../docs/decisions/0*.md")
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(index, "| 1 |")
	if !found {
		t.Fatalf("%s lists no first decision", path)
	}
	want := head
	for _, page := range pages {
		title := decisionTitle.FindStringSubmatch(readFile(t, page))
		if title == nil || fmt.Sprintf("%04s", title[1]) != filepath.Base(page)[:4] {
			t.Errorf("%s does not begin with its number and title, as in \"# 1. A title\"", page)
			continue
		}
		want += fmt.Sprintf("| %s | [%s](%s) |\n", title[1], title[2], filepath.Base(page))
	}
	switch {
	case want == index:
	case *update:
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not up to date: go test ./evidence -run Decision -update", path)
	}
}

var relativeLink = regexp.MustCompile(`\]\(([^)\s:#]+)(?:#[^)\s]*)?\)`)

// TestLinksLeadSomewhere follows the links between files in every Markdown file.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	links := 0
	walk(t, func(path string) {
		if filepath.Ext(path) != ".md" {
			return
		}
		text := codeBlock.ReplaceAllString(readFile(t, path), "")
		for _, link := range relativeLink.FindAllStringSubmatch(text, -1) {
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), link[1])); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	})
	if links < 100 {
		t.Errorf("found %d links", links)
	}
}

var codeBlock = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")

func documentFiles(t *testing.T) (names []string) {
	t.Helper()
	for _, pattern := range documents {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		names = append(names, found...)
	}
	return names
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// testSources returns the lines of all files with tests, and of the programs that
// outside modules run.
func testSources(t *testing.T) (sources [][]string) {
	t.Helper()
	walk(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") || strings.Contains(filepath.ToSlash(path), "/consumers/testdata/") && filepath.Ext(path) == ".go" {
			sources = append(sources, strings.Split(readFile(t, path), "\n"))
		}
	})
	return sources
}

// walk calls visit for each file of the repository that is not made by a tool.
func walk(t *testing.T, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && slices.Contains([]string{".git", "build", "node_modules", "cdk.out", "dist", "test-results", "playwright-report"}, entry.Name()) {
			return filepath.SkipDir
		}
		if err == nil && !entry.IsDir() {
			visit(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// goBlocks returns the blocks of Go in a document, without the indentation that
// those in a list have.
func goBlocks(document string) (blocks [][]string) {
	var block []string
	var indent string
	inside := false
	for line := range strings.Lines(document) {
		line = strings.TrimSuffix(line, "\n")
		if before, opens := strings.CutSuffix(line, "```go"); opens {
			inside, indent, block = true, before, nil
			continue
		}
		line = strings.TrimPrefix(line, indent)
		switch {
		case inside && line == "```":
			inside = false
			blocks = append(blocks, block)
		case inside:
			block = append(block, line)
		}
	}
	return blocks
}

// shows reports whether the passages of a block follow each other in the source.
func shows(source, block []string) bool {
	at := 0
	for passage := range passages(block) {
		found := false
		for ; at+len(passage) <= len(source) && !found; at++ {
			if found = isAt(source[at:], passage); found {
				at += len(passage) - 1
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// passages are the parts of a block between the lines that stand for omissions.
func passages(block []string) func(func([]string) bool) {
	return func(yield func([]string) bool) {
		for len(block) > 0 {
			end := slices.IndexFunc(block, func(line string) bool { return strings.TrimSpace(line) == "// …" })
			if end < 0 {
				yield(block)
				return
			}
			if end > 0 && !yield(block[:end]) {
				return
			}
			block = block[end+1:]
		}
	}
}

// isAt reports whether the source begins with the passage, all of which may be
// indented by more.
func isAt(source, passage []string) bool {
	indent, found := strings.CutSuffix(source[0], passage[0])
	if !found || strings.Trim(indent, "\t") != "" {
		return false
	}
	for i, line := range passage {
		if line != "" {
			line = indent + line
		}
		if source[i] != line {
			return false
		}
	}
	return true
}

func definesTest(t *testing.T, path, name string) bool {
	t.Helper()
	files := []string{path}
	if info, err := os.Stat(path); err != nil {
		return false
	} else if info.IsDir() {
		files, _ = filepath.Glob(filepath.Join(path, "*_test.go"))
	}
	return slices.ContainsFunc(files, func(file string) bool {
		return strings.Contains(readFile(t, file), fmt.Sprintf("\nfunc %s(", name))
	})
}
