package crash_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// policy is a configuration whose promises are checked.
type policy struct {
	name     string
	mode     idempotency.Mode
	recovery idempotency.Recovery
}

var (
	reexecute = policy{"Reexecute", idempotency.Leased, idempotency.Reexecute}
	refuse    = policy{"Refuse", idempotency.Leased, idempotency.Refuse}
	reconcile = policy{"Reconcile", idempotency.Leased, idempotency.Reconcile}
	atomicity = policy{"Atomic", idempotency.Atomic, idempotency.Reexecute}

	// Effects and record are in one transaction of PostgreSQL.
	atomicPostgres = policy{"Atomic, PostgreSQL", idempotency.Atomic, idempotency.Reexecute}

	leased = []policy{reexecute, refuse, reconcile}
)

// promise is what the policy promises.
func (p policy) promise() ledger.Promise {
	return ledger.Promise{Mode: p.mode, Recovery: p.recovery, SkewHeld: true}
}

// world is everything around the processes of one run. It lives in a synctest
// bubble: time passes only when all wait.
type world struct {
	t         *testing.T
	policy    policy
	path      path
	backend   backend
	book      *ledger.Book
	receipts  atomic.Int64
	over      bool          // the window that the run is about has passed
	window    time.Duration // of keys, 0 for the default
	thorough  bool          // looks from more sides at what has come of a run
	requests  sync.Mutex    // requests to the store are served one after the other
	processes []*process

	// What a story has beside that; nil for none.
	follow    func(p *process, happened string)
	configure func(c *idempotency.Config)
}

const (
	theProcess = "the process"

	alice    = "alice"
	stranger = "stranger"

	original = "pay 10" // the payload
	other    = "pay 99"

	afterLease = idempotency.DefaultLease + idempotency.DefaultSkew + 5*time.Second
)

// request is what a caller sends.
type request struct {
	caller   string
	payload  string
	hint     bool             // says that it is a retry
	deadline time.Duration    // of the call, 0 for none
	free     ledger.Guarantee // broken unless the call executes, "" for none
	// scribbles makes the caller write over the response that it was given.
	scribbles bool
}

// process starts a process for the caller, with nothing in its memory.
func (w *world) process(name, caller string, injections ...injection) *process {
	w.t.Helper()
	scope, err := idempotency.NewScope(caller)
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := idempotency.NewKey(scope, "payments.create", "the same token")
	if err != nil {
		w.t.Fatal(err)
	}
	p := &process{
		world: w, name: name, n: len(w.processes) + 1, caller: caller, key: key, injections: injections,
		counts: make(map[string]int), stopped: make(chan struct{}, 4),
	}
	cfg := idempotency.Config{
		Store: w.backend.open(p), Mode: w.policy.mode, Recovery: w.policy.recovery,
		Wait: w.path.wait, MaxResult: w.path.maxResult, Observer: observer{p},
		CacheBytes: shrinkAbove, // copies of large results cost more time than they save here
	}
	if w.configure != nil {
		w.configure(&cfg)
	}
	p.guard, err = idempotency.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.processes = append(w.processes, p)
	return p
}

// call makes the process take a request. It is over when p.done is closed.
func (p *process) call(r request, run script) {
	c, done := p.asks(r), make(chan struct{})
	ctx, hangUp := context.WithCancel(context.Background())
	p.done, p.hangUp = done, hangUp
	go func() {
		defer hangUp()
		defer close(done)
		if r.deadline > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, r.deadline)
			defer cancel()
		}
		outcome, err := p.do(ctx, r, run)
		answer, data := ledger.AnswerOf(outcome, err), string(outcome.Data)
		if r.scribbles {
			copy(outcome.Data, bytes.Repeat([]byte("X"), len(outcome.Data)))
		}
		if answer == ledger.Strange {
			data = err.Error()
		}
		p.world.book.Enter(func(ledger.Moment) {
			if busy, ok := errors.AsType[*idempotency.InProgressError](err); ok {
				c.RetryAfter = busy.RetryAfter
			}
			if !outcome.Expires.IsZero() {
				c.Expires = p.world.book.At(outcome.Expires)
			}
		})
		p.answers(c, answer, data, "")
	}()
}

// do calls the guard. A panic ends the call and not the process, as in net/http.
func (p *process) do(ctx context.Context, r request, run script) (outcome idempotency.Outcome, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: panic: %v", ledger.ErrOperation, v)
		}
	}()
	return p.guard.Do(ctx, idempotency.Request{
		Key: p.key, Fingerprint: idempotency.NewFingerprint([]byte(r.payload)), LikelyDuplicate: r.hint,
		Reconcile: p.reconcile,
	}, func(ctx context.Context) (result idempotency.Result, err error) {
		p.tell("executes")
		ends := p.executes(ctx)
		defer func() { ends(result, err == nil && !result.Discard) }()
		return run(p, ctx)
	})
}

// reconcile asks the world outside, which keeps its ledger by downstream keys.
func (p *process) reconcile(ctx context.Context) (found idempotency.Reconciliation, err error) {
	e, _ := idempotency.FromContext(ctx)
	ends := p.executes(ctx)
	p.step("reconcile", func() {
		var receipts []string
		for _, name := range p.world.path.effects() {
			if id, happened := p.world.book.Find(e.DerivedKey(name)); happened {
				receipts = append(receipts, ledger.Receipt(id, p.caller))
			}
		}
		if len(receipts) == len(p.world.path.effects()) {
			p.tell("reconcile: finds %s", strings.Join(receipts, "\n"))
			found = idempotency.Reconciliation{Completed: true, Result: p.result(receipts...)}
			ends(found.Result, true)
		} else {
			p.tell("reconcile: finds nothing")
		}
	})
	return found, nil
}

