package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFeatureFlagsAreTheRecommendedOnes compares feature-flags.json with what
// the pinned CDK library recommends to a new project. An update of the library
// brings new flags: copy its list, and review what they change in the template.
func TestFeatureFlagsAreTheRecommendedOnes(t *testing.T) {
	var want, got map[string]any
	if err := json.Unmarshal(recommendedFlags(t), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(featureFlags, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("feature flags (-recommended +ours):\n%s", diff)
	}
}

// recommendedFlags reads recommended-feature-flags.json from the library, which
// the Go module carries as an npm package.
func recommendedFlags(t *testing.T) []byte {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-cdk-go/awscdk/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "jsii", "aws-cdk-lib-*.tgz"))
	if err != nil || len(found) != 1 {
		t.Fatalf("found %v, want one package: %v", found, err)
	}
	file, err := os.Open(found[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			t.Fatalf("%s has no list of recommended flags", found[0])
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Name == "package/recommended-feature-flags.json" {
			flags, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(err)
			}
			return flags
		}
	}
}
