package localstack_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/localstack"
)

// golden is the template that is deployed, here as in the cloud.
const golden = "../../infra/testdata/golden/default.template.json"

// functionsDir holds the test function in place of every function.
var functionsDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "localstack-test")
	if err != nil {
		log.Fatal(err)
	}
	functionsDir = dir
	binary := filepath.Join(dir, "function")
	build := exec.Command("go", "build", "-o", binary, "./testdata/function")
	if out, err := build.CombinedOutput(); err != nil {
		log.Fatalf("build the test function: %v\n%s", err, out)
	}
	for _, handler := range []string{"customers", "payments", "orders", "activity"} {
		if err := os.MkdirAll(filepath.Join(dir, handler), 0o750); err != nil {
			log.Fatal(err)
		}
		if err := os.Link(binary, filepath.Join(dir, handler, "bootstrap")); err != nil {
			log.Fatal(err)
		}
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func config(change func(*localstack.Config)) localstack.Config {
	cfg := localstack.Config{Template: golden, Functions: functionsDir, Site: "testdata/site", Addr: "127.0.0.1:0", Unthrottled: true}
	if change != nil {
		change(&cfg)
	}
	return cfg
}

func start(t *testing.T, change func(*localstack.Config)) *localstack.Stack {
	t.Helper()
	s, err := localstack.Start(t.Context(), config(change))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// call makes a request without a body and gives the response with its body.
func call(t *testing.T, method, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	return send(t, method, url, "", headers...)
}

func send(t *testing.T, method, url, payload string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(payload))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestFunctionsAndRoutesAreTheTemplates(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	if diff := cmp.Diff([]string{"activity", "customers", "orders", "payments"}, s.Handlers()); diff != "" {
		t.Errorf("handlers (-want +got):\n%s", diff)
	}
	records, _ := s.Output("IdempotencyTableName")
	data, _ := s.Output("DataTableName")
	got := slices.Sorted(maps.Values(s.Tables()))
	if want := []string{data, records}; records == "" || data == "" || !cmp.Equal(want, got) {
		t.Errorf("tables %q, outputs %q", got, want)
	}
	for request, handler := range map[string]string{
		"POST /api/customers":                  "customers",
		"GET /api/customers/1":                 "customers",
		"POST /api/payments":                   "payments",
		"POST /api/unprotected/payments":       "payments",
		"POST /api/orders":                     "orders",
		"GET /api/executions":                  "activity",
		"GET /api/idempotency-records/op/key1": "activity",
	} {
		method, path, _ := strings.Cut(request, " ")
		res, body := call(t, method, s.URL()+path)
		var got struct{ Handler, Path, Memory, Table, LogLevel string }
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%s: %s %s", request, res.Status, body)
		}
		if got.Handler != handler || got.Path != path || got.Memory != "256" || got.Table != records || got.LogLevel != "INFO" {
			t.Errorf("%s: %+v", request, got)
		}
	}
	if res, body := call(t, "GET", s.URL()+"/api/nothing"); res.StatusCode != 404 || body != `{"message":"Not Found"}` {
		t.Errorf("got %s %s", res.Status, body)
	}
}

func TestTablesAreTheTemplates(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	db := client(s)
	for output, keys := range map[string]string{"IdempotencyTableName": "id HASH", "DataTableName": "pk HASH sk RANGE"} {
		name, _ := s.Output(output)
		table, err := db.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(name)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, k := range table.Table.KeySchema {
			got = append(got, *k.AttributeName, string(k.KeyType))
		}
		if strings.Join(got, " ") != keys {
			t.Errorf("%s: keys %v, want %s", output, got, keys)
		}
		ttl, err := db.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: aws.String(name)})
		if err != nil {
			t.Fatal(err)
		}
		if d := ttl.TimeToLiveDescription; d.TimeToLiveStatus != types.TimeToLiveStatusEnabled || *d.AttributeName != "expiration" {
			t.Errorf("%s: time to live %+v", output, d)
		}
	}
}

func client(s *localstack.Stack) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: aws.String(s.DynamoDBURL()), Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

func TestFunctionsReachTheTablesUnderTheirOwnName(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	callers := map[string]string{}
	s := start(t, func(c *localstack.Config) {
		c.Observe = func(e dynamolocal.Event) {
			mu.Lock()
			defer mu.Unlock()
			callers[e.Operation] = e.AccessKeyID
		}
	})
	if res, body := call(t, "POST", s.URL()+"/api/payments", "do", "put", "id", "1"); res.StatusCode != 201 {
		t.Fatalf("got %s %s", res.Status, body)
	}
	mu.Lock()
	defer mu.Unlock()
	if callers["PutItem"] != "payments" {
		t.Errorf("calls came from %v, want PutItem from payments", callers)
	}
}

