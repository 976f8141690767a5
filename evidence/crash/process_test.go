package crash_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// fault is what becomes of a process, or of its connection to the store, at one
// of its steps.
type fault int

const (
	// The process stops for good.
	killedBefore fault = iota
	killedAfter
	// The process stands still, and with it the request that it was making, until
	// somebody else's retry has its answer.
	frozenBefore
	frozenAfter
	// The process stands still for longer than its lease; a retry arrives as soon
	// as it moves again.
	stalledBefore
	stalledAfter
	// The process lives on, and one attempt fails.
	notDelivered // the request did not reach the store
	replyLost    // it did, and its reply is lost
	// The process lives on, cut off from the store for good.
	cutOffBefore
	cutOffAfter // the request still reaches the store, its reply is lost
	// The process lives on, and one request is never answered: only a time limit
	// ends it.
	hungBefore // the request does not reach the store
	hungAfter  // it does
)

// The faults by kind. Those that concern a request or its reply are only met at
// requests to the store, the others at every step.
var (
	kills   = []fault{killedBefore, killedAfter}
	freezes = []fault{frozenBefore, frozenAfter}
	stalls  = []fault{stalledBefore, stalledAfter}
	errs    = []fault{notDelivered, replyLost}
	losses  = []fault{notDelivered, replyLost, cutOffBefore, cutOffAfter, hungBefore, hungAfter}
)

func (f fault) String() string {
	return [...]string{"killed before", "killed after", "frozen before", "frozen after", "stalled before", "stalled after",
		"not delivered", "reply lost", "cut off before", "cut off after", "hung before", "hung after"}[f]
}

// point is a step of a process: the n-th of that label, from 1.
type point struct {
	label string
	n     int
	store bool // a request to the store
}

func (p point) String() string {
	if p.n == 1 {
		return p.label
	}
	return fmt.Sprintf("%s %d", p.label, p.n)
}

// injection is a fault at a step.
type injection struct {
	at    point
	fault fault
}

func (i injection) String() string { return fmt.Sprintf("%v: %v", i.at, i.fault) }

// tell reports what happens to the process to whoever follows the run.
func (p *process) tell(format string, args ...any) {
	if p.world.follow != nil {
		p.world.follow(p, fmt.Sprintf(format, args...))
	}
}

var errUnreachable = errors.New("the store cannot be reached")

// process is a process with a guard of its own. Everything by which it could
// touch the world goes through its steps, so that one that is dead or stands
// still changes nothing.
type process struct {
	world  *world
	name   string
	n      int // numbers processes
	guard  *idempotency.Guard
	caller string
	key    idempotency.Key
	asked  atomic.Pointer[ledger.Call] // its latest call

	dead atomic.Bool

	mu         sync.Mutex
	injections []injection
	cutOff     bool
	moves      chan struct{} // closed when the process moves again
	standing   fault         // why it stands still
	points     []point
	counts     map[string]int

	stopped chan struct{} // something to look at: it died or stands still
	done    chan struct{} // its call is over
	hangUp  func()        // its caller goes away
}

// request makes a request to the store. apply runs the request; what it returns
// is the process's to see unless request returns an error.
func (p *process) request(ctx context.Context, label string, apply func(context.Context)) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	pt, f, hit := p.arrive(label, true)
	if hit {
		p.before(pt, f)
	}
	if hit && f == notDelivered {
		return errUnreachable
	}
	if p.unreachable() {
		p.tell("%v: the store cannot be reached", pt.label)
		return errUnreachable
	}
	if hit && f == hungBefore {
		<-ctx.Done()
		return ctx.Err()
	}
	// What was on its way arrives, whether or not somebody still waits for it.
	replied := p.world.apply(p, pt.label, func() { apply(context.WithoutCancel(ctx)) })
	if hit {
		p.after(pt, f)
	}
	p.survive()
	if hit && f == hungAfter {
		<-ctx.Done()
	}
	if p.unreachable() || hit && f == replyLost {
		return errUnreachable
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	replied()
	return nil
}

// step takes a step that is none of the store's.
func (p *process) step(label string, take func()) {
	pt, f, hit := p.arrive(label, false)
	if hit {
		p.before(pt, f)
	}
	take()
	if hit {
		p.after(pt, f)
	}
	p.survive()
}

// arrive comes to a step and finds out which fault waits there, if any.
func (p *process) arrive(label string, store bool) (pt point, f fault, hit bool) {
	p.survive()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[label]++
	pt = point{label, p.counts[label], store}
	p.points = append(p.points, pt)
	for i, injection := range p.injections {
		if injection.at == pt {
			p.injections = append(p.injections[:i:i], p.injections[i+1:]...)
			return pt, injection.fault, true
		}
	}
	return pt, 0, false
}

func (p *process) before(pt point, f fault) {
	if f == notDelivered || strings.HasSuffix(f.String(), "before") {
		p.tell("%s", f.tale(pt))
	}
	switch f {
	case killedBefore:
		p.die()
	case frozenBefore, stalledBefore:
		p.stand(f)
	case cutOffBefore:
		p.disconnect()
	}
}

func (p *process) after(pt point, f fault) {
	if f == replyLost || strings.HasSuffix(f.String(), "after") {
		p.tell("%s", f.tale(pt))
	}
	switch f {
	case killedAfter:
		p.die()
	case frozenAfter, stalledAfter:
		p.stand(f)
	case cutOffAfter:
		p.disconnect()
	}
}

// die ends the process. Goexit and not a panic: nothing can recover from it. The
// deferred functions that it runs are harmless, because a dead process takes no
// step.
func (p *process) die() {
	p.interrupted()
	p.world.book.Enter(func(now ledger.Moment) { p.asked.Load().Crashed = now })
	p.dead.Store(true)
	if connected, ok := p.world.backend.(interface{ died(*process) }); ok {
		connected.died(p)
	}
	p.stopped <- struct{}{}
	runtime.Goexit()
}

// survive is passed by processes that live, once they move.
func (p *process) survive() {
	p.mu.Lock()
	moves := p.moves
	p.mu.Unlock()
	if moves != nil {
		<-moves
	}
	if p.dead.Load() {
		runtime.Goexit()
	}
}

// stand keeps the process, all its goroutines, from taking steps until
// [process.move].
func (p *process) stand(why fault) {
	p.interrupted()
	moves := make(chan struct{})
	p.mu.Lock()
	p.moves, p.standing = moves, why
	p.mu.Unlock()
	p.stopped <- struct{}{}
	<-moves
}

func (p *process) move() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell("moves again")
	close(p.moves)
	p.moves = nil
}

// stands reports whether the process stands still, and why.
func (p *process) stands() (why fault, still bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.standing, p.moves != nil
}

func (p *process) disconnect() {
	p.interrupted()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutOff = true
}

func (p *process) unreachable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cutOff
}
