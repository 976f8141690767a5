package dynamostore_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/oasdiff/yaml"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// shape is what the ways of creating one in docs/creating-the-table.md have to agree on.
type shape struct {
	PartitionKey, KeyType, Billing, TimeToLive string
	Encrypted, Backups, Kept                   bool
	Actions                                    []string
}

var wantTable = shape{
	PartitionKey: "id", KeyType: "S", Billing: "PAY_PER_REQUEST", TimeToLive: "expiration",
	Encrypted: true, Backups: true, Kept: true,
	Actions: []string{"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"},
}

// block returns the first block of a language in the document.
func block(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/creating-the-table.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```"+language+"\n")
	code, _, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		t.Fatalf("the document shows no %s", language)
	}
	return code
}

func TestTableOfSAM(t *testing.T) {
	t.Parallel()
	var template struct {
		Transform string
		Resources map[string]struct {
			Type, DeletionPolicy, UpdateReplacePolicy string
			Properties                                json.RawMessage
		}
	}
	if _, err := yaml.Unmarshal([]byte(block(t, "yaml")), &template, yaml.DecodeOpts{}); err != nil {
		t.Fatal(err)
	}
	records := template.Resources["IdempotencyRecords"]
	var p struct {
		BillingMode             string
		AttributeDefinitions    []struct{ AttributeName, AttributeType string }
		KeySchema               []struct{ AttributeName, KeyType string }
		TimeToLiveSpecification struct {
			AttributeName string
			Enabled       bool
		}
		SSESpecification                 struct{ SSEEnabled bool }
		PointInTimeRecoverySpecification struct{ PointInTimeRecoveryEnabled bool }
	}
	var access struct {
		PolicyDocument struct{ Statement []struct{ Action []string } }
	}
	if err := json.Unmarshal(records.Properties, &p); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(template.Resources["IdempotencyAccess"].Properties, &access); err != nil {
		t.Fatal(err)
	}
	if template.Transform != "AWS::Serverless-2016-10-31" || records.Type != "AWS::DynamoDB::Table" || len(p.KeySchema) != 1 || len(p.AttributeDefinitions) != 1 ||
		p.KeySchema[0].KeyType != "HASH" || p.KeySchema[0].AttributeName != p.AttributeDefinitions[0].AttributeName || !p.TimeToLiveSpecification.Enabled {
		t.Errorf("the template is not that of a table with one key: %+v", p)
	}
	got := shape{
		PartitionKey: p.KeySchema[0].AttributeName, KeyType: p.AttributeDefinitions[0].AttributeType, Billing: p.BillingMode,
		TimeToLive: p.TimeToLiveSpecification.AttributeName, Encrypted: p.SSESpecification.SSEEnabled,
		Backups: p.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled,
		Kept:    records.DeletionPolicy == "Retain" && records.UpdateReplacePolicy == "Retain",
		Actions: access.PolicyDocument.Statement[0].Action,
	}
	if diff := cmp.Diff(wantTable, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTableOfTerraform(t *testing.T) {
	t.Parallel()
	source := []byte(block(t, "hcl"))
	file, problems := hclsyntax.ParseConfig(source, "main.tf", hcl.InitialPos)
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	// at returns what stands at a path of blocks, and of an attribute in the last.
	at := func(path ...string) (values []string) {
		body := file.Body.(*hclsyntax.Body)
		for _, name := range path[:len(path)-1] {
			i := slices.IndexFunc(body.Blocks, func(b *hclsyntax.Block) bool { return strings.Join(append([]string{b.Type}, b.Labels...), ".") == name })
			if i < 0 {
				t.Fatalf("there is no %v", path)
			}
			body = body.Blocks[i].Body
		}
		attribute := body.Attributes[path[len(path)-1]]
		if attribute == nil {
			t.Fatalf("there is no %v", path)
		}
		value, problems := attribute.Expr.Value(nil)
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		if value.CanIterateElements() {
			for _, element := range value.AsValueSlice() {
				values = append(values, element.AsString())
			}
			return values
		}
		if value.Type().FriendlyName() == "bool" {
			return []string{map[bool]string{true: "true", false: "false"}[value.True()]}
		}
		return []string{value.AsString()}
	}
	const resource = "resource.aws_dynamodb_table.idempotency"
	if key := at(resource, "hash_key"); at(resource, "attribute", "name")[0] != key[0] || at(resource, "ttl", "enabled")[0] != "true" {
		t.Errorf("the key %v has no attribute, or the time to live is off", key)
	}
	got := shape{
		PartitionKey: at(resource, "hash_key")[0], KeyType: at(resource, "attribute", "type")[0], Billing: at(resource, "billing_mode")[0],
		TimeToLive: at(resource, "ttl", "attribute_name")[0], Encrypted: at(resource, "server_side_encryption", "enabled")[0] == "true",
		Backups: at(resource, "point_in_time_recovery", "enabled")[0] == "true", Kept: at(resource, "lifecycle", "prevent_destroy")[0] == "true",
		Actions: at("data.aws_iam_policy_document.idempotency", "statement", "actions"),
	}
	if diff := cmp.Diff(wantTable, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The commands are run as the CLI would, against the embedded DynamoDB.
func TestTableOfTheCLI(t *testing.T) {
	t.Parallel()
	engine, err := dynamolocal.New(dynamolocal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	call := func(operation string, in map[string]any) (out map[string]any, status int) {
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "http://dynamodb.invalid/", bytes.NewReader(body))
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
		recorder := httptest.NewRecorder()
		engine.ServeHTTP(recorder, r)
		if err := json.Unmarshal(recorder.Body.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		return out, recorder.Code
	}
	script := strings.ReplaceAll(block(t, "sh"), "\\\n", "")
	for line := range strings.Lines(script) {
		words := strings.Fields(line)
		if len(words) < 4 || words[0] != "aws" || words[1] != "dynamodb" {
			t.Fatalf("not a command of the CLI: %q", line)
		}
		operation, rest := words[2], words[3:]
		if operation == "wait" {
			if rest[0] != "table-exists" || rest[1] != "--table-name" {
				t.Fatalf("waits for %v", rest)
			}
			for {
				if out, _ := call("DescribeTable", map[string]any{"TableName": rest[2]}); out["Table"] != nil && out["Table"].(map[string]any)["TableStatus"] == "ACTIVE" {
					break
				}
				time.Sleep(time.Millisecond)
			}
			continue
		}
		in := make(map[string]any)
		for i := 0; i < len(rest); i += 2 {
			in[pascal(strings.TrimPrefix(rest[i], "--"))] = shorthand(rest[i], rest[i+1])
		}
		if out, status := call(pascal(operation), in); status != http.StatusOK {
			t.Fatalf("%s: %d %v", line, status, out)
		}
	}
	described, _ := call("DescribeTable", map[string]any{"TableName": "idempotency"})
	ttl, _ := call("DescribeTimeToLive", map[string]any{"TableName": "idempotency"})
	text, _ := json.Marshal([]any{described, ttl})
	for _, want := range []string{`"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]`, `"AttributeType":"S"`, `"PAY_PER_REQUEST"`, `"AttributeName":"expiration"`, `"TimeToLiveStatus":"ENABLED"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the table is %s, which lacks %s", text, want)
		}
	}
}

// pascal returns the name that the API has for the CLI's: table-name is TableName.
func pascal(name string) (pascal string) {
	for part := range strings.SplitSeq(name, "-") {
		pascal += strings.ToUpper(part[:1]) + part[1:]
	}
	return pascal
}

// shorthand reads a value of the CLI's shorthand syntax, as far as it is used here.
func shorthand(option, value string) any {
	if !strings.Contains(value, "=") {
		return value
	}
	object := make(map[string]any)
	for member := range strings.SplitSeq(value, ",") {
		name, text, _ := strings.Cut(member, "=")
		object[name] = text
		if text == "true" {
			object[name] = true
		}
	}
	if option == "--attribute-definitions" || option == "--key-schema" {
		return []any{object}
	}
	return object
}
