package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const localModule = "github.com/idempotent-requests/idempotent-requests/local"

// A module outside tests a handler of its own with dynamotest, in under 15 lines.
func TestOutsideModule(t *testing.T) {
	t.Parallel()
	const most = 15
	source, err := os.ReadFile("testdata/outside/handler_test.go")
	if err != nil {
		t.Fatal(err)
	}
	test := string(source)[strings.Index(string(source), "func TestCreateOrder"):]
	if lines := strings.Count(test, "\n"); lines >= most {
		t.Errorf("the test has %d lines, want fewer than %d", lines, most)
	}

	module := t.TempDir()
	if err := os.CopyFS(module, os.DirFS("testdata/outside")); err != nil {
		t.Fatal(err)
	}
	local, err := filepath.Abs("../../local")
	if err != nil {
		t.Fatal(err)
	}
	// The versions and checksums are those of the module that it requires, as they
	// would be if it were published.
	definition, err := os.ReadFile(filepath.Join(local, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^module .*$`).ReplaceAllString(string(definition), "module example.com/outside")
	text = regexp.MustCompile(`(?m)^replace .*$`).ReplaceAllString(text, "")
	text += "\nrequire " + localModule + " v0.0.0\n\nreplace " + localModule + " => " + local + "\n"
	if err := os.WriteFile(filepath.Join(module, "go.mod"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(local, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(module, "go.sum"), sums, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "go", "test", ".")
	command.Dir = module
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
