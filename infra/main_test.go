package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/jsii-runtime-go"

	"github.com/idempotent-requests/idempotent-requests/infra/stack"
)

// No test here calls t.Parallel: the process behind the CDK library answers
// one call at a time.
func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// stubs are the artefacts of the tests, so that none depends on a build.
var stubs = stack.Artefacts{
	Functions: filepath.Join("testdata", "artefacts", "lambda"),
	Site:      filepath.Join("testdata", "artefacts", "site"),
}

// synthesise returns the template that the CLI would deploy, given the
// artefacts, the context of cdk.json, and the context given on its command
// line.
func synthesise(artefacts stack.Artefacts, context map[string]any) ([]byte, error) {
	out, err := os.MkdirTemp("", "cdk.out")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(out)
	app, err := newApp(appProps{artefacts: artefacts, outdir: out, context: context})
	if err != nil {
		return nil, err
	}
	app.Synth(nil)
	return os.ReadFile(filepath.Join(out, stack.ID+".template.json"))
}

// cliContext is the context of cdk.json with more on top, as the CLI has it.
func cliContext(more map[string]any) (map[string]any, error) {
	file, err := os.ReadFile(filepath.Join("..", "cdk.json"))
	if err != nil {
		return nil, err
	}
	var cdk struct{ Context map[string]any }
	if err := json.Unmarshal(file, &cdk); err != nil {
		return nil, fmt.Errorf("cdk.json: %w", err)
	}
	context := map[string]any{}
	maps.Copy(context, cdk.Context)
	maps.Copy(context, more)
	return context, nil
}

// templates are those that were synthesised, by their context as JSON.
var templates = map[string][]byte{}

// synthesised returns the template for values given on the command line. It is
// synthesised once, because that takes a while and gives the same each time, as
// TestSynthesisIsReproducible holds.
func synthesised(values map[string]any) ([]byte, error) {
	context, err := cliContext(values)
	if err != nil {
		return nil, err
	}
	key, err := json.Marshal(context)
	if err != nil {
		return nil, err
	}
	if text, known := templates[string(key)]; known {
		return text, nil
	}
	text, err := synthesise(stubs, context)
	if err == nil {
		templates[string(key)] = text
	}
	return text, err
}

// template is a CloudFormation template.
type template struct {
	Resources map[string]resource
	Outputs   map[string]struct{ Value any }
}

type resource struct {
	Type                string
	Properties          map[string]any
	DeletionPolicy      string
	UpdateReplacePolicy string
	DependsOn           []string
}

// demo is the default template, parsed.
func demo(t *testing.T) template {
	t.Helper()
	return parse(t)(synthesised(nil))
}

// with is the template for values given on the command line.
func with(t *testing.T, values map[string]any) template {
	t.Helper()
	return parse(t)(synthesised(values))
}

// alone is the template of a stage that is not the demo, with more settings.
func alone(t *testing.T, more map[string]any) template {
	t.Helper()
	values := maps.Clone(production)
	maps.Copy(values, more)
	return with(t, values)
}

func parse(t *testing.T) func(text []byte, err error) template {
	t.Helper()
	return func(text []byte, err error) template {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var parsed template
		if err := json.Unmarshal(text, &parsed); err != nil {
			t.Fatal(err)
		}
		return parsed
	}
}

// all returns the resources of a type by logical id.
func (tpl template) all(kind string) map[string]resource {
	found := map[string]resource{}
	for id, r := range tpl.Resources {
		if r.Type == kind {
			found[id] = r
		}
	}
	return found
}

// one returns the only resource of a type whose logical id has a prefix.
func (tpl template) one(t *testing.T, kind, prefix string) (id string, r resource) {
	t.Helper()
	found := tpl.all(kind)
	maps.DeleteFunc(found, func(id string, _ resource) bool { return !strings.HasPrefix(id, prefix) })
	if len(found) != 1 {
		t.Fatalf("there are %d resources %s named %s…, want one", len(found), kind, prefix)
	}
	for id, r = range found {
	}
	return id, r
}

// function returns the Lambda function that runs a command.
func (tpl template) function(t *testing.T, command string) (id string, r resource) {
	t.Helper()
	for id, r := range tpl.all("AWS::Lambda::Function") {
		if r.Properties["Handler"] == command {
			return id, r
		}
	}
	t.Fatalf("no function runs %s", command)
	return "", resource{}
}

// at walks into a value by member names and indices.
func at(t *testing.T, value any, path ...any) any {
	t.Helper()
	for i, step := range path {
		switch step := step.(type) {
		case string:
			members, _ := value.(map[string]any)
			inner, ok := members[step]
			if !ok {
				t.Fatalf("nothing at %v", path[:i+1])
			}
			value = inner
		case int:
			elements, _ := value.([]any)
			if step >= len(elements) {
				t.Fatalf("nothing at %v", path[:i+1])
			}
			value = elements[step]
		}
	}
	return value
}

// list returns the elements of a list, or a single value as a list of one, as
// CloudFormation and IAM allow in many places.
func list(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// render writes a value in one line, its intrinsic functions as ${…}.
func render(value any) string {
	if members, ok := value.(map[string]any); ok && len(members) == 1 {
		for name, argument := range members {
			switch arguments := list(argument); name {
			case "Ref":
				return fmt.Sprintf("${%v}", argument)
			case "Fn::GetAtt":
				return fmt.Sprintf("${%v.%v}", arguments[0], arguments[1])
			case "Fn::Sub":
				return fmt.Sprint(argument)
			case "Fn::Join":
				var parts []string
				for _, part := range list(arguments[1]) {
					parts = append(parts, render(part))
				}
				return strings.Join(parts, fmt.Sprint(arguments[0]))
			}
		}
	}
	if text, ok := value.(string); ok {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
