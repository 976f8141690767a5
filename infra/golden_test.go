package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/infra/stack"
)

var update = flag.Bool("update", false, "rewrite the golden templates instead of comparing with them")

// assetHash is the name of an asset, which changes with its content.
var assetHash = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// TestGolden compares templates with the golden ones, of which the local stack
// deploys the default. What changes here changes in what is deployed: review it
// like code.
func TestGolden(t *testing.T) {
	for name, values := range map[string]map[string]any{
		"default":    nil,
		"production": production,
		"customised": {
			"stage": "shop", "stages": "demo,shop", "acceptPublic": "true", "windowHours": "48", "throttleRate": "1000", "throttleBurst": "500", "removalPolicy": "destroy",
			"corsOrigins": "https://shop.example.com", "architecture": "x86_64",
			"domainName":     "pay.example.com",
			"certificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
			"alarmTopic":     "arn:aws:sns:eu-central-1:123456789012:alarms",
			"webAclArn":      "arn:aws:wafv2:us-east-1:123456789012:global/webacl/pay/12345678-1234-1234-1234-123456789012",

			"reservedConcurrency": "50", "budgetEmail": "ada@example.com",
		},
	} {
		t.Run(name, func(t *testing.T) { compareGolden(t, name, values) })
	}
}

// production are the settings without which there is no production.
var production = map[string]any{
	"stage": "production", "jwtIssuer": "https://issuer.example.com", "jwtAudience": "payments",
	"corsOrigins": "https://shop.example.com",
}

func compareGolden(t *testing.T, name string, values map[string]any) {
	t.Helper()
	golden := filepath.Join("testdata", "golden", name+".template.json")
	text, err := synthesised(values)
	if err != nil {
		t.Fatal(err)
	}
	got := assetHash.ReplaceAllString(string(text), "ASSET")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v: run `make golden`", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the template differs from the golden one; if that is meant, run `make golden` and review the change (-golden +now):\n%s", diff)
	}
}

// TestDemoIsTheDefault holds that whoever names no stage deploys the demo, so that
// the default golden template is the demo's.
func TestDemoIsTheDefault(t *testing.T) {
	got, err := synthesised(map[string]any{"stage": "demo"})
	if err != nil {
		t.Fatal(err)
	}
	want, err := synthesised(nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the demo differs from the default (-default +demo):\n%s", diff)
	}
}

// TestSynthesisIsReproducible holds that a template depends on settings and
// artefacts alone: not on the time, nor on the directory.
func TestSynthesisIsReproducible(t *testing.T) {
	first, err := synthesised(nil)
	if err != nil {
		t.Fatal(err)
	}
	context, err := cliContext(nil)
	if err != nil {
		t.Fatal(err)
	}

	again, err := synthesise(stubs, context)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(first), string(again)); diff != "" {
		t.Errorf("a second synthesis differs (-first +second):\n%s", diff)
	}

	elsewhere := t.TempDir()
	if err := os.CopyFS(elsewhere, os.DirFS(filepath.Join("testdata", "artefacts"))); err != nil {
		t.Fatal(err)
	}
	t.Chdir(elsewhere)
	moved, err := synthesise(stack.Artefacts{Functions: "lambda", Site: "site"}, context)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(first), string(moved)); diff != "" {
		t.Errorf("synthesis in another directory differs (-here +there):\n%s", diff)
	}
}

func TestMissingArtefacts(t *testing.T) {
	for name, artefacts := range map[string]stack.Artefacts{
		"functions": {Functions: t.TempDir(), Site: stubs.Site},
		"site":      {Functions: stubs.Functions, Site: t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := synthesise(artefacts, nil)
			if err == nil || !strings.Contains(err.Error(), "run `make build`") {
				t.Errorf("error is %v, want one that says to run `make build`", err)
			}
		})
	}
}
