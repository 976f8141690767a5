package simulation

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// process is one life of a machine. Nothing that a dead process still does
// reaches the world.
type process struct {
	machine int
	life    int
	guard   *idempotency.Guard
	dead    atomic.Bool
	gone    chan struct{} // closed when it dies
}

// start makes a machine live again, with nothing in its memory.
func (w *world) start(machine int) {
	if w.machines[machine].Load() != nil {
		return
	}
	w.machines[machine].Store(w.newProcess(machine, w.set.machines[machine]))
	w.note(-1-machine, "started")
}

func (w *world) newProcess(machine int, m machineSetting) *process {
	p := &process{machine: machine, life: int(w.lives.Add(1)), gone: make(chan struct{})}
	cfg := idempotency.Config{
		Store:             w.backing.store(w, p),
		Mode:              w.Mode,
		Recovery:          w.Recovery,
		Window:            w.set.window,
		Lease:             w.set.lease,
		Skew:              w.set.skew,
		Wait:              w.set.wait,
		CompletionTimeout: w.set.recording,
		MaxResult:         maxResult,
		Seal:              newKeys(w),
		Observer:          observer{},
		Clock:             func() time.Time { return time.Now().Add(m.offset) },
	}
	if !m.cached {
		cfg.CacheEntries = -1
	}
	if w.healed.Load() {
		cfg.CompletionTimeout = time.Hour
	}
	guard, err := idempotency.New(cfg)
	if err != nil {
		panic(err) // settings are always valid
	}
	p.guard = guard
	return p
}

// crash ends the life of a machine.
func (w *world) crash(machine int) {
	p := w.machines[machine].Swap(nil)
	if p == nil {
		return
	}
	w.note(-1-machine, "crashed")
	p.dead.Store(true)
	close(p.gone)
}

// call is a client's call at a process.
type call struct {
	*ledger.Call
	world   *world
	process *process
	id      string // of the key

	mu    sync.Mutex // guards the fields of Call until the answer, and what follows
	sends map[string]int
	held  holding
}

func (c *call) count(label string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sends[label]++
	return c.sends[label]
}

// update changes the call's entry in the book, unless its process has crashed
// before.
func (c *call) update(change func(*ledger.Call)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.process.dead.Load() {
		change(c.Call)
	}
}

// serve is a process working on a request. The answer is nil if it crashed.
func (w *world) serve(ctx context.Context, p *process, opened ledger.Call, request idempotency.Request) <-chan error {
	opened.Process = p.life
	c := &call{Call: w.book.Open(opened, w.set.window), world: w, process: p, id: request.Key.ID(), sends: make(map[string]int)}
	ctx = context.WithValue(ctx, callKey{}, c)
	answer := make(chan error, 1)
	w.servers.Go(func() {
		defer close(answer)
		finished := make(chan struct{})
		defer close(finished)
		w.servers.Go(func() { // a crash is entered when it happens
			select {
			case <-p.gone:
				c.mu.Lock()
				defer c.mu.Unlock()
				if c.Ended == ledger.Never {
					c.Crashed, c.Interrupted = w.now(), true
				}
			case <-finished:
			}
		})
		outcome, err := c.do(ctx, request)
		c.update(func(entry *ledger.Call) {
			entry.Answer, entry.Data = ledger.AnswerOf(outcome, err), string(outcome.Data)
			if entry.Answer == ledger.Strange {
				entry.Data = err.Error()
			}
			entry.Interrupted = entry.Settlement != ledger.Recorded || len(entry.Executions) > 0 && entry.Executions[len(entry.Executions)-1].LeaseOver != ledger.Never
			entry.Ended = w.book.Now()
			if !outcome.Expires.IsZero() {
				entry.Expires = w.book.At(outcome.Expires) - w.set.offset(p.machine)
			}
			w.note(entry.ID, "answer: %s %.60q", entry.Answer, entry.Data)
			answer <- err
		})
	})
	return answer
}

func (s setting) offset(machine int) time.Duration {
	if machine < len(s.machines) {
		return s.machines[machine].offset
	}
	return 0 // the auditor's
}

// do is the guard's Do, with panics for errors.
func (c *call) do(ctx context.Context, request idempotency.Request) (outcome idempotency.Outcome, err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != panicked {
				panic(r)
			}
			err = ledger.ErrOperation
		}
	}()
	request.Reconcile = c.reconcile
	return c.process.guard.Do(ctx, request, c.operation)
}

type callKey struct{}

// observer enters what the guard observes of a call.
type observer struct{}

func (observer) Observe(ctx context.Context, e idempotency.Event) {
	c := ctx.Value(callKey{}).(*call)
	c.update(func(entry *ledger.Call) {
		c.world.note(entry.ID, "observed: %s", e.Observation)
		entry.Observe(e)
		if e.Observation == idempotency.ObservedStep && !c.world.book.Watched { // else it is seen in the record
			c.world.book.Step(ledger.Step{Name: e.Step, Call: entry, Recorded: true, Until: entry.Expires})
		}
	})
}
