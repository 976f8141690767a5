package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/lambda"
)

// binary is the test function, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "lambda-test")
	if err != nil {
		log.Fatal(err)
	}
	binary = filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-o", binary, "./testdata/function")
	if out, err := build.CombinedOutput(); err != nil {
		log.Fatalf("build the test function: %v\n%s", err, out)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

type answer struct {
	Pid, Count     int
	RequestID, ARN string
	Deadline       int64
	Env            []string
	Big            string
}

// deploy makes a service with the test function as "fn", as changed by change.
func deploy(t *testing.T, cfg lambda.Config, change func(*lambda.Function)) *lambda.Service {
	t.Helper()
	s, err := lambda.NewService(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f := lambda.Function{Name: "fn", Handler: "echo", Binary: binary, Timeout: 30 * time.Second, MemoryMB: 256}
	if change != nil {
		change(&f)
	}
	if err := s.Deploy(f); err != nil {
		t.Fatal(err)
	}
	return s
}

func invoke(t *testing.T, s *lambda.Service, event string) answer {
	t.Helper()
	out, err := s.Invoke(t.Context(), "fn", []byte(event))
	if err != nil {
		t.Fatalf("invoke %s: %v", event, err)
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("answer %s: %v", out, err)
	}
	return a
}

func functionError(t *testing.T, err error) *lambda.FunctionError {
	t.Helper()
	var fe *lambda.FunctionError
	if !errors.As(err, &fe) {
		t.Fatalf("got %v, want a FunctionError", err)
	}
	return fe
}

func TestInvokeReusesTheProcess(t *testing.T) {
	t.Parallel()
	s := deploy(t, lambda.Config{Region: "eu-west-1"}, nil)
	began := time.Now()
	first := invoke(t, s, `{"do":"echo"}`)
	for i := 2; i <= 20; i++ {
		next := invoke(t, s, `{"do":"echo"}`)
		if next.Pid != first.Pid || next.Count != i {
			t.Fatalf("invocation %d: process %d count %d, want process %d count %d", i, next.Pid, next.Count, first.Pid, i)
		}
		if next.RequestID == first.RequestID {
			t.Fatal("two invocations share a request id")
		}
	}
	if want := "arn:aws:lambda:eu-west-1:000000000000:function:fn"; first.ARN != want {
		t.Errorf("ARN %q, want %q", first.ARN, want)
	}
	const timeout = 30 * time.Second
	if deadline := time.UnixMilli(first.Deadline); deadline.Before(began.Add(timeout-time.Millisecond)) || deadline.After(time.Now().Add(timeout)) {
		t.Errorf("deadline %v after the invocation, want %v", deadline.Sub(began), timeout)
	}
	if got := s.Processes("echo"); !slices.Equal(got, []int{first.Pid}) {
		t.Errorf("Processes = %v, want %d alone", got, first.Pid)
	}
	if got := s.Processes("other"); len(got) != 0 {
		t.Errorf("Processes of an unknown handler = %v", got)
	}
}

func TestEnvironmentIsLambdasAlone(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", "/etc/ssl/other.pem")
	t.Setenv("AWS_PROFILE", "production")
	s := deploy(t, lambda.Config{Env: map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1"}}, func(f *lambda.Function) {
		f.Env = map[string]string{"STAGE": "demo"}
		f.LogFormat, f.LogLevel = "JSON", "INFO"
	})
	env := map[string]string{}
	for _, entry := range invoke(t, s, `{"do":"env"}`).Env {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	want := map[string]string{
		"_HANDLER": "echo", "STAGE": "demo", "TZ": ":UTC", "PATH": os.Getenv("PATH"), "LANG": "en_US.UTF-8",
		"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
		"AWS_LAMBDA_FUNCTION_NAME": "fn", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/fn", "AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO",
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "LAMBDA_TASK_ROOT": filepath.Dir(binary),
		"AWS_ACCESS_KEY_ID": "echo", "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": "local",
	}
	for name, value := range want {
		if env[name] != value {
			t.Errorf("%s = %q, want %q", name, env[name], value)
		}
		delete(env, name)
	}
	// _X_AMZN_TRACE_ID is set by the function's own runtime library.
	for _, known := range []string{"AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_LOG_STREAM_NAME", "_X_AMZN_TRACE_ID"} {
		if env[known] == "" {
			t.Errorf("%s is not set", known)
		}
		delete(env, known)
	}
	if len(env) != 0 {
		t.Errorf("the function also sees %v", env)
	}
}

func TestReportedErrorKeepsTheProcess(t *testing.T) {
	t.Parallel()
	s := deploy(t, lambda.Config{}, nil)
	before := invoke(t, s, `{}`)
	_, err := s.Invoke(t.Context(), "fn", []byte(`{"do":"fail"}`))
	if fe := functionError(t, err); fe.Type != "errorString" || fe.Message != "declined" {
		t.Errorf("got %+v", fe)
	}
	if after := invoke(t, s, `{}`); after.Pid != before.Pid {
		t.Errorf("process %d was replaced by %d", before.Pid, after.Pid)
	}
}

func TestCrashGivesTheNextRequestAFreshProcess(t *testing.T) {
	t.Parallel()
	for do, wantType := range map[string]string{"exit": "Runtime.ExitError", "panic": "string"} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			s := deploy(t, lambda.Config{}, nil)
			before := invoke(t, s, `{}`)
			_, err := s.Invoke(t.Context(), "fn", fmt.Appendf(nil, `{"do":%q}`, do))
			if fe := functionError(t, err); fe.Type != wantType {
				t.Errorf("got %+v, want type %s", fe, wantType)
			}
			after := invoke(t, s, `{}`)
			if after.Pid == before.Pid || after.Count != 1 {
				t.Errorf("process %d count %d after the crash of %d", after.Pid, after.Count, before.Pid)
			}
		})
	}
}

