package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var home = place{account: "123456789012", caller: "arn:aws:iam::123456789012:user/ada", region: "eu-central-1", concurrency: 1000}

// try runs the command with a CDK that deploys at once.
func try(t *testing.T, answer string, terminal bool, args ...string) (calls [][]string, said string, err error) {
	t.Helper()
	var out bytes.Buffer
	r := runner{
		in: strings.NewReader(answer), out: &out, terminal: terminal,
		outputs: filepath.Join(t.TempDir(), "build", "outputs.json"),
		place:   func(context.Context) (place, error) { return home, nil },
		exists:  func(_ context.Context, stack string) (bool, error) { return stack != "IdempotentRequests-staging", nil },
		context: map[string]any{"cli-telemetry": false},
	}
	r.cdk = func(_ context.Context, args ...string) error {
		if i := slices.Index(args, r.outputs); i >= 0 {
			args = slices.Clone(args)
			args[i] = "OUTPUTS"
		}
		calls = append(calls, args)
		return os.WriteFile(r.outputs, []byte(`{"IdempotentRequests-demo":{"SiteUrl":"https://d1.cloudfront.net","ApiUrl":"https://a1.example"}}`), 0o600)
	}
	if slices.Contains(args, "destroy") {
		r.cdk = func(_ context.Context, args ...string) error { calls = append(calls, args); return nil }
	}
	err = r.run(t.Context(), args)
	return calls, out.String(), err
}

// closed are the settings of a stage that knows its callers.
func closed(stage string) []string {
	return []string{"-c", "stage=" + stage, "-c", "jwtIssuer=https://issuer.example.com", "-c", "jwtAudience=payments"}
}

// deployed is a deployment by CDK with these arguments.
func deployed(args ...string) []string {
	call := append([]string{"deploy", "--outputs-file", "OUTPUTS"}, args...)
	quota := []string{"-c", "concurrencyQuota=1000"}
	if i := slices.Index(call, "--require-approval"); i >= 0 {
		return slices.Insert(call, i, quota...)
	}
	return append(call, quota...)
}

func TestWhatIsRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer   string
		terminal bool
		args     []string
		want     [][]string
		says     string // of the error
	}{
		"agreed":          {"y\n", true, []string{"deploy"}, [][]string{deployed()}, ""},
		"with settings":   {"yes\n", true, []string{"deploy", "-c", "windowHours=48"}, [][]string{deployed("-c", "windowHours=48")}, ""},
		"declined":        {"\n", true, []string{"deploy"}, nil, "nothing was done"},
		"no answer":       {"", true, []string{"destroy"}, nil, "nothing was done"},
		"nobody there":    {"y\n", false, []string{"deploy"}, nil, "YES=1"},
		"not asked":       {"", false, []string{"-yes", "deploy"}, [][]string{deployed("--require-approval", "never")}, ""},
		"destroy":         {"y\n", true, []string{"destroy"}, [][]string{{"destroy", "--force", "-c", "concurrencyQuota=1000"}}, ""},
		"something else":  {"y\n", true, []string{"diff"}, nil, "neither deploy nor destroy"},
		"an unknown flag": {"y\n", true, []string{"-force", "deploy"}, nil, "-force"},

		"a stage misspelt":       {"y\n", true, []string{"destroy", "-c", "stag=production"}, nil, "did you mean stage?"},
		"no value":               {"y\n", true, []string{"deploy", "--context", "stage"}, nil, "-c name=value"},
		"production, open":       {"y\n", true, []string{"deploy", "-c", "stage=production"}, nil, "has no authorizer"},
		"a quota of one's own":   {"y\n", true, []string{"deploy", "--context=concurrencyQuota=10"}, nil, "reservedConcurrency=none"},
		"production":             {"y\n", true, append([]string{"deploy"}, closed("production")...), [][]string{deployed(closed("production")...)}, ""},
		"a new stage, protected": {"y\n", true, append([]string{"deploy"}, closed("staging")...), [][]string{append(deployed(closed("staging")...), "-c", "protection=false"), deployed(closed("staging")...)}, ""},
		"data, by a yes":         {"yes\n", true, append([]string{"destroy"}, closed("production")...), nil, "nothing was done"},
		"data, by name": {"production\n", true, append([]string{"destroy"}, closed("production")...), [][]string{
			append(append([]string{"destroy", "--force"}, closed("production")...), "-c", "concurrencyQuota=1000"),
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls, said, err := try(t, test.answer, test.terminal, test.args...)
			if diff := cmp.Diff(test.want, calls); diff != "" {
				t.Errorf("calls of CDK (-want +got):\n%s", diff)
			}
			if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("error %v, want %q; said:\n%s", err, test.says, said)
			}
		})
	}
}

// TestSaysWhereAndAtWhatCost holds that both are known before the question.
func TestSaysWhereAndAtWhatCost(t *testing.T) {
	t.Parallel()
	_, said, err := try(t, "y\n", true, "deploy")
	if err != nil {
		t.Fatal(err)
	}
	note, _, asked := strings.Cut(said, "[y/N]")
	for _, needed := range []string{"stage    demo, stack IdempotentRequests-demo", home.account, home.caller, home.region, "US dollars", "docs/costs.md", "budgetEmail"} {
		if !asked || !strings.Contains(note, needed) {
			t.Errorf("%q is not said before asking:\n%s", needed, said)
		}
	}
	if !strings.HasSuffix(said, "The website: https://d1.cloudfront.net\n") || !strings.Contains(said, "https://a1.example") {
		t.Errorf("it does not end with the website's address, after all outputs:\n%s", said)
	}
}

func TestFailuresAreTold(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, r := range map[string]runner{
		"credentials": {place: func(context.Context) (place, error) { return place{}, broken }},
		"CDK": {
			place: func(context.Context) (place, error) { return home, nil },
			cdk:   func(context.Context, ...string) error { return broken },
		},
	} {
		r.in, r.out, r.outputs = strings.NewReader(""), &bytes.Buffer{}, filepath.Join(t.TempDir(), "outputs.json")
		for _, command := range []string{"deploy", "destroy"} {
			if err := r.run(t.Context(), []string{"-yes", command}); !errors.Is(err, broken) {
				t.Errorf("%s: %s: %v", name, command, err)
			}
		}
	}
}
