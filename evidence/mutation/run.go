package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// verdict is what became of a mutant.
type verdict string

const (
	caught   verdict = "caught"
	hangs    verdict = "hangs" // caught by a test that does not end
	survived verdict = "SURVIVED"
	notRun   verdict = "NOT RUN"
	timedOut verdict = "timed out" // beside others, so that nothing follows from it
)

type result struct {
	verdict
	by       string        // the first test that failed, or panicked, or did not end
	took     time.Duration // with the compiler
	limit    time.Duration // of the tests
	baseline time.Duration // of the tests without the mutant
	err      error         // the mutant could not be tested
}

func (r result) line(m mutant) string {
	switch r.verdict {
	case notRun:
		return fmt.Sprintf("%s: %v", m.name, r.err)
	case survived:
		return fmt.Sprintf("%-58s  %s", m.name, m.why)
	case hangs:
		return fmt.Sprintf("%-58s  %s has not ended after %v; without the mutant all tests ended after %v", m.name, r.by, r.limit, r.baseline.Round(time.Millisecond))
	}
	return fmt.Sprintf("%-58s  %s (%v)", m.name, r.by, r.took.Round(100*time.Millisecond))
}

// A test that hangs is told from a slow one by how long all tests take without the
// mutant.
const (
	hangsAfter      = 20 // times the baseline
	hangsAloneAfter = 40
	shortestLimit   = time.Minute // because the shortest baselines say the least
	baselineLimit   = 20 * time.Minute
)

// runner tests mutants.
type runner struct {
	root string
	// goTest runs the tests of packages with a time limit.
	goTest func(ctx context.Context, packages []string, limit time.Duration, arguments ...string) (tested, error)

	mu        sync.Mutex
	baselines map[string]func() (time.Duration, error) // by packages
}

// tested is how a run of go test has ended.
type tested struct {
	passed   bool
	by       string        // the first test that failed, panicked or did not end
	timedOut bool          // that was because of the limit
	took     time.Duration // with the compiler
	longest  time.Duration // that the tests of one package took, if they passed
}

// test tests a mutant, perhaps beside others.
func (r *runner) test(ctx context.Context, m mutant, scratch string) result {
	baseline, err := r.baseline(ctx, m.packages)
	if err != nil {
		return result{verdict: notRun, err: err}
	}
	return r.mutated(ctx, m, scratch, baseline, max(hangsAfter*baseline, shortestLimit))
}

// testAlone tests a mutant when nothing else runs.
func (r *runner) testAlone(ctx context.Context, m mutant, scratch string) result {
	baseline, err := r.measure(ctx, m.packages)
	if err != nil {
		return result{verdict: notRun, err: err}
	}
	got := r.mutated(ctx, m, scratch, baseline, max(hangsAloneAfter*baseline, shortestLimit))
	if got.verdict == timedOut {
		got.verdict = hangs
	}
	return got
}

func (r *runner) mutated(ctx context.Context, m mutant, scratch string, baseline, limit time.Duration) result {
	overlay, err := r.overlay(m, scratch)
	if err != nil {
		return result{verdict: notRun, err: err}
	}
	t, err := r.goTest(ctx, m.packages, limit, "-failfast", "-overlay", overlay)
	got := result{verdict: caught, by: t.by, took: t.took, limit: limit, baseline: baseline, err: err}
	switch {
	case err != nil:
		got.verdict = notRun
	case t.passed:
		got.verdict = survived
	case t.timedOut:
		got.verdict = timedOut
	}
	return got
}

// baseline returns how long the tests of the packages take without a mutant, which is
// measured once.
func (r *runner) baseline(ctx context.Context, packages []string) (time.Duration, error) {
	r.mu.Lock()
	if r.baselines == nil {
		r.baselines = make(map[string]func() (time.Duration, error))
	}
	key := strings.Join(packages, " ")
	measured := r.baselines[key]
	if measured == nil {
		measured = sync.OnceValues(func() (time.Duration, error) { return r.measure(ctx, packages) })
		r.baselines[key] = measured
	}
	r.mu.Unlock()
	return measured()
}

func (r *runner) measure(ctx context.Context, packages []string) (time.Duration, error) {
	t, err := r.goTest(ctx, packages, baselineLimit)
	if err == nil && !t.passed {
		err = fmt.Errorf("%s fails without a mutant", t.by)
	}
	return t.longest, err
}

// overlay writes the mutant, and returns what lets the go command find it.
func (r *runner) overlay(m mutant, scratch string) (string, error) {
	original := filepath.Join(r.root, "idempotency", m.file)
	text, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	parsed, err := parse(m.file, text)
	if err != nil {
		return "", err
	}
	mutated, err := m.mutate(parsed)
	if err != nil {
		return "", err
	}
	return writeOverlay(scratch, original, mutated)
}

// goTest returns a runner's goTest that runs the go command in the directory.
func goTest(dir string) func(context.Context, []string, time.Duration, ...string) (tested, error) {
	return func(ctx context.Context, packages []string, limit time.Duration, arguments ...string) (tested, error) {
		arguments = append([]string{"test", "-count=1", "-short", "-vet=off", "-timeout=" + limit.String()}, arguments...)
		for _, p := range packages {
			arguments = append(arguments, "./"+p)
		}
		command := exec.CommandContext(ctx, "go", arguments...)
		command.Dir = dir
		start := time.Now()
		output, err := command.CombinedOutput()
		t := parseTested(string(output))
		t.took = time.Since(start)
		if _, isExit := errors.AsType[*exec.ExitError](err); err != nil && (!isExit || ctx.Err() != nil) {
			return t, err
		}
		t.passed = err == nil
		if refusal := noStatement.FindString(string(output)); !t.passed && refusal != "" {
			return t, fmt.Errorf("a mutant that the server does not understand is caught by every test: %s", refusal)
		}
		if !t.passed && t.by == "" {
			return t, fmt.Errorf("no test failed, but go test did:\n%s", output)
		}
		return t, nil
	}
}

var (
	failed   = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	exceeded = regexp.MustCompile(`(?m)^panic: test timed out after .*\s+running tests:\s+(\S+)`)
	passed   = regexp.MustCompile(`(?m)^ok\s+\S+\s+([0-9.]+s)`)
	// noStatement is what PostgreSQL says of a syntax error, of operators and functions
	// that there are not, or more than one of, and of parameters without a type, and
	// Valkey of a script.
	noStatement = regexp.MustCompile(`.*(SQLSTATE 42(601|725|883|P18)|Error compiling script).*`)
	panicked    = regexp.MustCompile(`(?m)^(panic|fatal error): (.{0,80})`)
)

// parseTested reads what go test prints. Tests of which one failed before another one
// hung have failed.
func parseTested(output string) (t tested) {
	for _, match := range passed.FindAllStringSubmatch(output, -1) {
		if d, err := time.ParseDuration(match[1]); err == nil {
			t.longest = max(t.longest, d)
		}
	}
	if match := failed.FindStringSubmatch(output); match != nil {
		t.by = match[1]
	} else if match := exceeded.FindStringSubmatch(output); match != nil {
		t.by, t.timedOut = match[1], true
	} else if match := panicked.FindStringSubmatch(output); match != nil {
		t.timedOut = strings.HasPrefix(match[2], "test timed out")
		t.by = strconv.Quote(match[0])
	}
	return t
}
