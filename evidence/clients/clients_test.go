package clients

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guregu/dynamo/v2"

	"github.com/idempotent-requests/idempotent-requests/evidence/installed"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

// environment is all that a client knows of the engine.
func environment(url string) []string {
	return append(os.Environ(),
		"AWS_ENDPOINT_URL_DYNAMODB="+url, "AWS_REGION=eu-central-1", "AWS_DEFAULT_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true", "PYTHONDONTWRITEBYTECODE=1")
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	directory := installed.Directory(t, "clients")
	python := filepath.Join(directory, "venv/bin/python")
	db := dynamotest.New(t)
	for name, command := range map[string][]string{
		"SDK for Python":                 {python, "boto.py"},
		"PynamoDB":                       {python, "pynamo.py"},
		"SDK for JavaScript":             {"node", filepath.Join(directory, "sdk.mjs")},
		"ElectroDB and DynamoDB-Toolbox": {"node", filepath.Join(directory, "mappers.mjs")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := exec.CommandContext(t.Context(), command[0], command[1:]...)
			program.Env = environment(db.URL)
			if output, err := program.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, output)
			}
		})
	}
}

// order is what guregu/dynamo keeps.
type order struct {
	Customer string `dynamo:"customer,hash" index:"by-status,range"`
	Number   int    `dynamo:"number,range"`
	Status   string `dynamo:"status" index:"by-status,hash"`
	Total    float64
	Tags     []string `dynamo:",set"`
}

// guregu/dynamo for Go sends KeyConditions, which are older than expressions.
func TestGuregu(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := dynamo.New(dynamotest.New(t).Config)
	if err := db.CreateTable("orders", order{}).OnDemand(true).Run(ctx); err != nil {
		t.Fatal(err)
	}
	table := db.Table("orders")
	batch := table.Batch("customer", "number").Write()
	for i := range 40 {
		batch = batch.Put(order{Customer: "ada", Number: i, Status: []string{"open", "done"}[i%2], Total: float64(i), Tags: []string{"a"}})
	}
	if n, err := batch.Run(ctx); n != 40 || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}

	for name, c := range map[string]struct {
		query *dynamo.Query
		want  int
	}{
		"partition":   {table.Get("customer", "ada"), 40},
		"range":       {table.Get("customer", "ada").Range("number", dynamo.Between, 10, 19), 10},
		"filter":      {table.Get("customer", "ada").Range("number", dynamo.Less, 20).Filter("$ > ?", "Total", 14), 5},
		"index":       {table.Get("status", "open").Index("by-status"), 20},
		"index range": {table.Get("status", "open").Index("by-status").Range("customer", dynamo.BeginsWith, "a"), 20},
	} {
		var orders []order
		if err := c.query.All(ctx, &orders); err != nil || len(orders) != c.want {
			t.Errorf("%s: %d orders, %v; want %d", name, len(orders), err, c.want)
		}
	}

	var one order
	if err := table.Get("customer", "ada").Range("number", dynamo.Equal, 3).Consistent(true).One(ctx, &one); err != nil || one.Total != 3 || len(one.Tags) != 1 {
		t.Errorf("got %+v, %v", one, err)
	}
	if err := table.Update("customer", "ada").Range("number", 3).Add("Total", 2).If("$ = ?", "Total", 3).Value(ctx, &one); err != nil || one.Total != 5 {
		t.Errorf("updated to %+v, %v", one, err)
	}
	if err := table.Put(one).If("attribute_not_exists(customer)").Run(ctx); !dynamo.IsCondCheckFailed(err) {
		t.Errorf("got %v, want that the condition fails", err)
	}
	transaction := db.WriteTx().Put(table.Put(order{Customer: "eve"})).Check(table.Check("customer", "nobody").Range("number", 0).IfExists())
	if err := transaction.Run(ctx); !dynamo.IsCondCheckFailed(err) {
		t.Errorf("got %v, want that the transaction is cancelled", err)
	}
	if err := table.Get("customer", "eve").Range("number", dynamo.Equal, 0).One(ctx, &one); err != dynamo.ErrNotFound {
		t.Errorf("got %v, want that there is no half of a transaction", err)
	}
	if _, err := table.UpdateTable().OnDemand(false).Provision(5, 5).Run(ctx); err == nil {
		description, err := table.Describe().Run(ctx)
		if err != nil || description.Throughput.Read != 5 {
			t.Errorf("got %+v, %v", description, err)
		}
	}
	if err := table.DeleteTable().Run(ctx); err != nil {
		t.Error(err)
	}
}

// What the command prints works as it is pasted: the variables, and the example
// with the AWS CLI.
func TestCommandAsPasted(t *testing.T) {
	t.Parallel()
	directory := installed.Directory(t, "clients")
	binary := filepath.Join(t.TempDir(), "dynamodb")
	const command = "github.com/idempotent-requests/idempotent-requests/local/cmd/dynamodb"
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, command).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server := exec.CommandContext(ctx, binary, "--port", "0")
	output, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	var script []string
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if line, indented := strings.CutPrefix(lines.Text(), "  "); indented {
			script = append(script, line)
		}
		if strings.Contains(lines.Text(), "dynamodb scan") {
			break
		}
	}
	if len(script) == 0 {
		t.Fatal("it prints nothing to paste")
	}
	shell := exec.CommandContext(t.Context(), "sh", "-eu")
	shell.Stdin = strings.NewReader(strings.Join(script, "\n") + "\n")
	// No configuration but what the script exports.
	shell.Env = []string{"HOME=" + t.TempDir(), "PATH=" + filepath.Join(directory, "venv/bin") + ":" + os.Getenv("PATH"), "AWS_PAGER="}
	answer, err := shell.CombinedOutput()
	if err != nil || !strings.Contains(string(answer), `"Count": 1`) {
		t.Errorf("%v\n%s\ngives\n%s", err, strings.Join(script, "\n"), answer)
	}
	cancel()
	_ = server.Wait() // it was killed
}
