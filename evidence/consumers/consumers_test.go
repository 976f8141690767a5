// Package consumers_test imports the library as others do: by version, from
// modules outside of this repository. What it publishes is outside of its module, so
// that Go's cache of results does not notice changes: run it with -count=1.
package consumers_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/evidence/freeport"
	"github.com/idempotent-requests/idempotent-requests/evidence/kmsserver"
	"github.com/idempotent-requests/idempotent-requests/evidence/postgresserver"
	"github.com/idempotent-requests/idempotent-requests/evidence/valkeyserver"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
	"github.com/idempotent-requests/idempotent-requests/local/localstack/lambda"
	"github.com/idempotent-requests/idempotent-requests/tools/release/modules"
)

var update = flag.Bool("update", false, "write the lists of modules instead of comparing with them")

// TestModuleLists: what a consumer's module requires is what it links, and no
// more. The lists in testdata hold every module that a kind of use brings.
func TestModuleLists(t *testing.T) {
	t.Parallel()
	for _, use := range []string{"http", "gin", "echo", "grpc", "dynamodb", "kms", "regions", "lambda", "lambdahttp", "otel", "postgres", "valkey", "operating", "late"} {
		t.Run(use, func(t *testing.T) {
			t.Parallel()
			c := newConsumer(t, use)
			list := strings.ReplaceAll(c.run("go", "list", "-m", "-f", "{{if not .Main}}{{.Path}} {{.Version}}{{end}}", "all"), published(t).version, "(ours)")
			path := filepath.Join("testdata", use, "modules.txt")
			golden, err := os.ReadFile(path)
			switch {
			case *update:
				if err := os.WriteFile(path, []byte(list), 0o644); err != nil {
					t.Fatal(err)
				}
			case err != nil || string(golden) != list:
				t.Errorf("%v; the modules are\n%s\nwant\n%s\nIf that is meant: go test ./evidence/consumers -update", err, list, golden)
			}
			if use != "gin" && use != "echo" { // of what their frameworks bring, build tags and unused middleware choose
				c.wantNoMoreThanLinked()
			}
		})
	}
}

// The README's first program and its siblings for Gin and Echo, and two requests.
func TestHTTP(t *testing.T) {
	t.Parallel()
	for _, use := range []string{"http", "gin", "echo"} {
		t.Run(use, func(t *testing.T) {
			t.Parallel()
			c := newConsumer(t, use)
			address := "127.0.0.1:" + freeport.Find(t)
			c.replace("localhost:8080", address)
			c.start(c.build("."))
			for attempt, want := range []string{"", "true"} {
				response := c.post("http://" + address + "/payments")
				body, err := io.ReadAll(response.Body)
				if err != nil || response.StatusCode != http.StatusCreated || string(body) != "charge 1\n" {
					t.Fatalf("attempt %d: %d %q, %v", attempt, response.StatusCode, body, err)
				}
				if got := response.Header.Get("Idempotent-Replayed"); got != want {
					t.Errorf("attempt %d: Idempotent-Replayed %q, want %q", attempt, got, want)
				}
			}
		})
	}
}

func TestDynamoDB(t *testing.T) {
	t.Parallel()
	c := newConsumer(t, "dynamodb")
	for name, value := range newTable(t) {
		c.env = append(c.env, name+"="+value)
	}
	if got, want := c.run(c.build(".")), "1 false\n1 true\n"; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
}

// The program of docs/sealing.md. Nothing of its result can be read in the table.
func TestSealed(t *testing.T) {
	t.Parallel()
	db := dynamotest.New(t)
	db.CreateTable(t, "idempotency", "id")
	keys := kmsserver.Start(t)
	keys.Alias("alias/idempotency", keys.CreateKey("one"))
	c := newConsumer(t, "kms")
	c.env = append(c.env, "AWS_ENDPOINT_URL_DYNAMODB="+db.URL, "AWS_ENDPOINT_URL_KMS="+keys.URL(),
		"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test")
	if got, want := c.run(c.build(".")), "12.50 false\n12.50 true\n"; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
	page, err := db.Client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("idempotency")})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("%d records, %v", len(page.Items), err)
	}
	if data, ok := page.Items[0]["data"].(*types.AttributeValueMemberB); !ok || bytes.Contains(data.Value, []byte("12.50")) {
		t.Errorf("the table holds %q", page.Items[0]["data"])
	}
	if n := keys.Requests("GenerateDataKey"); n != 1 {
		t.Errorf("%d data keys", n)
	}
}

