package simulation

import (
	"cmp"
	"container/heap"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

// scheduler is the network of a reproducible run. It lets one thing happen at a
// time.
type scheduler struct {
	*world
	wake chan struct{}

	mu     sync.Mutex
	posted []*message // not yet looked at

	agenda agenda
}

func newScheduler(w *world) *scheduler {
	return &scheduler{world: w, wake: make(chan struct{}, 1)}
}

func (s *scheduler) carry(m *message) {
	s.mu.Lock()
	s.posted = append(s.posted, m)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run lets everything happen, until done.
func (s *scheduler) run(done <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		synctest.Wait() // now everybody waits, for a time or for a message
		s.flushNotes()
		select {
		case <-done:
			return
		default:
		}
		s.schedulePosted()
		next := time.Duration(1<<63 - 1)
		if len(s.agenda) > 0 {
			if next = s.agenda[0].at - s.now(); next <= 0 {
				heap.Pop(&s.agenda).(event).happen()
				continue
			}
		}
		timer.Reset(next)
		select {
		case <-timer.C:
		case <-s.wake:
		case <-done:
		}
	}
}

// schedulePosted puts what becomes of the new messages on the agenda.
func (s *scheduler) schedulePosted() {
	s.mu.Lock()
	posted := s.posted
	s.posted = nil
	s.mu.Unlock()
	for _, m := range posted {
		s.schedule(m, s.fateOf(m))
	}
}

func (s *scheduler) schedule(m *message, f fate) {
	arrival := m.sent + f.there
	switch {
	case f.hung && f.lost:
		return
	case f.hung:
		s.at(arrival, m, func() { s.deliver(m, f.effect) })
		return
	case f.lost:
		s.at(arrival, m, func() { m.reply <- errConnection })
		return
	case f.late:
		s.at(m.sent+f.back, m, func() { m.reply <- errConnection })
		s.at(arrival, m, func() { s.deliver(m, f.effect) })
		return
	}
	s.at(arrival, m, func() {
		d := s.deliver(m, f.effect)
		s.at(arrival+f.back, m, func() {
			s.answer(m, d, f.lostReply || !s.healed.Load() && s.isCut(m.process.machine))
		})
	})
	if f.again > 0 {
		s.at(arrival+f.again, m, func() { s.deliver(m, f.effect) })
	}
}

func (s *scheduler) at(at time.Duration, m *message, happen func()) {
	heap.Push(&s.agenda, event{at, m, happen})
}

// event is something that will happen.
type event struct {
	at      time.Duration
	message *message // nil for what happens to a machine
	happen  func()
}

// agenda is a heap of events.
type agenda []event

func (a agenda) Len() int      { return len(a) }
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(event)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = slices.Delete(*a, len(*a)-1, len(*a))
	return last
}

func (a agenda) Less(i, j int) bool {
	x, y := a[i], a[j]
	if x.at != y.at || x.message == nil || y.message == nil {
		return x.at < y.at
	}
	return cmp.Or(
		cmp.Compare(x.message.call.ID, y.message.call.ID),
		cmp.Compare(x.message.label, y.message.label),
		cmp.Compare(x.message.nth, y.message.nth),
	) < 0
}
