package crash_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/evidence/postgresserver"
	"github.com/idempotent-requests/idempotent-requests/evidence/valkeyserver"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// breakage breaks a store on purpose.
type breakage struct {
	below, above func(idempotency.Store) idempotency.Store
	client       func(dynamostore.AtomicClient) dynamostore.AtomicClient
	apart        bool // effects in PostgreSQL are in a transaction apart
}

// storeKind is a store on which the matrix is measured.
type storeKind string

const (
	inMemory   storeKind = "memory"
	inDynamo   storeKind = "DynamoDB"                   // with the SDK as it is
	bare       storeKind = "DynamoDB, nothing repeated" // each failed request is seen by the guard
	inValkey   storeKind = "Valkey"                     // nor is anything repeated there
	inPostgres storeKind = "PostgreSQL"                 // nor there
)

var storeKinds = []storeKind{inMemory, inDynamo, bare, inValkey, inPostgres}

// bench runs one path under one policy, on one store.
type bench struct {
	policy policy
	path   path
	store  storeKind
	broken breakage
	engine *dynamolocal.Engine
	valkey string // the server's socket
	link   *link
	line   *line
}

func (b *bench) String() string { return fmt.Sprintf("%s/%s/%s", b.policy.name, b.path.name, b.store) }

// run is one run, in a bubble of its own.
func (b *bench) run(t *testing.T, injections ...injection) (m measurement) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, policy: b.policy, path: b.path, book: ledger.New(true), thorough: b.store == inMemory}
		switch b.store {
		case inMemory:
			w.backend = newMemory(b.broken)
		case inValkey:
			w.backend = newValkey(b.link)
		case inPostgres:
			w.backend = newPostgres(w, b.line, b.broken.apart)
		default:
			db := newDynamoDB(t, b.engine, dynamoDB{
				atomic: b.policy.mode == idempotency.Atomic, repeats: b.store == inDynamo,
				options: []dynamostore.Option{dynamostore.CompressAbove(-1)}, client: b.broken.client,
			})
			defer db.close()
			if b.path.conflict {
				defer b.engine.Inject(conflictOnce())()
			}
			w.backend = db
		}
		m = w.run(slices.Clone(injections))
	})
	return m
}

// conflictOnce makes the process's first transaction meet another one.
func conflictOnce() dynamolocal.Fault {
	var once sync.Once
	return func(c dynamolocal.Call) (action dynamolocal.Action) {
		if c.Operation == "TransactWriteItems" && c.AccessKeyID == theProcess {
			once.Do(func() { action.Effect = dynamolocal.Conflict })
		}
		return action
	}
}

// cell is a measured place of the matrix.
type cell struct {
	injections []injection
	measurement
}

// measure runs the path undisturbed, and then with every fault at every step that
// its process took. Where the process lives on with a failed request, it is also
// killed at every later step, among which are those that only the failure brings
// about.
func (b *bench) measure(t *testing.T) (cells []cell) {
	t.Helper()
	switch b.store {
	case inMemory:
	case inValkey:
		b.link = newLink(t, b.valkey)
	case inPostgres:
		b.line = newLine(t, postgresserver.Shared(t).URL)
	default:
		engine, err := dynamolocal.New(dynamolocal.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = engine.Close() }()
		b.engine = engine
	}
	undisturbed := b.run(t)
	cells = append(cells, cell{nil, undisturbed})
	for _, pt := range b.interesting(undisturbed.points) {
		for _, f := range b.faultsAt(pt) {
			first := injection{pt, f}
			m := b.run(t, first)
			cells = append(cells, cell{[]injection{first}, m})
			if !slices.Contains(errs, f) || !b.seesErrors() {
				continue
			}
			for _, later := range m.points[slices.Index(m.points, pt)+1:] {
				if b.path.size > 0 && slices.Contains(undisturbed.points, later) {
					continue // the others are those of the same path without parts
				}
				for _, f := range kills {
					second := injection{later, f}
					cells = append(cells, cell{[]injection{first, second}, b.run(t, first, second)})
				}
			}
		}
	}
	return cells
}

// interesting returns the steps to interrupt: all, or if the path is about parts
// of a response those that handle them, because the others are those of the same
// path without parts.
func (b *bench) interesting(points []point) []point {
	if b.path.size == 0 {
		return points
	}
	return slices.DeleteFunc(slices.Clone(points), func(pt point) bool {
		return !strings.Contains(pt.label, "part") && pt.label != stepComplete && pt.label != stepCommit && pt.label != stepRecordStep
	})
}

