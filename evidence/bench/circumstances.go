package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// circumstances say when, where and with what was measured.
func (b *bench) circumstances(ctx context.Context) string {
	database := "the embedded DynamoDB in another process, over loopback"
	if b.db.engine == nil {
		database = "a DynamoDB at " + b.db.endpoint
	}
	return fmt.Sprintf(`Measured on %s in %.0f minutes, against %s.

%s
Each figure is the median of %d rounds (cold starts: %d), each of which measures everything once, in random order, for %d ms after a
quarter of that to warm up.`,
		b.began.UTC().Format(time.DateOnly), time.Since(b.began).Minutes(), database, b.versions(ctx), b.rounds, b.starts, b.batch)
}

func (b *bench) versions(ctx context.Context) string {
	t := table{{"", "version"}}
	t = append(t, []string{"machine", fmt.Sprintf("%s, %d cores, %s/%s", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)})
	t = append(t, []string{"Go", strings.TrimPrefix(runtime.Version(), "go")})
	if output, err := exec.CommandContext(ctx, "node", "--version").Output(); err == nil {
		t = append(t, []string{"Node", strings.TrimPrefix(strings.TrimSpace(string(output)), "v")})
	}
	const sdk, fiber = "github.com/aws/aws-sdk-go-v2/service/dynamodb", "github.com/gofiber/fiber/v3"
	for _, m := range b.modules(ctx) {
		if m.Path == sdk || m.Path == fiber {
			t = append(t, []string{m.Path, strings.TrimPrefix(m.Version, "v")})
		}
	}
	var manifest struct{ Dependencies map[string]string }
	if text, err := os.ReadFile(filepath.Join(b.here, "package.json")); err == nil && json.Unmarshal(text, &manifest) == nil {
		for _, name := range []string{"@aws-lambda-powertools/idempotency", "@aws-sdk/client-dynamodb"} {
			t = append(t, []string{name, manifest.Dependencies[name]})
		}
	}
	return t.String()
}

// modules are those that the client was built of.
func (b *bench) modules(ctx context.Context) (modules []*debug.Module) {
	output, err := exec.CommandContext(ctx, "go", "version", "-m", filepath.Join(b.built, "client")).Output()
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(output)) {
		if fields := strings.Fields(line); len(fields) >= 3 && fields[0] == "dep" {
			modules = append(modules, &debug.Module{Path: fields[1], Version: fields[2]})
		}
	}
	slices.SortFunc(modules, func(a, b *debug.Module) int { return strings.Compare(a.Path, b.Path) })
	return modules
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
