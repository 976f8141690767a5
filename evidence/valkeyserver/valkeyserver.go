// Package valkeyserver runs a real Valkey or Redis server for tests. Tests that
// need one are skipped on a machine without it, unless the environment variable
// IDEMPOTENCY_TEST_SERVERS is "required", as make test has it: then they fail.
package valkeyserver

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// run starts the server and ends it when nobody holds this program's input open
// any more, so that no way for a test to end leaves a server behind.
const run = `"$0" "$@" 2>&1 & exec >&-; read -r _; kill $!; wait $!`

// Installed reports whether there is a server to start.
func Installed() bool { return find() != "" }

// Start starts a server with nothing in it and returns the path of its Unix
// socket. It ends with the test. Nothing is written to disk, and no port is
// opened; settings are further arguments for the server.
func Start(t testing.TB, settings ...string) (socket string) {
	t.Helper()
	binary := find()
	if binary == "" {
		missing(t)
	}
	// Not t.TempDir: the path of a socket has some hundred bytes at most.
	dir, err := os.MkdirTemp("", "valkey-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, "socket")

	server := exec.Command("/bin/sh", append([]string{
		"-c", run, binary, "--dir", dir, "--port", "0", "--unixsocket", socket,
		"--save", "", "--appendonly", "no", "--daemonize", "no",
	}, settings...)...)
	held, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = held.Close()
		_ = server.Wait()
	})

	var log strings.Builder
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		log.WriteString(lines.Text() + "\n")
		if strings.Contains(strings.ToLower(lines.Text()), "ready to accept connections") {
			go func() { _, _ = io.Copy(io.Discard, output) }()
			return socket
		}
	}
	t.Fatalf("the server did not start:\n%s", log.String())
	return ""
}

// find returns the path of the server's program, empty if there is none.
func find() string {
	for _, name := range []string{"valkey-server", "redis-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func missing(t testing.TB) {
	t.Helper()
	const text = "this needs a real server: install Valkey or Redis, so that valkey-server or redis-server is on the PATH " +
		"(Debian and Ubuntu: apt-get install redis-server, or valkey-server where there is one)"
	if os.Getenv("IDEMPOTENCY_TEST_SERVERS") == "required" {
		t.Fatal(text)
	}
	t.Skip(text)
}
