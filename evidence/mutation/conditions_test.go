package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/document"
)

// TestEveryConditionHasARow: whatever the code names as a condition stands in the
// table, has a mutant in each file that names it, and the table names nothing else.
func TestEveryConditionHasARow(t *testing.T) {
	t.Parallel()
	sources := allSources(t)
	named := make(map[string]bool)
	for _, s := range sources {
		for name := range s.named {
			named[name] = true
			if !slices.ContainsFunc(conditions, func(c condition) bool { return c.name == name && !c.contract }) {
				t.Errorf("%s names the condition %q: give it a row in conditions.go", s.name, name)
			}
			if !slices.ContainsFunc(allMutants(), func(m mutant) bool { return m.at == name && m.file == s.name }) {
				t.Errorf("no mutant breaks %q in %s: add one with that name as its at", name, s.name)
			}
		}
	}
	rows := make(map[string]bool)
	for _, c := range conditions {
		if rows[c.name] || c.without == "" || c.promises == "" {
			t.Errorf("%s: the name is taken, or something is missing", c.name)
		}
		rows[c.name] = true
		if !c.contract && !named[c.name] {
			t.Errorf("nothing in the code is named %q", c.name)
		}
	}
}

// TestEveryBrokenThingBelongsToACondition: the switches of the model, and the stores
// that are broken on purpose, are those of the table.
func TestEveryBrokenThingBelongsToACondition(t *testing.T) {
	t.Parallel()
	for _, list := range []struct {
		what, files, pattern string
		of                   func(condition) []string
	}{
		{"switch of the model", "../model/check.sh", `(?m)^\t+(?:leased|late|atomic)\d? +([A-Z_]+)`, func(c condition) []string { return c.model }},
		{"broken store", "../flawed/flawed.go ../crash/broken_test.go", `(?m)^\t(?:\{|\w+ +Flaw = )"([^"]+)"`, func(c condition) []string { return c.broken }},
	} {
		exists := make(map[string]bool)
		for file := range strings.FieldsSeq(list.files) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range regexp.MustCompile(list.pattern).FindAllStringSubmatch(string(text), -1) {
				exists[match[1]] = true
			}
		}
		if len(exists) < 5 {
			t.Errorf("%s: found %d of its kind", list.files, len(exists))
		}
		for _, c := range conditions {
			for _, name := range list.of(c) {
				if !exists[name] {
					t.Errorf("%s: there is no %s %q", c.name, list.what, name)
				}
			}
		}
		for name := range exists {
			if !slices.ContainsFunc(conditions, func(c condition) bool { return slices.Contains(list.of(c), name) }) {
				t.Errorf("the %s %q belongs to no condition: name it in a row of conditions.go", list.what, name)
			}
		}
	}
}

// TestConditionsPage keeps the table in the documents.
func TestConditionsPage(t *testing.T) {
	t.Parallel()
	tests := testNames(t)
	stands := make(map[string][]string)
	for _, s := range allSources(t) {
		for name, places := range s.named {
			var decls []string
			for _, p := range places {
				if p.decl != "" && !slices.Contains(decls, "`"+p.decl+"`") {
					decls = append(decls, "`"+p.decl+"`")
				}
			}
			where := fmt.Sprintf("[%s](../idempotency/%s)", s.name, s.name)
			if len(decls) > 0 {
				where += " " + strings.Join(decls, ", ")
			}
			stands[name] = append(stands[name], where)
		}
	}
	var b strings.Builder
	b.WriteString("<!-- Written by `make guarantees`: edit evidence/mutation/conditions.go instead. -->\n\n")
	for _, c := range conditions {
		fmt.Fprintf(&b, "## %s\n\nWithout it, %s. Promises: %s.\n\n| | |\n| --- | --- |\n", c.name, c.without, c.promises)
		row := func(what string, entries []string) {
			if len(entries) > 0 {
				fmt.Fprintf(&b, "| %s | %s |\n", what, strings.Join(entries, "; "))
			}
		}
		places := slices.Sorted(slices.Values(stands[c.name]))
		if c.contract {
			places = []string{"what a store has to do, in [store.go](../idempotency/store.go)"}
		}
		row("stands in", places)
		byTests := make(map[string][]string)
		for _, m := range allMutants() {
			if m.at == c.name {
				tests := strings.Join(quoted(m.packages), ", ")
				byTests[tests] = append(byTests[tests], m.name)
			}
		}
		for _, tests := range slices.Sorted(maps.Keys(byTests)) {
			row("mutants that "+tests+" notices", byTests[tests])
		}
		row("named tests", quoted(c.tests))
		row("switches of the model", quoted(c.model))
		row("broken stores", c.broken)
		b.WriteString("\n")
		for _, name := range c.tests {
			if !slices.ContainsFunc(tests, func(test string) bool { return strings.HasPrefix(test, name) }) {
				t.Errorf("%s: there is no %s", c.name, name)
			}
		}
	}
	document.Publish(t, "conditions.md", "conditions", b.String(), "make guarantees")
}

func quoted(names []string) (all []string) {
	for _, name := range names {
		all = append(all, "`"+name+"`")
	}
	return all
}

// allSources are the files of the library that are no tests.
func allSources(t *testing.T) (sources []*source) {
	t.Helper()
	for path, text := range goFiles(t, "../../idempotency") {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		name, err := filepath.Rel("../../idempotency", path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := parse(filepath.ToSlash(name), text)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, s)
	}
	return sources
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

func testNames(t *testing.T) (names []string) {
	t.Helper()
	for _, dir := range []string{"../../idempotency", ".."} {
		for path, text := range goFiles(t, dir) {
			if !strings.HasSuffix(path, "_test.go") {
				continue
			}
			for _, match := range testFunction.FindAllSubmatch(text, -1) {
				names = append(names, string(match[1]))
			}
		}
	}
	return names
}

func goFiles(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
