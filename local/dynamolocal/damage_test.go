package dynamolocal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// dataFile returns the content of a data file with tables, indexes, time to live,
// items, deletions and tokens, and how many of its items there are in the end.
func dataFile(t testing.TB) (content []byte, items int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data")
	e, err := New(Config{File: path})
	if err != nil {
		t.Fatal(err)
	}
	call := func(operation, body string) {
		t.Helper()
		if status, answer := post(e, operation, body); status != http.StatusOK {
			t.Fatalf("%s: %s", operation, answer)
		}
	}
	call("CreateTable", `{"TableName":"dropped","AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"}],
		"KeySchema":[{"AttributeName":"p","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"}`)
	call("CreateTable", `{"TableName":"items","AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"},
		{"AttributeName":"s","AttributeType":"N"},{"AttributeName":"g","AttributeType":"B"}],
		"KeySchema":[{"AttributeName":"p","KeyType":"HASH"},{"AttributeName":"s","KeyType":"RANGE"}],
		"GlobalSecondaryIndexes":[{"IndexName":"by-g","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],
		"Projection":{"ProjectionType":"ALL"}}],"BillingMode":"PAY_PER_REQUEST"}`)
	call("UpdateTimeToLive", `{"TableName":"items","TimeToLiveSpecification":{"AttributeName":"e","Enabled":true}}`)
	const puts = 12
	for i := range puts {
		call("PutItem", fmt.Sprintf(`{"TableName":"items","Item":{"p":{"S":"a"},"s":{"N":"%d"},"g":{"B":"AAE="},"e":{"N":"1"},
			"d":{"M":{"l":{"L":[{"NULL":true},{"NS":["1","2"]}]}}}}}`, i))
	}
	call("DeleteItem", `{"TableName":"items","Key":{"p":{"S":"a"},"s":{"N":"3"}}}`)
	call("TransactWriteItems", `{"ClientRequestToken":"token","TransactItems":[{"Put":{"TableName":"items","Item":{"p":{"S":"b"},"s":{"N":"0"}}}}]}`)
	call("DeleteTable", `{"TableName":"dropped"}`)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	content, err = os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content, puts
}

// post calls an operation of the engine.
func post(e *Engine, operation, body string) (status int, answer string) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", targetPrefix+operation)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// open returns an engine of a file with the content, or the error of New. An
// engine has to answer.
func open(t *testing.T, path string, content []byte) (*Engine, error) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{File: path})
	if err != nil {
		return nil, err
	}
	answers(t, e)
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	return e, nil
}

// answers makes an engine read all that it has.
func answers(t *testing.T, e *Engine) {
	t.Helper()
	for _, name := range []string{"items", "dropped"} {
		post(e, "Scan", `{"TableName":"`+name+`"}`)
		post(e, "Scan", `{"TableName":"`+name+`","IndexName":"by-g"}`)
		post(e, "DescribeTable", `{"TableName":"`+name+`"}`)
	}
	if _, err := e.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
}

// A file that was cut off holds what was answered before: it opens, with the
// records that are whole, wherever it ends.
func TestTruncatedFile(t *testing.T) {
	t.Parallel()
	content, items := dataFile(t)
	path := filepath.Join(t.TempDir(), "data")
	most := 0
	for length := 0; length <= len(content); length += 11 {
		e, err := open(t, path, content[:length])
		if err != nil {
			t.Fatalf("%d of %d bytes: %v", length, len(content), err)
		}
		if table := e.tables["items"]; table != nil {
			most = max(most, len(table.byKey))
		}
	}
	if most < items-1 {
		t.Errorf("there were %d items at most, want %d", most, items-1)
	}
}

// A file in which a bit is wrong is refused, with the place of the damage and what
// to do.
func TestDamagedFile(t *testing.T) {
	t.Parallel()
	content, _ := dataFile(t)
	path := filepath.Join(t.TempDir(), "data")
	for at := 0; at < len(content); at += 7 {
		damaged := append([]byte{}, content...)
		damaged[at] ^= 1 << (at % 8)
		_, err := open(t, path, damaged)
		switch {
		case err == nil:
			t.Fatalf("byte %d is wrong, and the file is opened", at)
		case at < len(logMagic):
			if !strings.Contains(err.Error(), "is not a data file of this program") {
				t.Fatalf("byte %d: %v", at, err)
			}
		case !strings.Contains(err.Error(), "is damaged at byte") || !strings.Contains(err.Error(), "delete it to start anew"):
			t.Fatalf("byte %d: %v", at, err)
		}
	}
}

// Whatever is in a file, it is read or refused. The records have the right
// checksums: what is wrong is what they say. It is read from memory, because a real
// file, which is locked and forced to the disk, takes a hundred times as long.
func FuzzDataFile(f *testing.F) {
	content, _ := dataFile(f)
	for at := len(logMagic); at < len(content); {
		length := int(binary.LittleEndian.Uint32(content[at:]))
		f.Add(content[at+headerBytes:at+headerBytes+length], false)
		at += headerBytes + length
	}
	f.Add(content, true)
	f.Add([]byte(`{"Define":{"Name":"items"}}`), false)
	f.Add([]byte(`{"Changes":[{"Table":"items"}]}`), false)
	table := framed([]byte(`{"Define":{"Name":"items","Attributes":[{"AttributeName":"p","AttributeType":"S"}],"Keys":[{"AttributeName":"p","KeyType":"HASH"}]}}`))
	f.Fuzz(func(t *testing.T, data []byte, raw bool) {
		if !raw {
			data = slices.Concat([]byte(logMagic), table, framed(data))
		}
		e, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := replayLog(bytes.NewReader(data), replayInto(e.tables, e.tokens)); err == nil {
			answers(t, e)
		}
	})
}