// faultsAt returns what can happen at a step, as far as it depends on the store.
// What happens between requests, or by time alone, has been seen in memory; and
// on a DynamoDB whose SDK repeats nothing only the failures matter that the guard
// then gets to see.
func (b *bench) faultsAt(pt point) (all []fault) {
	first := b.store == inMemory || b.policy == atomicPostgres ||
		b.store == inDynamo && (b.policy.mode == idempotency.Atomic || b.path.size > 0)
	switch {
	case pt.store && b.store == bare:
		return errs
	case pt.store && (first || b.store == inValkey || b.store == inPostgres):
		return slices.Concat(kills, freezes, stalls, losses)
	case pt.store:
		return slices.Concat(kills, freezes, losses)
	case first:
		return slices.Concat(kills, freezes, stalls)
	}
	return nil
}

// seesErrors reports whether the guard is told of a single failed request, on the
// fastest store on which the path can be measured.
func (b *bench) seesErrors() bool {
	return b.store == inMemory || b.store == inValkey || b.store == inPostgres || b.store == bare && (b.policy.mode == idempotency.Atomic || b.path.size > 0)
}

// benches are all that is measured.
func benches(valkey string) (all []*bench) {
	for _, path := range slices.Concat(leasedPaths, stepPaths) {
		stores := storeKinds
		if path.size > 0 {
			stores = []storeKind{inDynamo, bare} // elsewhere nothing is beside anything
		} else if path.steps > 0 {
			stores = []storeKind{inMemory}
			if path.everywhere {
				stores = []storeKind{inMemory, inDynamo, inValkey, inPostgres}
			}
		}
		for _, policy := range leased {
			for _, store := range stores {
				all = append(all, &bench{policy: policy, path: path, store: store, valkey: valkey})
			}
		}
	}
	for _, path := range atomicPaths {
		for _, store := range []storeKind{inDynamo, bare} {
			all = append(all, &bench{policy: atomicity, path: path, store: store})
		}
	}
	for _, path := range transactionPaths() {
		all = append(all, &bench{policy: atomicPostgres, path: path, store: inPostgres})
	}
	return all
}

// matrix is all that was measured.
type matrix struct {
	mu    sync.Mutex
	cells map[*bench][]cell
}

func TestCrashMatrix(t *testing.T) {
	t.Parallel()
	m := matrix{cells: make(map[*bench][]cell)}
	var valkey string
	if valkeyserver.Installed() {
		valkey = valkeyserver.Start(t)
	}
	all := benches(valkey)
	t.Run("cells", func(t *testing.T) {
		for _, b := range all {
			t.Run(b.String(), func(t *testing.T) {
				t.Parallel()
				if b.store == inValkey && valkey == "" {
					valkeyserver.Start(t) // says what is missing
				}
				cells := b.measure(t)
				for _, c := range cells {
					b.check(t, c)
				}
				m.mu.Lock()
				defer m.mu.Unlock()
				m.cells[b] = cells
			})
		}
	})
	if len(m.cells) < len(all) {
		t.Skip("only a part was measured: the document is not looked at")
	}
	m.checkExhaustive(t)
	m.publish(t)
}

// checkExhaustive makes sure that a process was killed before and after every
// request that any process at all was seen to make, under each policy.
func (m *matrix) checkExhaustive(t *testing.T) {
	t.Helper()
	type kill struct {
		policy string
		label  string
		fault  fault
	}
	done := make(map[kill]bool)
	for b, cells := range m.cells {
		for _, c := range cells {
			for _, i := range c.injections {
				done[kill{b.policy.name, i.at.label, i.fault}] = true
			}
		}
	}
	for b, cells := range m.cells {
		for _, c := range cells {
			for _, pt := range c.points {
				for _, f := range kills {
					if k := (kill{b.policy.name, pt.label, f}); !done[k] {
						t.Errorf("%v: no process was %v %q, which %v does", b, f, pt.label, c.injections)
						done[k] = true
					}
				}
			}
		}
	}
}

// check is what must be true of every cell.
func (b *bench) check(t *testing.T, c cell) {
	t.Helper()
	for _, v := range c.violations {
		if b.policy.promise().Includes(v.Guarantee) {
			t.Errorf("%v: %v", c.injections, v)
		}
	}
	if !c.fired {
		t.Errorf("%v was not met", c.injections)
	}
}
