// Package command_test runs the operator's command as operators do: the program that
// is built from idempotency/cmd/idempotency, against a DynamoDB.
package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

// program is the path of the command.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "command-")
		if err == nil {
			defer os.RemoveAll(dir)
			program = filepath.Join(dir, "idempotency")
			build := exec.Command("go", "build", "-o", program, "github.com/idempotent-requests/idempotent-requests/idempotency/cmd/idempotency")
			build.Stderr = os.Stderr
			err = build.Run()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "build the command:", err)
			return 1
		}
		return m.Run()
	}())
}

// table is a table with records, and an application's guard on it.
type table struct {
	t     *testing.T
	db    *dynamotest.DynamoDB
	store *dynamostore.Store
	guard *idempotency.Guard
	scope idempotency.Scope
}

func newTable(t *testing.T, config ...dynamolocal.Config) *table {
	t.Helper()
	w := &table{t: t, db: dynamotest.New(t, config...)}
	w.db.CreateTable(t, "idempotency", "id")
	var err error
	if w.store, err = dynamostore.New(w.db.Client, "idempotency", dynamostore.RequestTimeout(-1)); err != nil {
		t.Fatal(err)
	}
	if w.guard, err = idempotency.New(idempotency.Config{Store: w.store, Recovery: idempotency.Refuse, CacheEntries: -1}); err != nil {
		t.Fatal(err)
	}
	if w.scope, err = idempotency.NewScope("alice"); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *table) key(key string) idempotency.Key {
	w.t.Helper()
	k, err := idempotency.NewKey(w.scope, "payments.create", key)
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

func (w *table) do(key string, result idempotency.Result, err error) (idempotency.Outcome, error) {
	return w.guard.Do(w.t.Context(), idempotency.Request{Key: w.key(key), Fingerprint: "f"}, func(context.Context) (idempotency.Result, error) {
		return result, err
	})
}

// interrupted makes a key whose execution has failed.
func (w *table) interrupted(key string) string {
	w.t.Helper()
	failure := errors.New("the power failed")
	if _, err := w.do(key, idempotency.Result{}, failure); !errors.Is(err, failure) {
		w.t.Fatal(err)
	}
	return w.key(key).ID()
}

func (w *table) completed(key string, data []byte) string {
	w.t.Helper()
	if _, err := w.do(key, idempotency.Result{Data: data}, nil); err != nil {
		w.t.Fatal(err)
	}
	return w.key(key).ID()
}

// running makes a key whose execution holds its lease.
func (w *table) running(key string) string {
	w.t.Helper()
	now := time.Now().Truncate(time.Second)
	existing, err := w.store.Claim(w.t.Context(), idempotency.Claim{Now: now, Record: idempotency.Record{
		ID: w.key(key).ID(), Status: idempotency.InProgress, Owner: "alive", Fingerprint: "f",
		Claimed: now, LeaseUntil: now.Add(time.Hour), Expires: now.Add(24 * time.Hour),
	}})
	if existing != nil || err != nil {
		w.t.Fatal(existing, err)
	}
	return w.key(key).ID()
}

// run is one run of the command.
type run struct {
	status      int
	out, errors string
}

func (w *table) runIn(env []string, in string, args ...string) run {
	w.t.Helper()
	command := exec.CommandContext(w.t.Context(), program, args...)
	var out, errs bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr, command.Env = strings.NewReader(in), &out, &errs, env
	err := command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() < 0) {
		w.t.Fatal(err)
	}
	return run{command.ProcessState.ExitCode(), out.String(), errs.String()}
}

