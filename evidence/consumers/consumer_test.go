package consumers_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/tools/release/modules"
)

// consumer is a module that requires ours.
type consumer struct {
	t   *testing.T
	dir string
	env []string
}

// newConsumer makes a module of the programs in a directory of testdata. What they
// require of others in a version that none of our modules names is given.
func newConsumer(t *testing.T, use string, others ...string) *consumer {
	t.Helper()
	c := &consumer{t: t, dir: t.TempDir(), env: published(t).environment()}
	if err := os.CopyFS(c.dir, os.DirFS(filepath.Join("testdata", use))); err != nil {
		t.Fatal(err)
	}
	known, _ := requirements.LoadOrStore(use, new(requirement))
	required := known.(*requirement)
	required.once.Do(func() {
		c.require(others)
		required.mod, required.sum = c.read("go.mod"), c.read("go.sum")
	})
	c.write("go.mod", required.mod)
	c.write("go.sum", required.sum)
	return c
}

// requirements holds what the modules of each kind of use require, which is found
// out once.
var requirements sync.Map

// requirement is the text of go.mod and go.sum.
type requirement struct {
	once     sync.Once
	mod, sum []byte
}

// require makes a module of the programs, which requires what they import.
func (c *consumer) require(others []string) {
	t := c.t
	t.Helper()
	c.run("go", "mod", "init", "example.com/consumer")
	get := others
	for _, m := range published(t).modules {
		if m.Published && slices.ContainsFunc(imports(t, c.dir), func(path string) bool { return providedBy(path, m, published(t).modules) }) {
			get = append(get, m.Path()+"@"+published(t).version)
		}
	}
	c.run("go", append([]string{"get"}, get...)...)
	c.run("go", "mod", "tidy")
}

func (c *consumer) read(name string) []byte {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}

// in returns the same module for a subtest, with an environment of its own.
func (c *consumer) in(t *testing.T) *consumer {
	return &consumer{t: t, dir: c.dir, env: slices.Clone(c.env)}
}

