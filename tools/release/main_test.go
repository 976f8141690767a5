package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/tools/release/modules"
)

var today = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

// A release of this very tree, in a copy of it.
func TestRelease(t *testing.T) {
	t.Parallel()
	root := copyOfTheTree(t)
	output := mustRelease(t, root)
	if !strings.Contains(output, "Nothing was pushed") || !strings.Contains(output, "git push --atomic origin HEAD v1.9.9 idempotency/v1.9.9 ") {
		t.Errorf("it says:\n%s", output)
	}
	tags := strings.Fields(git(t, root, "tag", "--points-at", "HEAD"))
	for _, want := range []string{"v1.9.9", "idempotency/v1.9.9", "idempotency/dynamostore/v1.9.9", "idempotency/cmd/idempotency/v1.9.9", "local/v1.9.9"} {
		if !slices.Contains(tags, want) {
			t.Errorf("tags %v, want %s among them", tags, want)
		}
	}
	for _, tag := range tags {
		if strings.HasPrefix(tag, "evidence/") || strings.HasPrefix(tag, "functions/") || strings.HasPrefix(tag, "tools/") {
			t.Errorf("%s is tagged, and nobody requires it", tag)
		}
	}
	if changes := git(t, root, "status", "--porcelain"); changes != "" {
		t.Errorf("left behind:\n%s", changes)
	}
	wantContains(t, root, "CHANGELOG.md", "## [Unreleased]\n\n## [1.9.9] - 2027-01-31\n")
	wantContains(t, root, "client/package.json", `"version": "1.9.9"`)
	wantContains(t, root, "idempotency/dynamostore/go.mod", "idempotent-requests/idempotency v1.9.9")

	// What is built without the workspace still finds its modules beside it.
	build := exec.Command("go", "list", "-deps", "./cmd/...")
	build.Dir, build.Env = filepath.Join(root, "functions"), append(os.Environ(), "GOWORK=off")
	if text, err := build.CombinedOutput(); err != nil {
		t.Errorf("the functions cannot be built: %v\n%s", err, text)
	}

	// A command that people install has no replacements, and the workspace still builds it.
	if text, err := os.ReadFile(filepath.Join(root, "idempotency/cmd/idempotency/go.mod")); err != nil || strings.Contains(string(text), "replace") {
		t.Errorf("error %v, and \"go install\" refuses\n%s", err, text)
	}
	build = exec.Command("go", "build", "-o", t.TempDir(), "./idempotency/cmd/idempotency")
	build.Dir, build.Env = root, append(os.Environ(), "GOWORK="+filepath.Join(root, "go.work"))
	if text, err := build.CombinedOutput(); err != nil {
		t.Errorf("the command cannot be built: %v\n%s", err, text)
	}

	if err := try(t, root, "v1.9.9"); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("the same version again: %v", err)
	}
	if err := try(t, root, "v2.0.0"); err == nil {
		t.Error("v2 was accepted for modules whose paths do not say so")
	}
	if err := try(t, root, "v1.9.10"); err == nil || !strings.Contains(err.Error(), "nothing is listed") {
		t.Errorf("a release without changes: %v", err)
	}
}

func TestNothingIsLeftOfAReleaseThatFails(t *testing.T) {
	t.Parallel()
	root := copyOfTheTree(t)
	head := git(t, root, "rev-parse", "HEAD")
	err := run(t.Context(), []string{"-root", root, "-check", "false", "v1.9.9"}, &bytes.Buffer{}, today)
	if err == nil || !strings.Contains(err.Error(), "nothing was committed") {
		t.Errorf("error %v", err)
	}
	if changes := git(t, root, "status", "--porcelain"); changes != "" || git(t, root, "rev-parse", "HEAD") != head || git(t, root, "tag") != "" {
		t.Errorf("left behind:\n%s", changes)
	}

	write(t, root, "README.md", "changed")
	if err := try(t, root, "v1.9.9"); err == nil || !strings.Contains(err.Error(), "README.md") {
		t.Errorf("with a change that is not committed: %v", err)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"v0.1.0": true, "v1.2.3": true, "v0.1.0-rc.1": true,
		"": false, "0.1.0": false, "v0.1": false, "v2.0.0": false, "v0.1.0+build": false,
	} {
		if err := checkVersion(version); (err == nil) != want {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func TestChangelog(t *testing.T) {
	t.Parallel()
	const first = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- All.\n\n[Unreleased]: " + compare + "\n"
	once, err := dated(first, "v0.1.0", today)
	want := "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2027-01-31\n\n### Added\n\n- All.\n\n" +
		"[Unreleased]: " + compare + "/compare/v0.1.0...HEAD\n[0.1.0]: " + compare + "/releases/tag/v0.1.0\n"
	if err != nil || once != want {
		t.Fatalf("%v, got\n%s", err, once)
	}
	twice, err := dated(strings.Replace(once, "## [Unreleased]\n", "## [Unreleased]\n\n- More.\n", 1), "v0.2.0", today)
	for _, part := range []string{
		"## [Unreleased]\n\n## [0.2.0] - 2027-01-31\n\n- More.\n\n## [0.1.0] - ",
		"[Unreleased]: " + compare + "/compare/v0.2.0...HEAD\n[0.2.0]: " + compare + "/compare/v0.1.0...v0.2.0\n[0.1.0]: ",
	} {
		if err != nil || !strings.Contains(twice, part) {
			t.Fatalf("%v, got\n%s\nwant in it\n%s", err, twice, part)
		}
	}
	if _, err := dated(twice, "v0.3.0", today); err == nil {
		t.Error("a version without changes was accepted")
	}
	if _, err := dated(strings.Replace(twice, "## [Unreleased]\n", "## [Unreleased]\n\n- More.\n", 1), "v0.1.5", today); err == nil {
		t.Error("a version below the last one was accepted")
	}
}

func copyOfTheTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := modules.Copy("../..", root); err != nil {
		t.Fatal(err)
	}
	git(t, root, "init", "--quiet")
	git(t, root, "config", "user.name", "Test")
	git(t, root, "config", "user.email", "test@example.com")
	git(t, root, "config", "core.autocrlf", "false")
	git(t, root, "add", "--all")
	git(t, root, "commit", "--quiet", "--message", "A copy")
	return root
}

func try(t *testing.T, root, version string) error {
	t.Helper()
	return run(t.Context(), []string{"-root", root, "-check", "true", version}, &bytes.Buffer{}, today)
}

func mustRelease(t *testing.T, root string) string {
	t.Helper()
	var output bytes.Buffer
	if err := run(t.Context(), []string{"-root", root, "-check", "true", "v1.9.9"}, &output, today); err != nil {
		t.Fatal(err)
	}
	return output.String()
}

func git(t *testing.T, root string, arguments ...string) string {
	t.Helper()
	command := exec.Command("git", arguments...)
	command.Dir = root
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", arguments, err, output)
	}
	return strings.TrimSpace(string(output))
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func wantContains(t *testing.T, root, name, part string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil || !strings.Contains(string(text), part) {
		t.Errorf("%s: %v, want in it\n%s\ngot\n%s", name, err, part, text)
	}
}