// The program of docs/patterns.md that runs in two Regions. Whichever Region a
// request comes to, that of its key serves it; nothing is replicated here.
func TestRegions(t *testing.T) {
	t.Parallel()
	c := newConsumer(t, "regions")
	service := c.build(".")
	addresses := map[string]string{"eu-central-1": "127.0.0.1:" + freeport.Find(t), "us-east-1": "127.0.0.1:" + freeport.Find(t)}
	for region, address := range addresses {
		instance := c.in(t)
		for name, value := range newTable(t) {
			instance.env = append(instance.env, name+"="+value)
		}
		instance.env = append(instance.env, "AWS_REGION="+region, "LISTEN="+address,
			"EU_ENDPOINT=http://"+addresses["eu-central-1"], "US_ENDPOINT=http://"+addresses["us-east-1"])
		instance.start(service)
	}
	for _, address := range addresses { // until both listen
		if response := c.postKey("http://"+address+"/payments", ""); response.StatusCode != http.StatusBadRequest {
			t.Fatalf("without a key: %s", response.Status)
		}
	}
	homes := make(map[string]bool)
	for _, key := range []string{"k1", "k2", "k3", "k4", "k5", "k6"} {
		var first string
		for i, region := range []string{"eu-central-1", "us-east-1", "eu-central-1"} {
			response := c.postKey("http://"+addresses[region]+"/payments", key)
			body, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != http.StatusCreated {
				t.Fatalf("%s in %s: %s %q, %v", key, region, response.Status, body, err)
			}
			if i == 0 {
				first = string(body)
			}
			if replayed := response.Header.Get("Idempotent-Replayed") == "true"; replayed != (i > 0) || string(body) != first {
				t.Errorf("%s in %s: %q, replayed %v; the first time it was %q", key, region, body, replayed, first)
			}
		}
		homes[first] = true
	}
	if len(homes) != 2 {
		t.Errorf("all keys are at home in one Region: %v", homes)
	}
}

// newTable starts a DynamoDB with the table of the programs. It returns what an
// SDK without configuration needs to find it.
func newTable(t *testing.T) map[string]string {
	t.Helper()
	db := dynamotest.New(t)
	db.CreateTable(t, "idempotency", "id")
	return map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": db.URL, "AWS_REGION": "eu-central-1",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
	}
}

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	url := postgresserver.Shared(t).URL
	c := newConsumer(t, "postgres")
	c.env = append(c.env, "DATABASE_URL="+url)
	if got, want := c.run(c.build(".")), "1 false\n1 true\n"; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
}

func TestGRPC(t *testing.T) {
	t.Parallel()
	if got, want := newConsumer(t, "grpc").run("go", "run", "."), "[]\n[true]\n"; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
}

func TestOpenTelemetry(t *testing.T) {
	t.Parallel()
	if got, want := newConsumer(t, "otel").run("go", "run", "."), "1 false\n"; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
}

func TestValkey(t *testing.T) {
	t.Parallel()
	socket := valkeyserver.Start(t)
	c := newConsumer(t, "valkey")
	c.env = append(c.env, "VALKEY_URL=unix://"+socket)
	if got, want := c.run(c.build(".")), "1 false\n1 true\n"; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
}

// The consumer of a queue, in Lambda's runtime: a message that comes twice is
// handled once.
func TestLambda(t *testing.T) {
	t.Parallel()
	var output synchronised
	invoke, stop := deploy(t, newConsumer(t, "lambda").build("."), nil, &output)
	deliverTwice(t, invoke)
	stop()
	if n := strings.Count(output.String(), "placing"); n != 1 {
		t.Errorf("the order was placed %d times, want once:\n%s", n, output.String())
	}
}

// deliverTwice has a consumer of orders get one order in two messages, none of
// which may fail.
func deliverTwice(t *testing.T, invoke func(event string) string) {
	t.Helper()
	const message = `{"messageId":"m%d","body":"{\"ID\":\"o1\",\"Customer\":\"alice\"}","eventSourceARN":"arn:aws:sqs:eu-central-1:123456789012:orders"}`
	for delivery := range 2 {
		if result := invoke(fmt.Sprintf(`{"Records":[`+message+`]}`, delivery)); strings.Contains(result, "itemIdentifier\":\"") {
			t.Fatalf("delivery %d: %s", delivery, result)
		}
	}
}

// An http.Handler, in Lambda's runtime, behind both kinds of API: each caller is
// replayed its own response, whichever API it comes from.
func TestLambdaHTTP(t *testing.T) {
	t.Parallel()
	var output synchronised
	invoke, _ := deploy(t, newConsumer(t, "lambdahttp").build("."), nil, &output)
	const (
		httpAPI = `{"version":"2.0","rawPath":"/payments/50%","headers":{"idempotency-key":"\"a, b\"","content-type":"application/json"},"body":"{}",
			"requestContext":{"http":{"method":"POST"},"authorizer":{"jwt":{"claims":{"sub":"alice"}}}}}`
		restAPI = `{"httpMethod":"POST","path":"/payments/50%25","multiValueHeaders":{"Idempotency-Key":["\"a, b\""],"Content-Type":["application/json"]},
			"body":"e30=","isBase64Encoded":true,"requestContext":{"stage":"prod","authorizer":{"claims":{"sub":"alice"}}}}`
	)
	for i, test := range []struct{ event, want string }{
		{httpAPI, "charge 1, 50% off"}, {httpAPI, "charge 1, 50% off"}, {restAPI, "charge 1, 50% off"},
		{strings.ReplaceAll(restAPI, "alice", "bob"), "charge 2, 50% off"},
	} {
		result := invoke(test.event)
		replayed := strings.Contains(result, "Idempotent-Replayed")
		if !strings.Contains(result, `"statusCode":201`) || !strings.Contains(result, test.want) || replayed != (i == 1 || i == 2) {
			t.Errorf("request %d: %s", i, result)
		}
	}
}

