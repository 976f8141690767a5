package idempotency

import (
	"context"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	firstPoll = 25 * time.Millisecond
	maxPoll   = 500 * time.Millisecond
	// lastLook is how long before the end of a wait the store is asked once more.
	lastLook = 50 * time.Millisecond
)

// wait waits for the end of the execution that r shows, until the given time, and
// returns the record as last seen, or nil if it is gone. It does not wait for
// another request's execution, nor when the client is gone.
//
// Of all calls of a guard that wait for one record, the one that has waited
// longest looks at the store, and what it sees serves all.
func (c *call) wait(ctx context.Context, r *Record, until time.Time) *Record {
	if !c.running(r) || time.Until(until) <= 0 {
		return r
	}
	w := c.waiting.join(r.ID)
	defer c.waiting.leave(r.ID, w)

	poll := firstPoll
	for c.running(r) {
		left := time.Until(until)
		if left <= 0 {
			break
		}
		pause, looks := left, c.waiting.leads(w)
		if looks {
			pause = poll/2 + mathrand.N(poll/2)
			if w.succeeds {
				pause, w.succeeds = 0, false
			}
			if left > lastLook {
				pause = min(pause, left-lastLook)
			}
		}
		if seen, ok := w.await(ctx, min(pause, left)); ok {
			if r = seen; r == nil {
				return nil
			}
			continue
		}
		if ctx.Err() != nil {
			break
		}
		if looks && pause < left {
			poll = min(2*poll, maxPoll)
			if r = c.look(ctx, r, until); r == nil {
				return nil
			}
		}
	}
	return r
}

// look asks the store for the record, and returns it, or nil if it is gone, or r if
// the store did not answer in time.
func (c *call) look(ctx context.Context, r *Record, until time.Time) *Record {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	latest, err := c.cfg.Store.Load(ctx, r.ID)
	if err != nil {
		return r
	}
	if latest != nil && !c.cfg.Clock().Before(latest.Expires) {
		latest = nil
	}
	c.waiting.publish(r.ID, latest)
	return latest
}

// waiting holds the calls that wait, by the record that they wait for, each queue
// in the order in which they came.
type waiting struct {
	mu     sync.Mutex
	queues map[string][]*waiter
}

// waiter is one waiting call.
type waiter struct {
	leads    bool // it is the first of its queue; guarded by waiting.mu
	succeeds bool // it was not always, and has not looked since
	promoted chan struct{}
	seen     chan *Record // what another call saw, nil if the record was gone
}

// await waits for d, or until another call has looked or left, or ctx has ended. It
// returns what the other call saw, and reports whether it saw anything.
func (w *waiter) await(ctx context.Context, d time.Duration) (seen *Record, ok bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case r := <-w.seen:
		return r, true
	case <-w.promoted:
		// What the one before saw comes before what this one is to see.
		select {
		case r := <-w.seen:
			return r, true
		default:
			return nil, false
		}
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil, false
}

func (s *waiting) join(id string) *waiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queues == nil {
		s.queues = make(map[string][]*waiter)
	}
	w := &waiter{leads: len(s.queues[id]) == 0, promoted: make(chan struct{}), seen: make(chan *Record, 1)}
	s.queues[id] = append(s.queues[id], w)
	return w
}

func (s *waiting) leads(w *waiter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.leads {
		w.promoted = nil
	}
	return w.leads
}

func (s *waiting) leave(id string, w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	queue := s.queues[id]
	i := slices.Index(queue, w)
	queue = slices.Delete(queue, i, i+1)
	if len(queue) == 0 {
		delete(s.queues, id)
		return
	}
	s.queues[id] = queue
	if next := queue[0]; !next.leads {
		next.leads, next.succeeds = true, true
		close(next.promoted)
	}
}

// publish hands a copy of the record to all who wait for it but the first, which
// has brought it.
func (s *waiting) publish(id string, r *Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.queues[id] {
		if w.leads {
			continue
		}
		select {
		case <-w.seen: // it is out of date
		default:
		}
		if r == nil {
			w.seen <- nil
			continue
		}
		copied := clone(r)
		w.seen <- &copied
	}
}