// A file that has grown is rewritten without what is gone, while writes go on.
func TestRewrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data")
	e, err := New(Config{File: path})
	if err != nil {
		t.Fatal(err)
	}
	post(e, "CreateTable", `{"TableName":"items","AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"}],
		"KeySchema":[{"AttributeName":"p","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"}`)
	post(e, "TransactWriteItems", `{"ClientRequestToken":"token","TransactItems":[{"Put":{"TableName":"items","Item":{"p":{"S":"first"}}}}]}`)
	filler, err := json.Marshal(strings.Repeat("x", 300<<10))
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	writes := 0
	for shrunk := false; !shrunk; writes++ {
		if writes == 1000 {
			t.Fatalf("after %d writes the file has %d bytes", writes, size)
		}
		if status, answer := post(e, "PutItem", fmt.Sprintf(`{"TableName":"items","Item":{"p":{"S":"%d"},"f":{"S":%s}}}`, writes%3, filler)); status != http.StatusOK {
			t.Fatal(answer)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		shrunk, size = info.Size() < size, info.Size()
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".new"); err == nil {
		t.Error("the file in the making is still there")
	}
	again, err := New(Config{File: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if got := len(again.tables["items"].byKey); got != 4 {
		t.Errorf("%d items after rewriting, want 4", got)
	}
	if _, remembered := again.tokens["token"]; !remembered {
		t.Error("the token is forgotten")
	}
}

// A file that cannot be rewritten loses nothing, and somebody is told.
func TestRewriteThatFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data")
	var told bytes.Buffer
	e, err := New(Config{File: path, Log: slog.New(slog.NewTextHandler(&told, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	wantTold := func(when string) {
		t.Helper()
		e.file.rewriting.Wait()
		if text := told.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "goes on growing") || !strings.Contains(text, path) {
			t.Errorf("%s: the log says %q", when, text)
		}
		told.Reset()
	}
	if err := os.Mkdir(path+".new", 0o700); err != nil { // where the new file is to be made
		t.Fatal(err)
	}
	post(e, "CreateTable", `{"TableName":"items","AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"}],
		"KeySchema":[{"AttributeName":"p","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"}`)
	filler := strings.Repeat("x", 350<<10)
	for e.file.log.size < minRewrite {
		if status, answer := post(e, "PutItem", `{"TableName":"items","Item":{"p":{"S":"a"},"f":{"S":"`+filler+`"}}}`); status != http.StatusOK {
			t.Fatal(answer)
		}
	}
	wantTold("the new file cannot be made")

	if err := os.Remove(path + ".new"); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	e.file.rewritten = 0
	e.rewriteFile()
	if err := os.Remove(path + ".new"); err != nil {
		t.Fatal(err)
	}
	e.mu.Unlock()
	wantTold("the new file is gone")
	if _, answer := post(e, "GetItem", `{"TableName":"items","Key":{"p":{"S":"a"}}}`); !strings.Contains(answer, filler) {
		t.Error("the item is lost")
	}
}

// A rewritten file has the latest of everything, whatever is written between the
// batches of the rewriting.
func TestWritesWhileRewriting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data")
	e, err := New(Config{File: path})
	if err != nil {
		t.Fatal(err)
	}
	call := func(operation, format string, args ...any) {
		if status, answer := post(e, operation, fmt.Sprintf(format, args...)); status != http.StatusOK {
			t.Fatal(operation, answer)
		}
	}
	create := func(table string) {
		call("CreateTable", `{"TableName":%q,"AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"}],
			"KeySchema":[{"AttributeName":"p","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"}`, table)
	}
	put := func(table string, key int, value string) {
		call("PutItem", `{"TableName":%q,"Item":{"p":{"S":"%d"},"v":{"S":%q}}}`, table, key, value)
	}
	remove := func(key int) { call("DeleteItem", `{"TableName":"items","Key":{"p":{"S":"%d"}}}`, key) }

	const items = 5 * rewriteBatch
	create("items")
	create("dropped")
	for key := range items {
		put("items", key, "before")
		put("dropped", key, "before")
	}
	e.mu.Lock()
	fresh, err := e.file.log.startRewrite()
	if err != nil {
		t.Fatal(err)
	}
	state := e.snapshot()
	e.mu.Unlock()
	batches := 0
	err = state.writeTo(fresh, interposed{e.mu.RLocker(), func() {
		put("items", batches, "during")
		put("items", items+batches, "new")
		remove(items/2 + batches)
		remove(items/2 + 100 + batches)
		put("items", items/2+100+batches, "again")
		if batches == 2 {
			call("DeleteTable", `{"TableName":"dropped"}`)
			create("dropped")
		}
		batches++
	}})
	if err != nil {
		t.Fatal(err)
	}
	if batches < 2*items/rewriteBatch {
		t.Errorf("the lock was taken for %d batches of %d items", batches, 2*items)
	}
	if err := fresh.finish(); err != nil {
		t.Fatal(err)
	}
	put("items", 0, "after")
	want := contents(e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := New(Config{File: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if diff := cmp.Diff(want, contents(again)); diff != "" {
		t.Errorf("after rewriting (-want +got):\n%s", diff)
	}
}

// interposed does something before it is locked.
type interposed struct {
	sync.Locker
	before func()
}

func (l interposed) Lock() {
	l.before()
	l.Locker.Lock()
}

// contents returns the items of an engine's tables, in their order.
func contents(e *Engine) map[string][]attribute.Item {
	all := make(map[string][]attribute.Item)
	for name, table := range e.tables {
		items := []attribute.Item{}
		for r := range table.all() {
			items = append(items, r.item)
		}
		all[name] = items
	}
	return all
}
