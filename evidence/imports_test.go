// Package evidence_test holds what is true of the repository as a whole.
package evidence_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	ours = "github.com/idempotent-requests/idempotent-requests/"
	aws  = "github.com/aws/"
)

type importRule struct {
	packages  string // a package, or with "/..." everything below as well
	mayUse    []string
	mayUseAWS bool
	why       string
}

// Imports flow one way: cmd → domain → idempotency → nothing of ours. The
// first rule whose package pattern fits a package says which of our packages,
// and whether any of AWS's, it may import; a package that no rule names fails
// the test, so that somebody decides where it belongs.
var importRules = []importRule{
	{"idempotency", nil, false, "the core is built on nothing of ours"},
	{"idempotency/internal/...", nil, false, "what stores share is built on nothing of ours"},
	{"idempotency/dynamostore", []string{"idempotency", "idempotency/internal/..."}, true,
		"the DynamoDB store knows the core and the SDK"},
	{"idempotency/valkeystore", []string{"idempotency", "idempotency/internal/..."}, false,
		"the Valkey store knows the core, and its server by a function that it is given"},
	{"idempotency/pgstore", []string{"idempotency", "idempotency/internal/..."}, false,
		"the PostgreSQL store knows the core and pgx"},
	{"idempotency/kmsseal", []string{"idempotency"}, true,
		"the Sealer knows the core and the SDK"},
	{"idempotency/idemlambda", []string{"idempotency"}, true,
		"the adapters know the core and the types of Lambda's events"},
	{"idempotency/cmd/idempotency", []string{"idempotency", "idempotency/dynamostore", "idempotency/idemhttp", "idempotency/kmsseal"}, true,
		"the operator's command knows what it shows, and the store and the keys of one cloud"},
	{"idempotency/...", []string{"idempotency/..."}, false,
		"the library stands alone and has no AWS code outside those three"},
	{"local/dynamolocal/...", []string{"local/dynamolocal/..."}, true,
		"the engine speaks DynamoDB and knows nothing of what it is used for"},
	{"local/...", []string{"local/..."}, true,
		"the local stack deploys a template and knows the functions only as programs"},
	{"functions/customers", domain, false, "a domain is logic and an http.Handler"},
	{"functions/payments", domain, false, "a domain is logic and an http.Handler"},
	{"functions/orders", domain, false, "a domain is logic and an http.Handler"},
	{"functions/activity", domain, false, "a domain is logic and an http.Handler"},
	{"functions/internal/datatable/datatabletest", []string{"idempotency/...", "functions/internal/...", "local/dynamolocal/..."}, true,
		"what only tests import may know the embedded DynamoDB"},
	{"functions/internal/...", []string{"idempotency/...", "functions/internal/..."}, true,
		"what the domains share stands between them and the library"},
	{"functions/cmd/...", []string{"functions/...", "idempotency/..."}, true, "a command wires"},
	{"infra/...", []string{"infra/..."}, true,
		"between the stack and the functions stands the template alone"},
	{"tools/release/...", []string{"tools/release/..."}, false, "a release knows modules as files"},
	{"evidence/mutation", nil, false, "it changes sources and runs tests, and knows neither"},
	{"evidence/contract/...", []string{"local/...", "idempotency/idemclient"}, true,
		"the contract is checked from outside, as by any client"},
	{"evidence/...", []string{"evidence/...", "idempotency/...", "local/..."}, true,
		"the evidence may know everything; nothing knows the evidence"},
}

var domain = []string{
	"idempotency/...",
	"functions/internal/api", "functions/internal/calls", "functions/internal/datatable", "functions/internal/fault",
	"functions/internal/problemtype", "functions/internal/session",
}

func TestImportsFlowOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		path, found := strings.CutPrefix(p.ImportPath, ours)
		if !found {
			continue
		}
		i := slices.IndexFunc(importRules, func(r importRule) bool { return fits(r.packages, path) })
		if i < 0 {
			t.Errorf("%s: no rule says what it may import", path)
			continue
		}
		rule := importRules[i]
		for _, imported := range p.Imports {
			own, isOurs := strings.CutPrefix(imported, ours)
			allowed := !isOurs && (rule.mayUseAWS || !strings.HasPrefix(imported, aws)) ||
				isOurs && slices.ContainsFunc(rule.mayUse, func(pattern string) bool { return fits(pattern, own) })
			if !allowed {
				t.Errorf("%s imports %s: %s", path, imported, rule.why)
			}
		}
	}
}

// What no function uses would only make their start slower.
func TestCommandsDoWithoutTheValkeyStore(t *testing.T) {
	t.Parallel()
	imports := make(map[string][]string)
	for _, p := range listPackages(t) {
		imports[p.ImportPath] = p.Imports
	}
	seen := make(map[string]bool)
	var visit func(path, command string)
	visit = func(path, command string) {
		if path == ours+"idempotency/valkeystore" {
			t.Errorf("%s contains it", command)
		}
		if seen[path] {
			return
		}
		seen[path] = true
		for _, imported := range imports[path] {
			visit(imported, command)
		}
	}
	commands := 0
	for path := range imports {
		if fits("functions/cmd/...", strings.TrimPrefix(path, ours)) {
			commands++
			visit(path, path)
		}
	}
	if commands == 0 {
		t.Error("there are no commands")
	}
}

// fits reports whether a package is named by a pattern.
func fits(pattern, path string) bool {
	root, below := strings.CutSuffix(pattern, "/...")
	return path == root || below && strings.HasPrefix(path, root+"/")
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

// listPackages lists all modules. Tests may import more than what they test, so
// theirs do not count.
func listPackages(t *testing.T) (packages []goPackage) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "work")
	command.Dir = ".."
	output, err := command.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