func (w *table) environment() []string {
	return []string{"AWS_ENDPOINT_URL_DYNAMODB=" + w.db.URL, "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"IDEMPOTENCY_TABLE=idempotency", "HOME=" + w.t.TempDir()}
}

func (w *table) command(in string, args ...string) run {
	w.t.Helper()
	return w.runIn(w.environment(), in, args...)
}

// done runs the command, which has to succeed, and returns its output.
func (w *table) done(in string, args ...string) string {
	w.t.Helper()
	r := w.command(in, args...)
	if r.status != 0 {
		w.t.Fatalf("%v: status %d, %s%s", args, r.status, r.out, r.errors)
	}
	return r.out
}

// refused runs the command, which has to say so.
func (w *table) refused(status int, says string, args ...string) {
	w.t.Helper()
	if r := w.command("", args...); r.status != status || !strings.Contains(r.errors, says) {
		w.t.Errorf("%v: status %d, want %d and %q; it says\n%s%s", args, r.status, status, says, r.out, r.errors)
	}
}

func (w *table) wantState(key, want string) {
	w.t.Helper()
	var record struct{ State string }
	w.decode(w.done("", "show", "--json", w.key(key).ID()), &record)
	if record.State != want {
		w.t.Errorf("%s is %s, want %s", key, record.State, want)
	}
}

func (w *table) decode(text string, value any) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(text), value); err != nil {
		w.t.Fatalf("%v in\n%s", err, text)
	}
}

func wantIn(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %q in\n%s", part, text)
		}
	}
}

