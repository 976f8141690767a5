package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestOutsideApp builds somebody else's CDK app, a module of its own, that uses
// the constructs on a table which it has already, and synthesises it.
func TestOutsideApp(t *testing.T) {
	const program = "testdata/outside/main.go"
	source, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(source), "\nfunc addOrders")
	if lines := strings.Count(body, "\n"); lines == 0 || lines >= 20 {
		t.Errorf("a queue and its consumer take %d lines, want fewer than 20", lines)
	}

	dir := t.TempDir()
	infra, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	required, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/idempotent-requests/idempotent-requests/infra"
	// All that the constructs need, in the versions that they are tested with.
	mod := regexp.MustCompile(`(?m)^module .*$`).ReplaceAllString(string(required), "module example.com/shop") +
		"\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + infra + "\n"
	sums, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"main.go": string(source), "go.mod": mod, "go.sum": string(sums), "build/orders/bootstrap": "a binary",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.CommandContext(t.Context(), "go", "run", ".")
	run.Dir = dir
	run.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "CDK_OUTDIR="+filepath.Join(dir, "cdk.out"))
	if output, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}

	tpl := parse(t)(os.ReadFile(filepath.Join(dir, "cdk.out", "Shop.template.json")))
	for kind, want := range map[string]int{
		"AWS::DynamoDB::Table": 0, "AWS::SQS::Queue": 2, "AWS::Lambda::EventSourceMapping": 1, "AWS::Lambda::Function": 1, "AWS::CloudWatch::Alarm": 2,
	} {
		if got := len(tpl.all(kind)); got != want {
			t.Errorf("there are %d resources %s, want %d", got, kind, want)
		}
	}
	_, function := tpl.function(t, "orders")
	if function.Properties["VpcConfig"] != nil || at(t, function.Properties, "TracingConfig", "Mode") != "Active" {
		t.Errorf("the function has the VPC %v and the tracing %v", function.Properties["VpcConfig"], function.Properties["TracingConfig"])
	}
	if name := at(t, function.Properties, "Environment", "Variables", "IDEMPOTENCY_TABLE"); name != "shop-idempotency" {
		t.Errorf("the function is told of the table %v", name)
	}
}