func TestOverrunIsKilledAtTheDeadline(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second // for the other invocations, too
	s := deploy(t, lambda.Config{}, func(f *lambda.Function) { f.Timeout = timeout })
	before := invoke(t, s, `{}`)
	began := time.Now()
	_, err := s.Invoke(t.Context(), "fn", []byte(`{"do":"hang"}`))
	if took := time.Since(began); took < timeout {
		t.Errorf("answered after %v", took)
	}
	fe := functionError(t, err)
	if fe.Type != "Sandbox.Timedout" || !strings.Contains(fe.Message, "Task timed out after 2.00 seconds") {
		t.Errorf("got %+v", fe)
	}
	if !gone(before.Pid) {
		t.Errorf("process %d is still there", before.Pid)
	}
	if after := invoke(t, s, `{}`); after.Pid == before.Pid {
		t.Error("the killed process answered")
	}
}

func TestKilledProcess(t *testing.T) {
	t.Parallel()
	t.Run("while idle: the next request does not notice", func(t *testing.T) {
		t.Parallel()
		s := deploy(t, lambda.Config{}, nil)
		for range 10 {
			before := invoke(t, s, `{}`)
			if err := syscall.Kill(before.Pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			// Right after the kill the process may still look alive.
			out, err := s.Invoke(t.Context(), "fn", []byte(`{}`))
			if err != nil {
				// It took the event with it: that is a crash.
				if fe := functionError(t, err); fe.Type != "Runtime.ExitError" {
					t.Fatal(fe)
				}
				continue
			}
			var a answer
			if err := json.Unmarshal(out, &a); err != nil || a.Pid == before.Pid {
				t.Fatalf("got %s from a killed process (%v)", out, err)
			}
		}
	})
	t.Run("while working: the request fails", func(t *testing.T) {
		t.Parallel()
		s := deploy(t, lambda.Config{}, nil)
		mark := filepath.Join(t.TempDir(), "working")
		failed := make(chan error, 1)
		go func() {
			_, err := s.Invoke(context.WithoutCancel(t.Context()), "fn", fmt.Appendf(nil, `{"do":"hang","mark":%q}`, mark))
			failed <- err
		}()
		awaitFile(t, mark)
		for _, pid := range s.Processes("echo") {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		if fe := functionError(t, <-failed); fe.Type != "Runtime.ExitError" || !strings.Contains(fe.Message, "signal: killed") {
			t.Errorf("got %+v", fe)
		}
		invoke(t, s, `{}`)
	})
}

func TestInitFailureSaysWhatTheProcessSaid(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string][]string{
		"fail":  {"exited (exit status 3)", "the table is missing"},
		"panic": {"exited (exit status 2)", "no configuration"},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := deploy(t, lambda.Config{}, func(f *lambda.Function) { f.Env = map[string]string{"INIT": mode} })
			_, err := s.Invoke(t.Context(), "fn", []byte(`{}`))
			var ie *lambda.InitError
			if !errors.As(err, &ie) {
				t.Fatalf("got %v, want an InitError", err)
			}
			for _, text := range append(want, binary) {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the error does not say %q: %v", text, err)
				}
			}
			if got := s.Processes("echo"); len(got) != 0 {
				t.Errorf("processes %v are left", got)
			}
		})
	}
}

func TestConcurrentInvocationsHaveProcessesOfTheirOwn(t *testing.T) {
	t.Parallel()
	const calls = 6
	s := deploy(t, lambda.Config{MaxProcesses: 3}, nil)
	release := filepath.Join(t.TempDir(), "go")
	var mu sync.Mutex
	count := map[int]int{}
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			out, err := s.Invoke(t.Context(), "fn", fmt.Appendf(nil, `{"do":"wait","wait":%q}`, release))
			if err != nil {
				t.Error(err)
				return
			}
			var a answer
			if err := json.Unmarshal(out, &a); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			count[a.Pid]++
		})
	}
	eventually(t, func() bool { return len(s.Processes("echo")) == 3 })
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if len(count) != 3 {
		t.Errorf("%d calls ran in %d processes, want 3: %v", calls, len(count), count)
	}
}

