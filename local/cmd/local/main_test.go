package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const golden = "../../../infra/testdata/golden/default.template.json"

// artefacts makes a directory of functions that come up and then do nothing but
// write down their process id, and one of a website.
func artefacts(t *testing.T) (functions, site string) {
	t.Helper()
	functions, site = t.TempDir(), t.TempDir()
	script := "#!/bin/sh\necho $$ >\"$(dirname \"$0\")/new\" && mv \"$(dirname \"$0\")/new\" \"$(dirname \"$0\")/pid\"\nexec sleep 600\n"
	for _, handler := range []string{"customers", "payments", "orders", "activity"} {
		dir := filepath.Join(functions, handler)
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "bootstrap"), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(site, "index.html"), []byte("<!doctype html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	return functions, site
}

func noEnv(string) string { return "" }

func TestStartEndsWithTheURLAndStopsCleanly(t *testing.T) {
	t.Parallel()
	functions, site := artefacts(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	var stderr bytes.Buffer
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"--port", "0", "--template", golden, "--functions", functions, "--site", site}, noEnv, in, &stderr)
		_ = in.Close()
	}()
	url := awaitURL(t, out)
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("%s: %s", url, res.Status)
	}
	cancel()
	if got := <-status; got != 0 || stderr.Len() > 0 {
		t.Errorf("exit status %d, stderr %s", got, stderr.String())
	}
}

// awaitURL reads what the program prints until the line that is a URL.
func awaitURL(t *testing.T, out io.Reader) string {
	t.Helper()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url := lines.Text(); regexp.MustCompile(`^http://localhost:[0-9]+/$`).MatchString(url) {
			return url
		}
	}
	t.Fatal("the program ended without a URL")
	return ""
}

func TestFailuresAreTold(t *testing.T) {
	t.Parallel()
	functions, site := artefacts(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	for _, c := range []struct {
		status int
		want   string
		args   []string
	}{
		{1, "127.0.0.1:" + port + " is taken: stop what runs there or choose another with --port", []string{"--port", port}},
		{1, "bootstrap is missing: run make build-local", []string{"--functions", site}},
		{2, `"many" is not the number of a port`, []string{"--port", "many"}},
		{2, "--reset forgets what --data holds, and there is no --data", []string{"--reset"}},
		{2, "flag provided but not defined: -colour", []string{"--colour"}},
		{2, "NAME=VALUE is expected", []string{"--env", "COLOUR"}},
		{2, `"start" is not understood`, []string{"start"}},
	} {
		var stdout, stderr bytes.Buffer
		args := append([]string{"--template", golden, "--functions", functions, "--site", site}, c.args...)
		if got := run(t.Context(), args, noEnv, &stdout, &stderr); got != c.status || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%v: exit status %d, stderr %s", c.args, got, stderr.String())
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	if got := run(t.Context(), []string{"--help"}, noEnv, &stdout, &stderr); got != 0 || stderr.Len() > 0 {
		t.Errorf("exit status %d, stderr %s", got, stderr.String())
	}
	for _, flag := range []string{"--port number", "--data directory", "--reset", "--log-level level", "--unthrottled", "--env NAME=VALUE", "--template file", "--functions directory", "--site directory", "(default: 8787)"} {
		if !strings.Contains(stdout.String(), flag) {
			t.Errorf("the help does not tell of %s:\n%s", flag, stdout.String())
		}
	}
}

func TestPortFromTheEnvironment(t *testing.T) {
	t.Parallel()
	env := func(name string) string { return map[string]string{"PORT": "9000"}[name] }
	for want, args := range map[string][]string{"127.0.0.1:9000": nil, "127.0.0.1:9001": {"--port", "9001"}} {
		if cfg, err := parse(args, env, io.Discard); err != nil || cfg.Addr != want {
			t.Errorf("%v: %s, %v, want %s", args, cfg.Addr, err, want)
		}
	}
	if cfg, err := parse(nil, noEnv, io.Discard); err != nil || cfg.Addr != "127.0.0.1:8787" {
		t.Errorf("by default: %s, %v", cfg.Addr, err)
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "local")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct {
		signal syscall.Signal
		clean  bool
	}{{syscall.SIGINT, true}, {syscall.SIGTERM, true}, {syscall.SIGKILL, false}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			t.Parallel()
			if !c.clean && runtime.GOOS != "linux" {
				t.Skip("only Linux has children die with a parent that is killed")
			}
			functions, site := artefacts(t)
			cmd := exec.Command(binary, "--port", "0", "--template", golden, "--functions", functions, "--site", site)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			url := awaitURL(t, out)
			go func() {
				// It is not answered: the function never asks for its event.
				if res, err := http.Get(url + "api/executions"); err == nil {
					_ = res.Body.Close()
				}
			}()
			pid := awaitPid(t, filepath.Join(functions, "activity", "pid"))
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); (err == nil) != c.clean {
				t.Errorf("it ended with %v", err)
			}
			eventually(t, func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
		})
	}
}

func awaitPid(t *testing.T, path string) int {
	t.Helper()
	var pid int
	eventually(t, func() bool {
		data, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(data)))
		return err == nil
	})
	return pid
}

// eventually waits for what another process brings about.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	const patience = 5 * time.Minute
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited for %v in vain", patience)
		}
	}
}
