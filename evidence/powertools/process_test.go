package powertools

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/installed"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

// operation is the operation of ours and the key prefix of theirs: as alike as
// their records can be.
const operation = "payments.create"

const table = "idempotency"

// event is what all functions are invoked with.
type event struct {
	ID     string `json:"id"`
	Amount int    `json:"amount"`
	Hash   string `json:"hash"`
	Dies   bool   `json:"dies,omitempty"`
}

// answer is what became of an invocation.
type answer struct {
	Result struct {
		By     string `json:"by"`
		Number int    `json:"number"`
	} `json:"result"`
	// Error is the name of what was thrown, or what our error wraps.
	Error string `json:"error"`
	// Executions is how often this function was executed so far.
	Executions int `json:"executions"`
}

// function is invoked once at a time.
type function interface {
	name() string
	// invoke returns false where the function dies.
	invoke(t *testing.T, e event) (answer, bool)
}

func newTable(t *testing.T) *dynamotest.DynamoDB {
	t.Helper()
	db := dynamotest.New(t, dynamolocal.Config{})
	db.CreateTable(t, table, "id")
	return db
}

// theirs starts the functions of Powertools.
func theirs(t *testing.T, db *dynamotest.DynamoDB) []function {
	t.Helper()
	directory := installed.Directory(t, "powertools")
	return []function{
		start(t, db, "Python", filepath.Join(directory, "venv/bin/python"), "function.py"),
		start(t, db, "TypeScript", "node", filepath.Join(directory, "function.mjs")),
	}
}

// process is a function of theirs.
type process struct {
	language string
	mutex    sync.Mutex
	input    io.Writer
	output   *bufio.Scanner
}

func start(t *testing.T, db *dynamotest.DynamoDB, language, program string, arguments ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env = append(os.Environ(),
		"AWS_ENDPOINT_URL_DYNAMODB="+*db.Client.Options().BaseEndpoint,
		"AWS_REGION=eu-central-1", "AWS_DEFAULT_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_EC2_METADATA_DISABLED=true", "PYTHONDONTWRITEBYTECODE=1",
		"TABLE="+table, "OPERATION="+operation)
	complaints := new(strings.Builder)
	command.Stderr = complaints
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait() // it was killed
		if t.Failed() {
			t.Logf("%s: %s", language, complaints)
		}
	})
	return &process{language: language, input: input, output: bufio.NewScanner(output)}
}

func (p *process) name() string { return p.language }

func (p *process) invoke(t *testing.T, e event) (a answer, alive bool) {
	t.Helper()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	line, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.input.Write(append(line, '\n')); err != nil {
		t.Fatalf("%s: %v", p.language, err)
	}
	if !p.output.Scan() {
		return answer{}, false
	}
	if err := json.Unmarshal(p.output.Bytes(), &a); err != nil {
		t.Fatalf("%s answers %q: %v", p.language, p.output.Bytes(), err)
	}
	return a, true
}

// ours is our function.
type ours struct {
	guard      *idempotency.Guard
	executions int
}

func newOurs(t *testing.T, db *dynamotest.DynamoDB) *ours {
	t.Helper()
	guard, err := idempotency.New(idempotency.Config{Store: newStore(t, db), CacheEntries: -1, CompletionTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return &ours{guard: guard}
}

func newStore(t *testing.T, db *dynamotest.DynamoDB) *dynamostore.Store {
	t.Helper()
	store, err := dynamostore.New(db.Client, table, dynamostore.RequestTimeout(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func (o *ours) name() string { return "Go" }

func (o *ours) invoke(t *testing.T, e event) (a answer, alive bool) {
	t.Helper()
	var err error
	a.Result, _, err = idempotency.Do(t.Context(), o.guard, idempotency.Intent{
		Scope: idempotency.SharedScope(), Operation: operation, Key: e.ID, Payload: e.Amount,
	}, func(context.Context) (result struct {
		By     string `json:"by"`
		Number int    `json:"number"`
	}, err error) {
		o.executions++
		result.By, result.Number = o.name(), o.executions
		return result, nil
	})
	switch {
	case errors.Is(err, idempotency.ErrPayloadMismatch):
		a.Error = "ErrPayloadMismatch"
	case err != nil:
		a.Error = err.Error()
	}
	a.Executions = o.executions
	return a, true
}