func TestWebsite(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	config, _ := s.Output("SiteConfig")
	file, err := os.ReadFile("testdata/site/index.html")
	if err != nil {
		t.Fatal(err)
	}
	page := string(file)
	for path, want := range map[string]struct{ cacheControl, contentType, body string }{
		"/":                     {"no-cache", "text/html", page},
		"/some/route":           {"no-cache", "text/html", page},
		"/assets/app-1f2e.js":   {"public, max-age=31536000, immutable", "text/javascript", "export {};\n"},
		"/config.json":          {"no-cache", "application/json", config},
		"/service-worker.js":    {"no-cache", "text/javascript", "self.skipWaiting();\n"},
		"/manifest.webmanifest": {"no-cache", "application/manifest+json", "{ \"name\": \"Page\" }\n"},
		"/assets/none-1f2e.js":  {"", "application/xml", ""},
	} {
		res, body := call(t, "GET", s.URL()+path)
		if got := res.Header.Get("Cache-Control"); got != want.cacheControl || want.body != "" && body != want.body {
			t.Errorf("%s: %s %q %q", path, res.Status, got, body)
		}
		if got := res.Header.Get("Content-Type"); got != want.contentType {
			t.Errorf("%s is %s, want %s", path, got, want.contentType)
		}
		for name, want := range map[string]string{
			"Strict-Transport-Security": "max-age=31536000; includeSubDomains",
			"X-Content-Type-Options":    "nosniff",
			"X-Frame-Options":           "DENY",
			"Referrer-Policy":           "no-referrer",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s %q, want %q", path, name, got, want)
			}
		}
		csp := strings.Split(res.Header.Get("Content-Security-Policy"), "; ")
		for _, needed := range []string{"default-src 'none'", "script-src 'self'", "worker-src 'self'", "manifest-src 'self'"} {
			if !slices.Contains(csp, needed) {
				t.Errorf("%s: Content-Security-Policy %q, without %s", path, csp, needed)
			}
		}
	}
	if res, _ := call(t, "GET", s.URL()+"/assets/none-1f2e.js"); res.StatusCode != 404 {
		t.Errorf("a file that is not there: %s", res.Status)
	}
	if res, _ := call(t, "POST", s.URL()+"/"); res.StatusCode != 403 {
		t.Errorf("POST to the website: %s", res.Status)
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	res, _ := call(t, "OPTIONS", s.URL()+"/api/payments", "Origin", "https://elsewhere.example",
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "idempotency-key,demo-session,content-type")
	if res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Origin") != "*" || res.Header.Get("Access-Control-Max-Age") != "86400" {
		t.Errorf("got %s %v", res.Status, res.Header)
	}
}

func TestCrashIsAnsweredAndOverWithTheNextRequest(t *testing.T) {
	t.Parallel()
	var logs safeBuffer
	s := start(t, func(c *localstack.Config) { c.Logs = &logs })
	call(t, "POST", s.URL()+"/api/payments")
	before := s.Processes("payments")
	res, body := call(t, "POST", s.URL()+"/api/payments", "do", "crash", "Origin", "https://elsewhere.example")
	if res.StatusCode != 500 || body != `{"message":"Internal Server Error"}` || res.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("got %s %s %v", res.Status, body, res.Header)
	}
	if res, _ := call(t, "POST", s.URL()+"/api/payments"); res.StatusCode != 200 {
		t.Errorf("after the crash: %s", res.Status)
	}
	if after := s.Processes("payments"); len(before) != 1 || len(after) != 1 || before[0] == after[0] {
		t.Errorf("processes %v, then %v", before, after)
	}
	if !strings.Contains(logs.String(), "stack | ") || !strings.Contains(logs.String(), "Runtime exited with error: exit status 1") {
		t.Errorf("the logs do not tell: %s", logs.String())
	}
}

func TestRequestThatAFunctionCannotTake(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	res, err := http.Post(s.URL()+"/api/payments", "application/json", strings.NewReader(strings.Repeat("x", 7<<20)))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 413 || len(s.Processes("payments")) != 0 {
		t.Errorf("got %s, processes %v", res.Status, s.Processes("payments"))
	}
}

func TestLogLevelReachesTheFunctions(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *localstack.Config) { c.LogLevel = "debug" })
	if _, body := call(t, "GET", s.URL()+"/api/executions"); !strings.Contains(body, `"logLevel":"DEBUG"`) {
		t.Errorf("got %s", body)
	}
}

