// Package installed makes programs in other languages ready for tests.
package installed

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// installs holds a function for each name, which installs once.
var installs sync.Map

// Directory installs what the requirements.txt and the package-lock.json beside
// the test name into build/name, unless that was done before, and returns its
// path. Python is in venv/bin there, and modules of JavaScript are copied beside
// what they import.
func Directory(t testing.TB, name string) string {
	t.Helper()
	install, _ := installs.LoadOrStore(name, sync.OnceValues(func() (string, error) { return run(name) }))
	directory, err := install.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return directory
}

func run(name string) (string, error) {
	here, err := filepath.Abs(".")
	if err != nil {
		return "", err
	}
	command := exec.Command("../../tools/install.sh", name, here)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("install %s: %w\n%s", name, err, complaints.String())
	}
	return strings.TrimSpace(string(output)), nil
}