func response(t *testing.T, r idemhttp.Response) []byte {
	t.Helper()
	data, err := idemhttp.EncodeResponse(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestShow(t *testing.T) {
	t.Parallel()
	w := newTable(t)
	id := w.interrupted("k1")
	wantIn(t, w.done("", "show", id), "interrupted: the lease is over", "claimed", "window until", id, "recovery policy")
	byParts := w.done("", "show", "--operation", "payments.create", "--scope", "alice", "--key", "k1")
	wantIn(t, byParts, id, "interrupted")
	wantIn(t, w.done("", "show", w.running("k2")), "running", "lease until", "(in ")
	wantIn(t, w.done("", "show", w.key("k3").ID()), "free")

	secret := response(t, idemhttp.Response{
		Status: 201, Header: http.Header{"Content-Type": {"application/json"}, "Location": {"/payments/7"}}, Body: []byte(`{"card":"4711"}`),
	})
	http := w.completed("k4", secret)
	text := w.done("", "show", http)
	wantIn(t, text, "completed", "HTTP 201 Created, 15 bytes of application/json", "up to 1m0s")
	for _, args := range [][]string{{"show", http}, {"show", "--json", http}} {
		if text := w.done("", args...); strings.Contains(text, "4711") || strings.Contains(text, "/payments/7") {
			t.Errorf("nobody has asked for the body:\n%s", text)
		}
	}
	wantIn(t, w.done("", "show", http, "--full", "--cache-age", "5m"), "Location: /payments/7", `{"card":"4711"}`, "up to 5m0s")
	var record struct {
		ID, State, FencingToken string
		Claimed, Expires        time.Time
		LeaseUntil              *time.Time
		Result                  struct {
			Kind         string
			Status, Size int
			Header       map[string][]string
			JSON         struct{ Card string }
		}
	}
	w.decode(w.done("", "show", "--json", "--full", http), &record)
	if record.ID != http || record.State != "completed" || record.FencingToken == "" || record.LeaseUntil != nil || record.Claimed.IsZero() ||
		record.Expires.Sub(record.Claimed) < 23*time.Hour ||
		record.Result.Kind != "http" || record.Result.Status != 201 || record.Result.Size != 15 || record.Result.JSON.Card != "4711" ||
		record.Result.Header["Location"][0] != "/payments/7" {
		t.Errorf("%+v", record)
	}

	wantIn(t, w.done("", "show", "--full", w.completed("k5", []byte(`{"id":1}`))), "JSON, 8 bytes", `{"id":1}`)
	wantIn(t, w.done("", "show", "--full", w.completed("k6", []byte("\x00\xff\x1b[2J"))), "neither HTTP nor JSON", `"\x00\xff\x1b[2J"`)
	escape := response(t, idemhttp.Response{Status: 200, Body: []byte("a\x1b[2Jb")})
	if text := w.done("", "show", "--full", w.completed("k7", escape)); strings.Contains(text, "\x1b") {
		t.Errorf("a body controls the terminal: %q", text)
	}
	if _, err := w.do("k8", idempotency.Result{NotKept: errors.New("too large")}, nil); err != nil {
		t.Fatal(err)
	}
	wantIn(t, w.done("", "show", w.key("k8").ID()), "not kept")
}

// An operator sees how far an interrupted execution came.
func TestShowSteps(t *testing.T) {
	t.Parallel()
	w := newTable(t)
	failure := errors.New("the power failed")
	_, err := w.guard.Do(t.Context(), idempotency.Request{Key: w.key("k1"), Fingerprint: "f"}, func(ctx context.Context) (idempotency.Result, error) {
		_, err := idempotency.Step(ctx, "charge", func(context.Context) (string, error) { return "charge 4711", nil })
		return idempotency.Result{}, errors.Join(failure, err)
	})
	if !errors.Is(err, failure) || errors.Is(err, idempotency.ErrStep) {
		t.Fatal(err)
	}
	id := w.key("k1").ID()
	text := w.done("", "show", id)
	if wantIn(t, text, "interrupted", "recorded step", "charge: JSON, 13 bytes"); strings.Contains(text, "4711") {
		t.Errorf("nobody has asked for the step's result:\n%s", text)
	}
	wantIn(t, w.done("", "forget", "--dry-run", w.key("k1").ID()), "may be done again", "will be run again: charge")
	wantIn(t, w.done("", "show", "--full", id), `"charge 4711"`)
	wantIn(t, w.done("", "show", "--json", id), `"name": "charge"`)
	wantIn(t, w.done("", "settle", "--yes", "--unknown", id), "Done")
	w.wantState("k1", "completed")
}

func TestSettle(t *testing.T) {
	t.Parallel()
	w := newTable(t)
	file := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(file, []byte(`{"id":"7"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	want := response(t, idemhttp.Response{
		Status: 201, Header: http.Header{"Content-Type": {"application/json"}, "Location": {"/payments/7"}}, Body: []byte(`{"id":"7"}`),
	})
	httpArgs := []string{"--status", "201", "--header", "Content-Type: application/json", "--header", "location:/payments/7"}
	for key, test := range map[string]struct {
		in   string
		args []string
		want []byte
		err  error
	}{
		"text":    {"yes\n", append(httpArgs, "--body", `{"id":"7"}`), want, nil},
		"file":    {"", append(httpArgs, "--body-file", file, "--yes"), want, nil},
		"stdin":   {`{"id":"7"}`, append(httpArgs, "--body-file", "-", "--yes"), want, nil},
		"json":    {"yes", []string{"--result", `{"id":"7"}`}, []byte(`{"id":"7"}`), nil},
		"bytes":   {"yes\n", []string{"--result-file", file}, []byte(`{"id":"7"}`), nil},
		"unknown": {"yes\n", []string{"--unknown"}, nil, idempotency.ErrResultNotKept},
	} {
		id := w.interrupted(key)
		args := append([]string{"settle", id}, test.args...)
		dry := w.done(test.in, append(args, "--dry-run")...)
		wantIn(t, dry, "Dry run: nothing was changed", "interrupted")
		w.wantState(key, "interrupted")
		wantIn(t, w.done(test.in, args...), "Done. The key is now completed.", "No process has it in memory")
		outcome, err := w.do(key, idempotency.Result{Data: []byte("again")}, nil)
		if !errors.Is(err, test.err) || !bytes.Equal(outcome.Data, test.want) {
			t.Errorf("%s: a duplicate gets %q, error %v, want %q, %v", key, outcome.Data, err, test.want, test.err)
		}
	}

	var report struct {
		Changed, DryRun bool
		Before, After   struct{ State string }
	}
	id := w.interrupted("reported")
	w.decode(w.done("", "settle", "--json", "--dry-run", "--unknown", id), &report)
	if report.Changed || !report.DryRun || report.Before.State != "interrupted" {
		t.Errorf("dry run: %+v", report)
	}
	w.decode(w.done("", "settle", "--json", "--yes", "--unknown", id), &report)
	if !report.Changed || report.DryRun || report.After.State != "completed" {
		t.Errorf("%+v", report)
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	w := newTable(t)
	id := w.completed("k1", []byte("paid"))
	wantIn(t, w.done("", "forget", "--dry-run", id), "Dry run: nothing was changed")
	w.wantState("k1", "completed")
	wantIn(t, w.done("yes\n", "forget", id, "--cache-age", "2m"), "The key is now free", "up to 2m0s", "Clients that have received it keep it")
	outcome, err := w.do("k1", idempotency.Result{Data: []byte("paid again")}, nil)
	if err != nil || outcome.Replayed {
		t.Errorf("replayed %v, error %v", outcome.Replayed, err)
	}

	id = w.interrupted("k2")
	wantIn(t, w.done("", "forget", "--dry-run", id), "what that has done may be done again.")
	wantIn(t, w.done("", "forget", "--yes", id), "The key is now free", "No process has it in memory")
	id = w.running("k3")
	w.refused(1, "an execution holds the key for another", "forget", "--yes", id)
	w.wantState("k3", "running")
	wantIn(t, w.done("", "forget", "--yes", "--force", id), "The key is now free")
	var report struct {
		Changed   bool
		CachedFor string
		After     struct{ State string }
	}
	w.decode(w.done("", "forget", "--yes", "--json", w.completed("k4", []byte("paid"))), &report)
	if !report.Changed || report.CachedFor != "1m0s" || report.After.State != "free" {
		t.Errorf("%+v", report)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newTable(t)
	interrupted, running, completed, free := w.interrupted("k1"), w.running("k2"), w.completed("k3", []byte("paid")), w.key("k4").ID()
	unknown := func(args ...string) []string { return append([]string{"settle", "--unknown"}, args...) }

	w.refused(1, "an execution holds the key for another", unknown("--yes", running)...)
	w.refused(1, "a result is recorded for the key", unknown("--yes", completed)...)
	w.refused(1, "the key is free", unknown("--yes", free)...)
	w.refused(1, "the key is free", "forget", "--yes", free)
	w.refused(1, "an execution holds the key for another", unknown("--dry-run", running)...)
	w.refused(1, "not confirmed; nothing was changed", unknown(interrupted)...)
	w.refused(1, "not confirmed; nothing was changed", "forget", completed)
	if r := w.command("y\n", "forget", completed); r.status != 1 {
		t.Errorf("\"y\" was taken for yes: %+v", r)
	}

	for _, test := range []struct {
		says string
		args []string
	}{
		{"Usage", nil},
		{"no command", []string{"delete"}},
		{"which key?", []string{"show"}},
		{"is no id", []string{"show", "payments.create"}},
		{"one id at a time", []string{"show", completed, running}},
		{"given twice", []string{"show", completed, "--key", "k"}},
		{"--scope or --shared-scope", []string{"show", "--operation", "o", "--key", "k"}},
		{"--operation and --key", []string{"show", "--operation", "o", "--shared-scope"}},
		{"not defined", []string{"show", "--force", completed}},
		{"only flags", []string{"list", completed}},
		{"positive", []string{"list", "--pages", "0"}},
		{"in one way", []string{"settle", interrupted}},
		{"in one way", unknown("--status", "200", interrupted)},
		{"not JSON", []string{"settle", "--result", "{", interrupted}},
		{"never recorded", []string{"settle", "--status", "304", interrupted}},
		{"must not be replayed", []string{"settle", "--status", "200", "--header", "Set-Cookie: a=b", interrupted}},
		{"want 'Name: value'", []string{"settle", "--status", "200", "--header", "nothing", interrupted}},
		{"cannot both", []string{"settle", "--result-file", "-", interrupted}},
		{"both given", []string{"settle", "--status", "200", "--body", "a", "--body-file", "b", interrupted}},
	} {
		r := w.command("", test.args...)
		if r.status != 2 || !strings.Contains(r.errors+r.out, test.says) {
			t.Errorf("%v: status %d, want 2 and %q; it says\n%s%s", test.args, r.status, test.says, r.out, r.errors)
		}
	}
	w.refused(1, "no such table", "show", "--table", "another", completed)
	w.refused(1, "no such file", "settle", "--result-file", filepath.Join(t.TempDir(), "none"), interrupted)
	if r := w.runIn([]string{"HOME=" + t.TempDir()}, "", "show", completed); r.status != 2 || !strings.Contains(r.errors, "which table?") {
		t.Errorf("without a table: %+v", r)
	}
	if r := w.runIn([]string{"HOME=" + t.TempDir(), "IDEMPOTENCY_TABLE=t"}, "", "show", completed); r.status != 2 || !strings.Contains(r.errors, "AWS_REGION") {
		t.Errorf("without a Region: %+v", r)
	}
	for key, want := range map[string]string{"k1": "interrupted", "k2": "running", "k3": "completed", "k4": "free"} {
		w.wantState(key, want)
	}
}

// What changes while the operator thinks is left alone.
func TestRecordThatChangesMeanwhile(t *testing.T) {
	t.Parallel()
	w := newTable(t)
	id := w.interrupted("k1")
	command := exec.CommandContext(t.Context(), program, "settle", "--unknown", id)
	command.Env = w.environment()
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	var errs bytes.Buffer
	command.Stderr = writerFunc(func(p []byte) (int, error) {
		if errs.Write(p); bytes.Contains(p, []byte("Type yes")) {
			close(asked)
		}
		return len(p), nil
	})
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := w.guard.Forget(t.Context(), w.key("k1")); err != nil {
		t.Fatal(err)
	}
	w.completed("k1", []byte("paid"))
	if _, err := in.Write([]byte("yes\n")); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err == nil || command.ProcessState.ExitCode() != 1 || !strings.Contains(errs.String(), "has changed since it was shown") {
		t.Errorf("error %v, it says %s", err, errs.String())
	}
	outcome, err := w.do("k1", idempotency.Result{}, nil)
	if err != nil || string(outcome.Data) != "paid" {
		t.Errorf("the result is %q, error %v", outcome.Data, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestList(t *testing.T) {
	t.Parallel()
	w := newTable(t)
	stuck := map[string]bool{}
	for i := range 12 {
		stuck[w.interrupted(fmt.Sprint("stuck", i))] = true
		w.running(fmt.Sprint("running", i))
		w.completed(fmt.Sprint("completed", i), bytes.Repeat([]byte("x"), 1000*i))
	}
	var records []struct {
		ID, State string
		Result    any
	}
	r := w.command("", "list", "--stuck", "--json", "--page-items", "5")
	w.decode(r.out, &records)
	if wantIn(t, r.errors, "looked at 36 items, found 12"); r.status != 0 || len(records) != len(stuck) {
		t.Errorf("status %d, %d records, want 12", r.status, len(records))
	}
	for _, record := range records {
		if !stuck[record.ID] || record.State != "interrupted" || record.Result != nil {
			t.Errorf("listed: %+v", record)
		}
	}
	w.decode(w.done("", "list", "--json", "--operation", "payments.create"), &records)
	if len(records) != 36 {
		t.Errorf("%d records, want 36", len(records))
	}
	w.decode(w.done("", "list", "--json", "--operation", "orders.create"), &records)
	if len(records) != 0 {
		t.Errorf("%d records of another operation", len(records))
	}
	wantIn(t, w.done("", "list", "--stuck"), "interrupted  20", w.key("stuck3").ID())

	// Page after page, and each record once.
	seen := map[string]bool{}
	args := []string{"list", "--pages", "11", "--page-items", "1"}
	for runs := 1; ; runs++ {
		r := w.command("", args...)
		for line := range strings.Lines(r.out) {
			id := strings.Fields(line)[2]
			if seen[id] {
				t.Errorf("%s was listed twice", id)
			}
			seen[id] = true
		}
		if r.status == 0 {
			if runs != 4 {
				t.Errorf("%d runs, want 4", runs)
			}
			break
		}
		wantIn(t, r.errors, "looked at 10 items, found 10 so far", "looked at 11 items, found 11\n", "stopped after 11 pages")
		_, after, found := strings.Cut(r.errors, "--after '")
		if !found || runs > 4 {
			t.Fatalf("run %d: %s", runs, r.errors)
		}
		args = append(args[:5:5], "--after", strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(after), "'")))
	}
	if len(seen) != 36 {
		t.Errorf("%d records in all, want 36", len(seen))
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	w := newTable(t)
	w.interrupted("k1")
	large := bytes.Repeat([]byte("0123456789"), 1000)
	w.completed("k2", response(t, idemhttp.Response{Status: 200, Body: large}))
	for _, full := range []bool{false, true} {
		args := []string{"export"}
		if full {
			args = append(args, "--full")
		}
		got := map[string]int{}
		for line := range strings.Lines(w.done("", args...)) {
			var record struct {
				ID, State string
				Result    *struct {
					Size int
					JSON json.RawMessage
					Text string
				}
			}
			w.decode(line, &record)
			got[record.State] = 0
			if record.Result != nil {
				got[record.State] = len(record.Result.Text) + len(record.Result.JSON)
			}
		}
		want := 0
		if full {
			want = len(large)
		}
		if len(got) != 2 || got["completed"] != want || got["interrupted"] != 0 {
			t.Errorf("full %v: %v, want a result of %d bytes", full, got, want)
		}
	}
}

// Each command does with the rights that the runbook names for it.
func TestRights(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	used := map[string]bool{}
	w := newTable(t, dynamolocal.Config{Observe: func(e dynamolocal.Event) {
		mu.Lock()
		defer mu.Unlock()
		used[e.Operation] = true
	}})
	id, beside := w.interrupted("k1"), w.completed("k2", bytes.Repeat([]byte("0123456789abcdef"), 60_000)[:700_000])
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"show", id}, []string{"GetItem"}},
		{[]string{"list"}, []string{"Scan"}},
		{[]string{"export"}, []string{"Scan"}},
		{[]string{"export", "--full"}, []string{"GetItem", "Scan"}},
		{[]string{"settle", "--yes", "--unknown", id}, []string{"GetItem", "PutItem"}},
		{[]string{"forget", "--yes", beside}, []string{"DeleteItem", "GetItem"}},
	} {
		mu.Lock()
		clear(used)
		mu.Unlock()
		w.done("", test.args...)
		mu.Lock()
		if got := slices.Sorted(maps.Keys(used)); !slices.Equal(got, test.want) {
			t.Errorf("%v needs %v, want %v", test.args, got, test.want)
		}
		mu.Unlock()
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	w := newTable(t)
	wantIn(t, w.done("", "--help"), "show", "list", "settle", "forget", "export", "AWS_ENDPOINT_URL_DYNAMODB")
	for _, name := range []string{"show", "list", "settle", "forget", "export"} {
		wantIn(t, w.done("", name, "--help"), "Usage: idempotency "+name, "--table name", "--json")
	}
	wantIn(t, w.done("", "settle", "--help"), "--yes", "--dry-run", "--unknown")
}

func mustKey(t *testing.T, id string) idempotency.Key {
	t.Helper()
	key, err := idempotency.KeyFromID(id)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