// imports returns the packages of ours that the Go files of a directory import.
func imports(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		program, err := os.ReadFile(path)
		for line := range strings.Lines(string(program)) {
			if path, quoted := strings.CutPrefix(strings.TrimSpace(line), `"`+modules.Prefix); quoted {
				paths = append(paths, strings.TrimSuffix(path, `"`))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// providedBy reports whether m is the module, among all, that holds a package:
// the one with the longest path.
func providedBy(path string, m modules.Module, all []modules.Module) bool {
	holds := func(dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
	return holds(m.Dir) && !slices.ContainsFunc(all, func(o modules.Module) bool { return holds(o.Dir) && len(o.Dir) > len(m.Dir) })
}

// wantNoMoreThanLinked: of what our modules require, go.sum has the content of
// those modules alone that are a part of the program. What the tests of other
// people's modules need is theirs to answer for.
func (c *consumer) wantNoMoreThanLinked() {
	c.t.Helper()
	linked := strings.Fields(c.run("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./..."))
	required := make(map[string]bool)
	for line := range strings.Lines(c.run("go", "mod", "graph")) {
		if by, module, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(by, modules.Prefix) {
			path, _, _ := strings.Cut(module, "@")
			required[path] = true
		}
	}
	text, err := os.ReadFile(filepath.Join(c.dir, "go.sum"))
	if err != nil {
		c.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if path := fields[0]; !strings.HasSuffix(fields[1], "/go.mod") && required[path] && !slices.Contains(linked, path) {
			c.t.Errorf("go.sum has %s, which is not linked", path)
		}
	}
}

func (c *consumer) write(name string, content []byte) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), content, 0o644); err != nil {
		c.t.Fatal(err)
	}
}

func (c *consumer) replace(was, is string) {
	c.t.Helper()
	program, err := os.ReadFile(filepath.Join(c.dir, "main.go"))
	if err != nil || !bytes.Contains(program, []byte(was)) {
		c.t.Fatalf("%v: %q is not in the program", err, was)
	}
	c.write("main.go", bytes.ReplaceAll(program, []byte(was), []byte(is)))
}

// build returns the path of the program in a directory of the module.
func (c *consumer) build(dir string) string {
	c.t.Helper()
	binary := filepath.Join(c.t.TempDir(), "bootstrap")
	c.run("go", "build", "-o", binary, "./"+dir)
	return binary
}

func (c *consumer) run(name string, arguments ...string) string {
	c.t.Helper()
	command := exec.CommandContext(c.t.Context(), name, arguments...)
	command.Dir, command.Env = c.dir, c.env
	var errors bytes.Buffer
	command.Stderr = &errors
	output, err := command.Output()
	if err != nil {
		c.t.Fatalf("%s %v: %v\n%s%s", name, arguments, err, output, errors.String())
	}
	return string(output)
}

// start runs a server until the test ends.
func (c *consumer) start(binary string) {
	c.t.Helper()
	command := exec.CommandContext(c.t.Context(), binary)
	command.Env = c.env
	if err := command.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
}

// post sends the same request until the server listens.
func (c *consumer) post(url string) *http.Response {
	c.t.Helper()
	return c.postKey(url, "k1")
}

// postKey is post with an idempotency key.
func (c *consumer) postKey(url, key string) *http.Response {
	c.t.Helper()
	for {
		request, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, url, strings.NewReader(`{"amount":1250}`))
		if err != nil {
			c.t.Fatal(err)
		}
		request.SetBasicAuth("alice", "secret")
		request.Header.Set("Idempotency-Key", key)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			c.t.Cleanup(func() { _ = response.Body.Close() })
			return response
		}
		select {
		case <-c.t.Context().Done():
			c.t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// publication is this working tree as a version that others can require.
type publication struct {
	version, proxy, cache string
	modules               []modules.Module
	err                   error
}

var publish = sync.OnceValue(func() (p publication) {
	p.err = p.make()
	return p
})

func published(t *testing.T) publication {
	t.Helper()
	p := publish()
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p
}

// make publishes a copy of the tree to a file-system GOPROXY below build, whose
// module cache keeps what others publish from run to run. The version names the
// content, so that no cache mistakes one state of the tree for another.
func (p *publication) make() error {
	const root = "../.."
	tree, err := os.MkdirTemp("", "consumers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	if err := modules.Copy(root, tree); err != nil {
		return err
	}
	if p.modules, err = modules.List(tree); err != nil {
		return err
	}
	content, err := digest(tree, p.modules)
	if err != nil {
		return err
	}
	p.version = "v0.0.1-" + content
	if err := modules.SetVersion(tree, p.modules, p.version); err != nil {
		return err
	}
	build, err := filepath.Abs(filepath.Join(root, "build", "consumers"))
	if err != nil {
		return err
	}
	p.proxy, p.cache = filepath.Join(build, "proxy"), filepath.Join(build, "modules")
	return modules.Archive(tree, p.modules, p.version, p.proxy)
}

// digest is a hash over the files of the published modules.
func digest(tree string, list []modules.Module) (string, error) {
	hash := sha256.New()
	for _, m := range list {
		if !m.Published {
			continue
		}
		err := filepath.WalkDir(filepath.Join(tree, filepath.FromSlash(m.Dir)), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			fmt.Fprintf(hash, "%s %d\n%s", strings.TrimPrefix(path, tree), len(text), text)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return "h" + hex.EncodeToString(hash.Sum(nil))[:12], nil
}

// environment is that of a machine which has never seen this repository: ours
// come from the proxy of this test, what others publish from where they always
// do, unless this machine has it. Programs have no symbols for debuggers, which
// take a linker a third of its time.
func (p publication) environment() []string {
	output, err := exec.Command("go", "env", "GOPROXY", "GOMODCACHE").Output()
	if err != nil {
		panic(err)
	}
	elsewhere, cache, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
	return append(os.Environ(), "GOWORK=off", "GOFLAGS=-modcacherw -trimpath -ldflags=-w", "GOMODCACHE="+p.cache,
		"GOPROXY=file://"+p.proxy+",file://"+cache+"/cache/download,"+elsewhere,
		"GONOSUMDB="+modules.Prefix+"*", "GONOSUMCHECK=1", "GOPRIVATE=")
}

// synchronised is a buffer for several writers.
type synchronised struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *synchronised) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *synchronised) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
