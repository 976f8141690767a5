package contract_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/local/localstack"
)

const (
	document  = "../../docs/openapi.yaml"
	template  = "../../infra/testdata/golden/default.template.json"
	functions = "../../build/lambda/local"
	site      = "../../local/localstack/testdata/site"
)

// apiURL is what most tests run against.
var apiURL = os.Getenv("API_URL")

// deployed reports whether that is a deployment, which tests cannot reach into.
func deployed() bool { return os.Getenv("API_URL") != "" }

func TestMain(m *testing.M) {
	flag.Parse() // for testing.Verbose
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "contract:", err)
		code = 1
	}
	os.Exit(code)
}

// parallel is how many tests run at a time. They wait for leases to end most of
// the time: more than there are processors can.
const parallel = "8"

func run(m *testing.M) (code int, err error) {
	if err := flag.Set("test.parallel", parallel); err != nil {
		return 1, err
	}
	if deployed() {
		return m.Run(), nil
	}
	if err := buildFunctions(); err != nil {
		return 1, err
	}
	stack, err := startStack(context.Background(), nil)
	if err != nil {
		return 1, err
	}
	apiURL = stack.URL()
	code = m.Run()
	if err := stack.Close(); err != nil || code != 0 || !everythingRan() {
		return code, err
	}
	return code, errors.Join(comparePrivileges(stack.Tables()), written.compareMetrics())
}

// buildFunctions builds the binaries as they are built for Lambda, but for this
// machine.
func buildFunctions() error {
	for _, name := range []string{"customers", "payments", "orders", "activity"} {
		output, err := filepath.Abs(filepath.Join(functions, name, "bootstrap"))
		if err != nil {
			return err
		}
		build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", output, "./cmd/"+name)
		build.Dir = "../../functions"
		build.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
		if text, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build the function %s: %w\n%s", name, err, text)
		}
	}
	return nil
}

func startStack(ctx context.Context, change func(*localstack.Config)) (*localstack.Stack, error) {
	cfg := localstack.Config{
		Template: template, Functions: functions, Site: site, Addr: "127.0.0.1:0", Observe: taken.observe, Logs: &written,
		// All tests together ask for more than a few visitors do. One of them holds
		// that those are let through.
		Unthrottled: true, Env: map[string]string{"FAULT_LIMITS": "false"},
	}
	if change != nil {
		change(&cfg)
	}
	if testing.Verbose() {
		cfg.Logs = io.MultiWriter(&written, os.Stderr)
	}
	return localstack.Start(ctx, cfg)
}
