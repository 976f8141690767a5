package consumers_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// systems are three systems outside, which take idempotency keys: they have an
// effect once for each key, and count how often they are asked.
type systems struct {
	mu    sync.Mutex
	asked map[string]int    // by system and key
	done  map[string]string // the answer of each effect
}

func (s *systems) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	effect := r.URL.Path + " " + r.Header.Get("Idempotency-Key")
	if s.asked[effect]++; s.asked[effect] == 1 {
		s.done[effect] = fmt.Sprintf("%s-%d", strings.TrimPrefix(r.URL.Path, "/"), len(s.done)+1)
	}
	fmt.Fprint(w, s.done[effect])
}

// The program of docs/patterns.md with three effects is killed at a hundred random
// moments. Then each of its orders is placed, with each effect once, and no system
// was asked again but the one that was being asked, or had just answered, when the
// program was killed.
func TestKilledSteps(t *testing.T) {
	t.Parallel()
	const moments = 100
	world := &systems{asked: make(map[string]int), done: make(map[string]string)}
	server := httptest.NewServer(world)
	t.Cleanup(server.Close)
	c := newConsumer(t, "steps")
	for name, value := range newTable(t) {
		c.env = append(c.env, name+"="+value)
	}
	c.env = append(c.env, "SYSTEMS="+server.URL)
	program := c.build(".")
	order := func(key string) *exec.Cmd {
		command := exec.CommandContext(t.Context(), program, key)
		command.Env = c.env
		return command
	}

	began := time.Now()
	if output, err := order("undisturbed").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	took := time.Since(began)
	world.mu.Lock()
	clear(world.asked)
	clear(world.done)
	world.mu.Unlock()

	killed := 0
	for i := range moments {
		command := order(fmt.Sprint("k", i))
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(took + took/4)) // any moment will do
		_ = command.Process.Kill()
		if command.Wait() != nil {
			killed++
		}
	}
	world.mu.Lock()
	t.Logf("%d of %d were killed, which left %d of %d effects", killed, moments, len(world.done), 3*moments)
	world.mu.Unlock()

	placed := make([]string, moments)
	var failures atomic.Int64 // which let an effect be asked for again, as kills do
	var wg sync.WaitGroup
	free := make(chan struct{}, 8)
	for i := range placed {
		wg.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(time.Second) { // until the lease is over
				output, err := order(fmt.Sprint("k", i)).Output()
				if err == nil {
					placed[i] = strings.TrimSpace(string(output))
					return
				}
				failed, ok := errors.AsType[*exec.ExitError](err)
				if !ok {
					t.Error(err)
					return
				}
				if !strings.Contains(string(failed.Stderr), "in progress") {
					failures.Add(1)
				}
				if time.Now().After(deadline) {
					t.Errorf("k%d is not placed: %v, %s", i, err, failed.Stderr)
					return
				}
			}
		})
	}
	wg.Wait()
	if len(world.done) != 3*moments {
		t.Errorf("%d effects, want %d", len(world.done), 3*moments)
	}
	repeated := 0
	for _, n := range world.asked {
		repeated += n - 1
	}
	if most := killed + int(failures.Load()); repeated > most {
		t.Errorf("%d effects were asked for again, though %d executions were interrupted", repeated, most)
	}
	answers := make(map[string]bool)
	for _, answer := range world.done {
		answers[answer] = true
	}
	for i, order := range placed {
		for _, answer := range strings.Fields(order) {
			if !answers[answer] {
				t.Errorf("k%d was told %q, of which %q is not there, or another order's", i, order, answer)
			}
			delete(answers, answer)
		}
	}
	if len(answers) > 0 {
		t.Errorf("nobody was told of %v", answers)
	}
}

// The same three effects take more lines as three executions.
func TestStepsAreShorterThanNesting(t *testing.T) {
	t.Parallel()
	lines := make(map[string]int)
	for _, name := range []string{"main.go", "nested.go"} {
		files := gotoken.NewFileSet()
		file, err := parser.ParseFile(files, filepath.Join("testdata", "steps", name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				lines[f.Name.Name] = files.Position(f.End()).Line - files.Position(f.Pos()).Line + 1
			}
		}
	}
	if lines["place"] == 0 || lines["place"] >= lines["placeNested"] {
		t.Errorf("%d lines in steps, %d nested", lines["place"], lines["placeNested"])
	}
}