func TestReservedConcurrencyRefuses(t *testing.T) {
	t.Parallel()
	s := deploy(t, lambda.Config{}, func(f *lambda.Function) { f.Concurrency = 1 })
	release := filepath.Join(t.TempDir(), "go")
	done := make(chan error, 1)
	go func() {
		_, err := s.Invoke(context.WithoutCancel(t.Context()), "fn", fmt.Appendf(nil, `{"do":"wait","wait":%q}`, release))
		done <- err
	}()
	eventually(t, func() bool { return len(s.Processes("echo")) == 1 })
	if _, err := s.Invoke(t.Context(), "fn", []byte(`{}`)); !errors.Is(err, lambda.ErrThrottled) {
		t.Errorf("got %v, want ErrThrottled", err)
	}
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestPayloadLimits(t *testing.T) {
	t.Parallel()
	s := deploy(t, lambda.Config{}, nil)
	event := fmt.Appendf(nil, `{"name":%q}`, strings.Repeat("x", lambda.MaxPayload))
	if _, err := s.Invoke(t.Context(), "fn", event); !errors.Is(err, lambda.ErrEventTooLarge) {
		t.Errorf("event: got %v, want ErrEventTooLarge", err)
	}
	if a := invoke(t, s, `{"do":"big","size":6000000}`); len(a.Big) != 6000000 {
		t.Errorf("a response of 6 MB came back with %d bytes", len(a.Big))
	}
	_, err := s.Invoke(t.Context(), "fn", []byte(`{"do":"big","size":6400000}`))
	if fe := functionError(t, err); fe.Type != "Function.ResponseSizeTooLarge" {
		t.Errorf("got %+v", fe)
	}
	invoke(t, s, `{}`)
}

func TestEndOfTheCallersContextDoesNotEndTheInvocation(t *testing.T) {
	t.Parallel()
	s := deploy(t, lambda.Config{}, nil)
	dir := t.TempDir()
	release, mark := filepath.Join(dir, "go"), filepath.Join(dir, "done")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Invoke(ctx, "fn", fmt.Appendf(nil, `{"do":"wait","wait":%q,"mark":%q}`, release, mark))
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	awaitFile(t, mark)
}

func TestCloseLeavesNoProcess(t *testing.T) {
	t.Parallel()
	s := deploy(t, lambda.Config{}, nil)
	idle := invoke(t, s, `{}`).Pid
	done := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := s.Invoke(context.WithoutCancel(t.Context()), "fn", []byte(`{"do":"hang"}`))
			done <- err
		}()
	}
	eventually(t, func() bool { return len(s.Processes("echo")) == 2 })
	pids := append(s.Processes("echo"), idle)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if !gone(pid) {
			t.Errorf("process %d outlived Close", pid)
		}
	}
	for range 2 {
		if err := <-done; err == nil {
			t.Error("an invocation that was cut short succeeded")
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := s.Invoke(t.Context(), "fn", []byte(`{}`)); !errors.Is(err, lambda.ErrClosed) {
		t.Errorf("Invoke after Close: %v, want ErrClosed", err)
	}
}

func TestOutputIsPassedOnByLine(t *testing.T) {
	t.Parallel()
	var out safeBuffer
	s := deploy(t, lambda.Config{Output: &out}, nil)
	_, err := s.Invoke(t.Context(), "fn", []byte(`{"do":"exit"}`))
	functionError(t, err)
	if got, want := out.String(), "echo | going\n"; got != want {
		t.Errorf("output %q, want %q", got, want)
	}
}

func TestDeployRefuses(t *testing.T) {
	t.Parallel()
	s, err := lambda.NewService(lambda.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	good := lambda.Function{Name: "fn", Handler: "echo", Binary: binary, Timeout: time.Second, MemoryMB: 128}
	for want, change := range map[string]func(*lambda.Function){
		"needs a Name":             func(f *lambda.Function) { f.Name = "" },
		"the name of a command":    func(f *lambda.Function) { f.Handler = "../echo" },
		"needs a Timeout":          func(f *lambda.Function) { f.Timeout = 0 },
		"needs MemoryMB":           func(f *lambda.Function) { f.MemoryMB = 0 },
		"which Lambda reserves":    func(f *lambda.Function) { f.Env = map[string]string{"AWS_REGION": "eu-west-1"} },
		"no such file":             func(f *lambda.Function) { f.Binary = "missing/bootstrap" },
		"testdata is not executab": func(f *lambda.Function) { f.Binary = "testdata" },
	} {
		f := good
		change(&f)
		if err := s.Deploy(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	if err := s.Deploy(good); err != nil {
		t.Fatal(err)
	}
	if err := s.Deploy(good); err == nil {
		t.Error("the same name was deployed twice")
	}
	if _, err := s.Invoke(t.Context(), "other", nil); err == nil {
		t.Error("an unknown function was invoked")
	}
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

func awaitFile(t *testing.T, path string) {
	t.Helper()
	eventually(t, func() bool { _, err := os.Stat(path); return err == nil })
}

// gone reports whether a process no longer exists.
func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
