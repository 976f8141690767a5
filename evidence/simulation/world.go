package simulation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Report is what came of a run.
type Report struct {
	Book    *ledger.Book
	Promise ledger.Promise
	// Trace is everything that happened, in its order and with its times, if it was
	// asked for. Runs of [RunConcurrently] have none.
	Trace string
}

// Run simulates, reproducibly, in no time at all.
func Run(t *testing.T, cfg Config) *Report {
	t.Helper()
	var report *Report
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(cfg, time.Second)
		w.book.Watched = true
		s := newScheduler(w)
		w.network = s
		if err := w.connect(nil); err != nil {
			t.Fatal(err)
		}
		for _, c := range w.set.crashes {
			s.at(c.at, nil, func() { w.crash(c.machine) })
			s.at(c.at+c.for_, nil, func() { w.start(c.machine) })
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			report = w.play(t.Context())
		}()
		s.run(done)
		report.Trace = w.trace.String()
	})
	return report
}

// RunConcurrently simulates with goroutines that run as they like: in a synctest
// bubble, or in real time with a shorter second. What is promised of leases is
// only checked if a second is one, for a busy machine delays goroutines. Dynamo,
// if given, keeps the records that otherwise an engine in memory would.
func RunConcurrently(t *testing.T, cfg Config, second time.Duration, dynamo *Dynamo) *Report {
	t.Helper()
	cfg.Trace = false
	w := newWorld(cfg, second)
	c := &concurrent{world: w}
	w.network = c
	if err := w.connect(dynamo); err != nil {
		t.Fatal(err)
	}
	var machines sync.WaitGroup
	for _, trouble := range w.set.crashes {
		machines.Go(func() {
			time.Sleep(trouble.at)
			w.crash(trouble.machine)
			time.Sleep(trouble.for_)
			w.start(trouble.machine)
		})
	}
	report := w.play(t.Context())
	machines.Wait()
	c.copies.Wait()
	return report
}

// world is everything there is.
type world struct {
	Config
	set     setting
	book    *ledger.Book
	network network
	backing backing
	healed  atomic.Bool

	machines []atomic.Pointer[process] // nil while down
	lives    atomic.Int64
	servers  sync.WaitGroup

	notes struct {
		sync.Mutex
		pending []note
	}
	trace strings.Builder
}

func newWorld(cfg Config, unit time.Duration) *world {
	w := &world{Config: cfg, set: newSetting(cfg, unit), book: ledger.New(false)}
	w.machines = make([]atomic.Pointer[process], len(w.set.machines))
	return w
}

func (w *world) now() ledger.Moment { return w.book.At(time.Now()) }

// play lets the clients make their requests, repairs everything, and asks for
// each key once more.
func (w *world) play(ctx context.Context) *Report {
	for i := range w.machines {
		w.start(i)
	}
	var clients sync.WaitGroup
	for i := range w.set.clients {
		clients.Go(func() { w.client(ctx, i) })
	}
	clients.Wait()
	w.servers.Wait()
	w.healed.Store(true)
	w.audit(ctx)
	w.servers.Wait()
	w.backing.collect(w)
	return &Report{
		Book: w.book,
		Promise: ledger.Promise{
			Mode: w.Mode, Recovery: w.Recovery, Spread: w.set.spread,
			SkewHeld:     w.set.skewHeld && w.set.unit == time.Second,
			Deduplicated: w.set.dedupes,
		},
	}
}

// note is a line of the trace.
type note struct {
	at    ledger.Moment
	actor int
	text  string
}

// note enters a line; actor is a call's number, or less than 0 for a machine.
func (w *world) note(actor int, format string, args ...any) {
	if !w.Trace {
		return
	}
	n := note{w.now(), actor, fmt.Sprintf(format, args...)}
	w.notes.Lock()
	defer w.notes.Unlock()
	w.notes.pending = append(w.notes.pending, n)
}

// flushNotes writes what was noted since the last time, in an order that does not
// depend on which goroutine ran first.
func (w *world) flushNotes() {
	w.notes.Lock()
	defer w.notes.Unlock()
	slices.SortFunc(w.notes.pending, func(a, b note) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.actor, b.actor), cmp.Compare(a.text, b.text))
	})
	for _, n := range w.notes.pending {
		fmt.Fprintf(&w.trace, "%15v  %4d  %s\n", n.at, n.actor, n.text)
	}
	w.notes.pending = w.notes.pending[:0]
}

// key makes an idempotency key of its name, scope and token.
func (w *world) key(scope, token int) idempotency.Key {
	principal, err := idempotency.NewScope(fmt.Sprint("principal", scope))
	if err != nil {
		panic(err)
	}
	key, err := idempotency.NewKey(principal, "payments.create", fmt.Sprint("token", token))
	if err != nil {
		panic(err)
	}
	return key
}