// deploy deploys a program as a function, which invoke calls until stop ends it.
func deploy(t *testing.T, binary string, env map[string]string, output io.Writer) (invoke func(event string) string, stop func()) {
	t.Helper()
	service, err := lambda.NewService(lambda.Config{Output: output, MaxProcesses: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Close() })
	if err := service.Deploy(lambda.Function{Name: "program", Handler: "bootstrap", Binary: binary, Env: env, Timeout: 5 * time.Minute, MemoryMB: 128}); err != nil {
		t.Fatal(err)
	}
	return func(event string) string {
			t.Helper()
			result, err := service.Invoke(t.Context(), "program", []byte(event))
			if err != nil {
				t.Fatalf("%s, %v", result, err)
			}
			return string(result)
		}, func() {
			t.Helper()
			if err := service.Close(); err != nil {
				t.Fatal(err)
			}
		}
}

// The embedded DynamoDB is installed by version, as the documents say.
func TestInstallCommands(t *testing.T) {
	t.Parallel()
	c := &consumer{t: t, dir: t.TempDir(), env: published(t).environment()}
	bin := t.TempDir()
	c.env = append(c.env, "GOBIN="+bin)
	c.run("go", "install", modules.Prefix+"local/cmd/dynamodb@"+published(t).version)
	help, err := exec.CommandContext(t.Context(), filepath.Join(bin, "dynamodb"), "--help").CombinedOutput()
	if err != nil || !strings.Contains(string(help), "Usage: dynamodb") {
		t.Errorf("%v; its help is\n%s", err, help)
	}
}

// The operator's command is installed by its version, as the runbook says.
func TestOperatorsCommandIsInstalled(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	c := &consumer{t: t, dir: t.TempDir(), env: append(published(t).environment(), "GOBIN="+bin)}
	c.run("go", "install", modules.Prefix+"idempotency/cmd/idempotency@"+published(t).version)
	for name, value := range newTable(t) {
		c.env = append(c.env, name+"="+value)
	}
	if got := c.run(filepath.Join(bin, "idempotency"), "list", "--table", "idempotency", "--json"); !strings.Contains(got, "[]") {
		t.Errorf("it prints %q", got)
	}
}

// The program of docs/patterns.md with which an operator ends an interrupted payment.
func TestOperating(t *testing.T) {
	t.Parallel()
	db := dynamotest.New(t)
	db.CreateTable(t, "idempotency", "id")
	c := newConsumer(t, "operating")
	c.env = append(c.env, "AWS_ENDPOINT_URL_DYNAMODB="+db.URL, "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test")
	program := c.build(".")
	guard := idempotency.Must(idempotency.New(idempotency.Config{
		Store:    idempotency.Must(dynamostore.New(db.Client, "idempotency", dynamostore.RequestTimeout(-1))),
		Recovery: idempotency.Refuse, CacheEntries: -1,
	}))
	for number, want := range map[string]string{"R7": `{"number":"R7"}`, "none": `{"number":"R8"}`} {
		key := idempotency.Must(idempotency.NewKey(idempotency.SharedScope(), "payments.create", number))
		pay := func(result idempotency.Result, err error) (idempotency.Outcome, error) {
			return guard.Do(t.Context(), idempotency.Request{Key: key, Fingerprint: "f"}, func(context.Context) (idempotency.Result, error) { return result, err })
		}
		failure := errors.New("the power failed")
		if _, err := pay(idempotency.Result{}, failure); !errors.Is(err, failure) {
			t.Fatal(err)
		}
		if got := c.run(program, key.ID(), number); got != "done\n" {
			t.Errorf("it prints %q", got)
		}
		outcome, err := pay(idempotency.Result{Data: []byte(`{"number":"R8"}`)}, nil)
		if err != nil || string(outcome.Data) != want {
			t.Errorf("%s: a retry gets %s, error %v, want %s", number, outcome.Data, err, want)
		}
	}
}

// The program of docs/patterns.md whose client says when it first sent a request.
func TestLate(t *testing.T) {
	t.Parallel()
	if got, want := newConsumer(t, "late").run("go", "run", "."), "201\n412\n"; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
}
