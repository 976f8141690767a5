package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// verdicts tests a mutant, first beside others and then, if it has come to that,
// alone. without and with are what go test returns without and with the mutant; the
// last one repeats.
func verdicts(t *testing.T, without, with []tested) (got []result, limits []time.Duration) {
	t.Helper()
	next := func(from *[]tested) tested {
		first := (*from)[0]
		if len(*from) > 1 {
			*from = (*from)[1:]
		}
		return first
	}
	m := allMutants()[0]
	r := &runner{root: filepath.Join("..", ".."), goTest: func(_ context.Context, packages []string, limit time.Duration, arguments ...string) (tested, error) {
		if len(arguments) == 0 {
			return next(&without), nil
		}
		limits = append(limits, limit)
		return next(&with), nil
	}}
	got = append(got, r.test(t.Context(), m, t.TempDir()))
	if got[0].verdict == timedOut {
		got = append(got, r.testAlone(t.Context(), m, t.TempDir()))
	}
	return got, limits
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	passes := func(d time.Duration) tested { return tested{passed: true, longest: d} }
	slow := tested{by: "TestA", timedOut: true}
	for name, test := range map[string]struct {
		without, with []tested
		want          []verdict
		says          string
	}{
		"a test fails":                         {[]tested{passes(time.Second)}, []tested{{by: "TestA"}}, []verdict{caught}, "TestA"},
		"no test fails":                        {[]tested{passes(time.Second)}, []tested{passes(time.Second)}, []verdict{survived}, ""},
		"a test fails anyway":                  {[]tested{{by: "TestB"}}, []tested{{by: "TestB"}}, []verdict{notRun}, "TestB fails without a mutant"},
		"the machine was busy, none fails":     {[]tested{passes(time.Minute), passes(time.Second)}, []tested{slow, passes(time.Second)}, []verdict{timedOut, survived}, ""},
		"the machine was busy, one fails":      {[]tested{passes(time.Minute), passes(time.Second)}, []tested{slow, {by: "TestB"}}, []verdict{timedOut, caught}, "TestB"},
		"a test hangs":                         {[]tested{passes(10 * time.Second)}, []tested{slow}, []verdict{timedOut, hangs}, "TestA has not ended after 6m40s; without the mutant all tests ended after 10s"},
		"a test hangs, and fails anyway alone": {[]tested{passes(time.Second), {by: "TestB"}}, []tested{slow}, []verdict{timedOut, notRun}, "TestB fails without a mutant"},
	} {
		got, limits := verdicts(t, test.without, test.with)
		var names []verdict
		for _, r := range got {
			names = append(names, r.verdict)
		}
		last := got[len(got)-1]
		if line := last.line(allMutants()[0]); !slices.Equal(names, test.want) || !strings.Contains(line, test.says) {
			t.Errorf("%s: %v, %s; want %v, %s", name, names, line, test.want, test.says)
		}
		for i, limit := range limits {
			if least := 20 * got[i].baseline; limit < least || limit < time.Minute {
				t.Errorf("%s: the limit of run %d is %v, want at least a minute and %v", name, i, limit, least)
			}
		}
	}
}

// TestGoTest reads what the go command really prints.
func TestGoTest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, body string
		limit      time.Duration
		want       tested
	}{
		{"passes", `time.Sleep(10 * time.Millisecond)`, time.Hour, tested{passed: true}},
		{"fails", `t.Error("wrong")`, time.Hour, tested{by: "TestA"}},
		{"panics", `go panic("boom"); select {}`, time.Hour, tested{by: `"panic: boom"`}},
		{"hangs", `for { time.Sleep(time.Second) }`, time.Second, tested{by: "TestA", timedOut: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range map[string]string{
				"go.mod":      "module a\n\ngo 1.26\n",
				"go.work":     "go 1.26\n\nuse .\n",
				"a/a_test.go": "package a\n\nimport (\n\t\"testing\"\n\t\"time\"\n)\n\nvar _ = time.Second\n\nfunc TestA(t *testing.T) { " + test.body + " }\n",
			} {
				path := filepath.Join(dir, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			got, err := goTest(dir)(t.Context(), []string{"a"}, test.limit)
			if (got.longest > 0) != got.passed {
				t.Errorf("the tests took %v", got.longest)
			}
			if got.took, got.longest = 0, 0; err != nil || got != test.want {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
		})
	}
	for said, isStatement := range map[string]bool{
		"ERROR: operator is not unique: - unknown (SQLSTATE 42725)": false,
		"ERR Error compiling script (new function)":                 false,
		"ERROR: duplicate key value (SQLSTATE 23505)":               true,
	} {
		if noStatement.MatchString("--- FAIL: TestA (0.00s)\n    a_test.go:1: "+said+"\nFAIL\n") == isStatement {
			t.Errorf("%s: it counts as a refusal of the mutant: %v", said, isStatement)
		}
	}
	if _, err := goTest(t.TempDir())(t.Context(), []string{"nothing"}, time.Hour); err == nil {
		t.Error("a package that is not there has passed")
	}
}
