package simulation

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	p := &process{machine: machine, gone: make(chan struct{})}
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

func (c *call) claimedBlindly(during ledger.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.BlindClaims = append(c.BlindClaims, during)
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
	opened.Process, opened.Began = p.machine, w.now()
	opened.Expires = opened.Began + w.set.window
	c := &call{Call: w.book.Open(opened), world: w, process: p, sends: make(map[string]int)}
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
					c.Crashed = w.now()
				}
			case <-finished:
			}
		})
		outcome, err := c.do(ctx, request)
		c.update(func(entry *ledger.Call) {
			entry.Ended = w.now()
			entry.Answer, entry.Data = classify(outcome, err), string(outcome.Data)
			if !outcome.Expires.IsZero() {
				entry.Expires = outcome.Expires.Sub(w.began) - w.set.offset(p.machine)
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
			err = errOperation
		}
	}()
	request.Reconcile = c.reconcile
	return c.process.guard.Do(ctx, request, c.operation)
}

type callKey struct{}

func classify(outcome idempotency.Outcome, err error) ledger.Answer {
	_, busy := errors.AsType[*idempotency.InProgressError](err)
	switch {
	case err == nil && outcome.Replayed:
		return ledger.Replayed
	case err == nil && strings.HasPrefix(string(outcome.Data), discarded):
		return ledger.Discarded
	case err == nil:
		return ledger.Executed
	case busy:
		return ledger.InProgress
	case errors.Is(err, idempotency.ErrPayloadMismatch):
		return ledger.Mismatch
	case errors.Is(err, idempotency.ErrOutcomeUnknown):
		return ledger.OutcomeUnknown
	case errors.Is(err, idempotency.ErrResultNotKept):
		return ledger.NotKept
	case errors.Is(err, idempotency.ErrStore), errors.Is(err, idempotency.ErrNoTime), errors.Is(err, idempotency.ErrSealUnavailable):
		return ledger.Unavailable
	case errors.Is(err, errOperation), errors.Is(err, idempotency.ErrLeaseOver), errors.Is(err, idempotency.ErrReconcile), errors.Is(err, idempotency.ErrRefused), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return ledger.Failed
	}
	panic(fmt.Sprintf("simulation: an error of no known kind: %v", err))
}

// observer enters what the guard observes of a call.
type observer struct{}

func (observer) Observe(ctx context.Context, e idempotency.Event) {
	c := ctx.Value(callKey{}).(*call)
	c.update(func(entry *ledger.Call) {
		c.world.note(entry.ID, "observed: %s", e.Observation)
		switch e.Observation {
		case idempotency.ObservedStep:
			c.world.book.Step(ledger.Step{Key: entry.Key, Name: e.Step, Call: entry.ID, At: c.world.now(), Recorded: true, Until: entry.Expires})
		case idempotency.ObservedTakenOver:
			entry.TookOver = true
		case idempotency.ObservedOversized:
			entry.NotKept = true
		case idempotency.ObservedExecuted:
			entry.Settlement = ledger.Recorded
		case idempotency.ObservedCompletionFailed:
			entry.Settlement = ledger.MaybeRecorded
		case idempotency.ObservedLeaseLost:
			entry.Settlement = ledger.LeaseLost
		case idempotency.ObservedReleaseFailed:
			entry.Settlement = ledger.MaybeReleased
		case idempotency.ObservedReleased:
			if entry.Settlement != ledger.MaybeReleased {
				entry.Settlement = ledger.Released
			}
		case idempotency.ObservedFailed:
			entry.Settlement = ledger.Interrupted
		}
	})
}