// Not parallel: another test's server could be given the port that this one's
// has left.
func TestCloseLeavesNothingRunning(t *testing.T) {
	s := start(t, nil)
	call(t, "POST", s.URL()+"/api/payments")
	call(t, "POST", s.URL()+"/api/customers")
	// One that is at work, too.
	go func() {
		req, _ := http.NewRequest("GET", s.URL()+"/api/executions", nil)
		req.Header.Set("do", "hang")
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
		}
	}()
	var pids []int
	const patience = 5 * time.Minute
	for deadline := time.Now().Add(patience); len(pids) < 3; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("processes %v after %v, want 3", pids, patience)
		}
		pids = slices.Concat(s.Processes("payments"), s.Processes("customers"), s.Processes("activity"))
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, pid := range pids {
		if !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			t.Errorf("process %d outlived Close", pid)
		}
	}
	for _, url := range []string{s.URL(), s.DynamoDBURL()} {
		if conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://")); err == nil {
			_ = conn.Close()
			t.Errorf("%s still listens", url)
		}
	}
}

func TestDataSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ids := func(change func(*localstack.Config)) []string {
		t.Helper()
		s, err := localstack.Start(t.Context(), config(func(c *localstack.Config) {
			c.Data = dir
			if change != nil {
				change(c)
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		name, _ := s.Output("IdempotencyTableName")
		db := client(s)
		out, err := db.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(name)})
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, item := range out.Items {
			found = append(found, item["id"].(*types.AttributeValueMemberS).Value)
		}
		if _, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{
			TableName: aws.String(name), Item: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "kept"}},
		}); err != nil {
			t.Fatal(err)
		}
		return found
	}
	if got := ids(nil); len(got) != 0 {
		t.Errorf("at first there is %v", got)
	}
	if got := ids(nil); !slices.Equal(got, []string{"kept"}) {
		t.Errorf("after a restart there is %v", got)
	}
	if got := ids(func(c *localstack.Config) { c.Reset = true }); len(got) != 0 {
		t.Errorf("after a reset there is %v", got)
	}
	other := mutated(t, func(resources map[string]any) {
		table := property(resources, "AWS::DynamoDB::Table", "Properties", "KeySchema")
		table.([]any)[0].(map[string]any)["AttributeName"] = "other"
		defs := property(resources, "AWS::DynamoDB::Table", "Properties", "AttributeDefinitions")
		defs.([]any)[0].(map[string]any)["AttributeName"] = "other"
	})
	_, err := localstack.Start(t.Context(), config(func(c *localstack.Config) { c.Data, c.Template = dir, other }))
	if err == nil || !strings.Contains(err.Error(), "has another key than the template's: start with --reset") {
		t.Errorf("got %v", err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	addr := taken.Addr().String()
	empty := t.TempDir()
	for want, change := range map[string]func(*localstack.Config){
		addr + " is taken: stop what runs there or choose another with --port":              func(c *localstack.Config) { c.Addr = addr },
		filepath.Join(empty, "payments", "bootstrap") + " is missing: run make build-local": func(c *localstack.Config) { c.Functions = empty },
		filepath.Join(empty, "index.html") + " is missing: run make webapp/dist/index.html": func(c *localstack.Config) { c.Site = empty },
		filepath.Join(empty, "t.json") + " is missing: run make golden":                     func(c *localstack.Config) { c.Template = filepath.Join(empty, "t.json") },
		"0.0.0.0:0: the stack is for this machine alone, on 127.0.0.1":                      func(c *localstack.Config) { c.Addr = "0.0.0.0:0" },
		`the log level "loud" is not one of debug, info, warn and error`:                    func(c *localstack.Config) { c.LogLevel = "loud" },
		"localstack: Config needs Template and Functions":                                   func(c *localstack.Config) { c.Template = "" },
	} {
		s, err := localstack.Start(t.Context(), config(change))
		if err == nil {
			_ = s.Close()
			t.Errorf("started in spite of %q", want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestProgressTellsEveryStep(t *testing.T) {
	t.Parallel()
	var steps []string
	start(t, func(c *localstack.Config) { c.Progress = func(step string) { steps = append(steps, step) } })
	all := strings.Join(steps, "\n")
	for _, want := range []string{"template   " + golden, "dynamodb   http://127.0.0.1:", "table      ", "function   payments: ", "route      POST /api/payments", "website    testdata/site"} {
		if !strings.Contains(all, want) {
			t.Errorf("no step says %q:\n%s", want, all)
		}
	}
}

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