// settle waits until the process's call is over, or has come to a fault that
// somebody has to see to.
func (p *process) settle() {
	select {
	case <-p.done:
	case <-p.stopped:
	}
}

// healthy has a call of which nothing goes wrong.
func (w *world) healthy(caller, payload string) {
	w.t.Helper()
	p := w.process("an earlier process", caller)
	p.call(request{caller: caller, payload: payload}, w.operation())
	<-p.done
}

// crashed has a call that was killed before the given step, and whose lease is
// over.
func (w *world) crashed(before point) {
	w.t.Helper()
	p := w.process("an earlier process", alice, injection{before, killedBefore})
	p.call(request{caller: alice, payload: original}, w.operation())
	p.settle()
	time.Sleep(afterLease)
}

// running has a call that is executing, and will for as long.
func (w *world) running(d time.Duration, then script) {
	w.t.Helper()
	p := w.process("the owner", alice)
	p.call(request{caller: alice, payload: original}, func(p *process, ctx context.Context) (idempotency.Result, error) {
		time.Sleep(d)
		return then(p, ctx)
	})
	synctest.Wait()
}

// measurement is what came of a run.
type measurement struct {
	points     []point // the steps of the process that was looked at
	first      string  // what its caller was told, in the words of the tables; "" for nothing
	late       bool    // that was after the retries
	retries    []string
	effects    []int // how often each has happened
	violations []ledger.Violation
	fired      bool // all faults have been met
}

// run is one path with faults in it, and the client's retries.
func (w *world) run(injections []injection) (m measurement) {
	if w.path.before != nil {
		w.path.before(w)
	}
	subject := w.process(theProcess, alice, injections...)
	subject.call(w.path.request, w.path.run)
	subject.settle()
	why, still := subject.stands()
	if still && (why == stalledBefore || why == stalledAfter) {
		time.Sleep(afterLease)
		subject.move()
		synctest.Wait()
		still = false
	}

	// Somebody else has come by the same token, with a request of his own.
	w.ask("a stranger's process", request{caller: stranger, payload: other, free: ledger.G6})
	m.retries = w.ask("the retry", w.path.request)
	if m.late = still; still {
		subject.move()
	}
	<-subject.done
	m.first = w.word(subject.asked.Load())
	m.late = m.late && m.first != ""

	// Duplicates of the request that came first: from a new process, from one that
	// says that it retries, and from the process itself, which may remember.
	r := request{caller: alice, payload: original}
	w.ask("a duplicate", r)
	m.points = subject.seen()
	if w.thorough {
		w.ask("a duplicate that says so", request{caller: alice, payload: original, hint: true})
		subject.repeat(r)
		w.ask("a stranger's duplicate", request{caller: stranger, payload: other})
	}
	for _, name := range w.path.effects() {
		n := 0
		for _, e := range w.book.Effects(subject.key.ID()) {
			if e.Name == name {
				n++
			}
		}
		m.effects = append(m.effects, n)
	}

	// When the window is over the key is new to everybody.
	w.over = true
	w.passWindow(subject.key.ID())
	r.free = ledger.G7
	if w.thorough && subject.repeat(r) {
		w.passWindow(subject.key.ID())
	}
	w.ask("a call after the window", r)

	for _, p := range w.processes {
		<-p.done
	}
	m.violations = w.book.Judge(w.policy.promise())
	m.fired = len(subject.injections) == 0
	return m
}

// maxAttempts is how often a client asks before it is said to have got no answer.
const maxAttempts = 8

// ask is a client that retries, each time at another process, until it is told
// something final.
func (w *world) ask(name string, r request) (verdicts []string) {
	for range maxAttempts {
		p := w.process(name, r.caller)
		p.call(r, w.operation())
		<-p.done
		c := p.asked.Load()
		verdicts = append(verdicts, w.word(c))
		if c.Answer.Final() {
			break
		}
		time.Sleep(max(c.RetryAfter, time.Second))
		r.free = ""
	}
	return verdicts
}

// repeat has the process take another request, if it can.
func (p *process) repeat(r request) bool {
	if p.dead.Load() || p.unreachable() {
		return false
	}
	p.call(r, p.world.operation())
	<-p.done
	return true
}

func (p *process) seen() []point {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]point(nil), p.points...)
}

// passWindow waits until the key's record has just expired.
func (w *world) passWindow(key string) {
	if s := w.backend.look(key); s.Status != "" {
		time.Sleep(max(0, time.Until(time.UnixMilli(s.Expires))))
	} else {
		time.Sleep(idempotency.DefaultWindow) // its effects happened in a window of their own
	}
}

// result is what an operation answers: the receipts of its effects and, if the
// path asks for it, much else. The stranger, and calls after the window, do
// without.
func (p *process) result(receipts ...string) idempotency.Result {
	data := ledger.Receipts(receipts...)
	if p.caller == alice && p.world.path.size > len(data) && !p.world.over {
		whole := make([]byte, p.world.path.size)
		copy(whole, data)
		data = whole
	}
	return idempotency.Result{Data: data}
}
