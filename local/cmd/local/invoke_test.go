package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// answering makes a directory of functions that answer.
func answering(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "function")
	build := exec.Command("go", "build", "-o", binary, "../../localstack/testdata/function")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the test function: %v\n%s", err, out)
	}
	for _, handler := range []string{"customers", "payments", "orders", "activity"} {
		if err := os.Mkdir(filepath.Join(dir, handler), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(binary, filepath.Join(dir, handler, "bootstrap")); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

func TestInvoke(t *testing.T) {
	t.Parallel()
	functions := answering(t)
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"--port", "0", "--template", golden, "--functions", functions, "--site", ""}, noEnv, in, io.Discard)
		_ = in.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if got := <-status; got != 0 {
			t.Errorf("the stack ends with %d", got)
		}
	})
	port := portOf(t, awaitURL(t, out))
	file := filepath.Join(t.TempDir(), "event.json")
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()

	for _, test := range []struct {
		event  string
		args   []string
		status int
		want   string // of stdout where status is 0, else of stderr
	}{
		{`{"rawPath":"/by/hand"}`, []string{"--port", port, "payments", file}, 0, `/by/hand`},
		{`{"headers":{"do":"crash"}}`, []string{"--port", port, "payments", file}, 1, "the function failed: "},
		{`{}`, []string{"--port", port, "refunds", file}, 1, `there is no function "refunds": there are activity, customers, orders, payments`},
		{`{`, []string{"--port", port, "payments", file}, 1, "the event is not JSON"},
		{`{}`, []string{"--port", port, "payments", file + ".none"}, 1, "no such file"},
		{`{}`, []string{"--port", portOf(t, other.URL), "payments", file}, 1, "is not the local stack"},
		{`{}`, []string{"--port", portOf(t, gone.URL), "payments", file}, 1, "start the stack with make run"},
		{`{}`, []string{"--port", "many", "payments", file}, 2, "is not the number of a port"},
		{`{}`, []string{"payments"}, 2, "the file of an event"},
		{`{}`, []string{"", ""}, 2, "the file of an event"},
		{`{}`, []string{"--colour"}, 2, "not defined"},
		{`{}`, []string{"--help"}, 0, "--port number"},
	} {
		if err := os.WriteFile(file, []byte(test.event), 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		got := run(t.Context(), append([]string{"invoke"}, test.args...), noEnv, &stdout, &stderr)
		told := &stderr
		if test.status == 0 {
			told = &stdout
		}
		if got != test.status || !strings.Contains(told.String(), test.want) {
			t.Errorf("%v: exit status %d, stdout %s, stderr %s; want %d, %q", test.args, got, stdout.String(), stderr.String(), test.status, test.want)
		}
	}
}
