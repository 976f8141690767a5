package simulation_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/evidence/linearizability"
	"github.com/idempotent-requests/idempotent-requests/evidence/model"
	"github.com/idempotent-requests/idempotent-requests/evidence/simulation"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

var (
	seeds   = flag.Int("sim.seeds", 2000, "how many seeds to simulate in all")
	oneSeed = flag.Uint64("sim.seed", 0, "simulate this seed only, and keep its trace")
)

// variant is a kind of system. Share is its part of the seeds, in percent: those
// in front of a DynamoDB cost ten times as much.
type variant struct {
	name  string
	share int
	simulation.Config
}

var variants = []variant{
	{"leased/reexecute/memory", 32, simulation.Config{Recovery: idempotency.Reexecute}},
	{"leased/refuse/memory", 26, simulation.Config{Recovery: idempotency.Refuse}},
	{"leased/reconcile/memory", 32, simulation.Config{Recovery: idempotency.Reconcile}},
	{"leased/reexecute/dynamodb", 2, simulation.Config{Recovery: idempotency.Reexecute, Dynamo: true}},
	{"leased/refuse/dynamodb", 2, simulation.Config{Recovery: idempotency.Refuse, Dynamo: true}},
	{"leased/reconcile/dynamodb", 2, simulation.Config{Recovery: idempotency.Reconcile, Dynamo: true}},
	{"atomic/dynamodb", 4, simulation.Config{Mode: idempotency.Atomic, Dynamo: true}},
}

func TestSimulation(t *testing.T) {
	t.Parallel()
	var seen steps
	t.Run("of", func(t *testing.T) { simulate(t, &seen) })
	if !t.Failed() && *oneSeed == 0 {
		seen.check(t)
	}
}

// steps are those of the store that were seen, in the words of the model.
type steps struct {
	mu    sync.Mutex
	times map[string]int
}

func (s *steps) add(step string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times == nil {
		s.times = make(map[string]int)
	}
	s.times[step]++
}

// check holds the steps against those that the model can make: whatever happens, the
// code makes no other. That stores make each of them is [model.TestStore]'s business.
func (s *steps) check(t *testing.T) {
	t.Helper()
	can := model.Transitions()
	for step, times := range s.times {
		if !slices.Contains(can, step) {
			t.Errorf("%d times a store made a step that the model cannot make: %s", times, step)
		}
	}
	if len(s.times) < len(can)/2 {
		t.Errorf("only %d of the model's %d steps were seen", len(s.times), len(can))
	}
}

func simulate(t *testing.T, seen *steps) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			if *oneSeed > 0 {
				v.Seed, v.Trace = *oneSeed, true
				check(t, v, simulation.Run(t, v.Config))
				return
			}
			if !v.Dynamo {
				v.Watch = seen.add
			}
			for seed := range uint64(max(1, *seeds*v.share/100)) {
				v.Seed = seed + 1
				if check(t, v, simulation.Run(t, v.Config)); t.Failed() {
					return
				}
			}
		})
	}
}

// check holds a run against what was promised and, where it fell short, keeps
// the trace.
func check(t *testing.T, v variant, report *simulation.Report) {
	t.Helper()
	broken := report.Book.Check(report.Promise)
	if err := linearizability.Check(report.Book, report.Promise, ""); err != nil {
		broken = append(broken, ledger.Violation{Guarantee: ledger.G1, What: err.Error()})
	}
	if len(broken) == 0 {
		return
	}
	for _, err := range broken {
		t.Error(err)
	}
	if report.Trace == "" {
		v.Trace = true
		report = simulation.Run(t, v.Config)
	}
	t.Errorf("trace: %s\nreproduce: go test ./evidence/simulation -run '^TestSimulation/of/%s$' -sim.seed=%d",
		keep(t, report), v.name, v.Seed)
}

// keep writes the trace where it survives the test.
func keep(t *testing.T, report *simulation.Report) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "simulation")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "trace.txt")
	if err := os.WriteFile(path, []byte(report.Trace), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestASeedDecidesEverything(t *testing.T) {
	t.Parallel()
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			traces := make(map[string]bool)
			seeds := 5 + v.share
			for seed := range uint64(seeds) {
				v.Seed, v.Trace = 1000+seed, true
				first, second := simulation.Run(t, v.Config), simulation.Run(t, v.Config)
				if first.Trace != second.Trace {
					t.Fatalf("seed %d: two runs differ; compare %s and %s", v.Seed, keep(t, first), keep(t, second))
				}
				traces[first.Trace] = true
			}
			if len(traces) != seeds {
				t.Error(fmt.Errorf("%d seeds made %d different runs", seeds, len(traces)))
			}
		})
	}
}
