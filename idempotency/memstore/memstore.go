// Package memstore is an in-memory [idempotency.Store] for tests and for
// programs of a single process. It protects against duplicates that reach this
// process, and its records are gone when the process ends.
package memstore

import (
	"bytes"
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Store keeps records in memory. Records whose window has passed are removed as
// new claims arrive. It is safe for concurrent use; make one with [New].
type Store struct {
	mu      sync.Mutex
	records map[string]*entry
	expiry  expiryHeap // the same entries, the first to expire first
}

var (
	_ idempotency.StepStore     = (*Store)(nil)
	_ idempotency.OperatorStore = (*Store)(nil)
)

// New returns an empty store.
func New() *Store { return &Store{records: make(map[string]*entry)} }

// Claim implements [idempotency.Store].
func (s *Store) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	_, existing, err := s.TakeOver(ctx, c)
	return existing, err
}

// TakeOver implements [idempotency.StepStore].
func (s *Store) TakeOver(ctx context.Context, c idempotency.Claim) ([]idempotency.RecordedStep, *idempotency.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(c.Now) // condition: free-key

	existing, found := s.records[c.Record.ID]
	switch {
	case !found, !c.Now.Before(existing.Expires): // condition: free-key
		s.put(&c.Record, nil)
		return nil, nil, nil
	case c.TakeOver != nil && same(&existing.Record, c.TakeOver): // condition: takeover
		s.put(&c.Record, existing.Steps)
	case !same(&existing.Record, &c.Record): // condition: own-claim
		return nil, clone(&existing.Record), nil
	}
	return cloneSteps(s.records[c.Record.ID].Steps), nil, nil
}

// Renew implements [idempotency.Store].
func (s *Store) Renew(ctx context.Context, r idempotency.Record) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()

	if !s.holds(r.ID, r.Owner) {
		return false, nil
	}
	if r.LeaseUntil.IsZero() || !r.LeaseUntil.Before(s.records[r.ID].LeaseUntil) { // condition: renewal-forward
		s.put(&r, s.records[r.ID].Steps)
	}
	return true, nil
}

// RecordStep implements [idempotency.StepStore].
func (s *Store) RecordStep(ctx context.Context, r idempotency.Record, step idempotency.RecordedStep) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()

	if !s.holds(r.ID, r.Owner) { // condition: step-once
		return false, nil
	}
	existing := s.records[r.ID]
	// condition: step-once
	if !slices.ContainsFunc(existing.Steps, func(s idempotency.RecordedStep) bool { return s.Name == step.Name }) {
		existing.Steps = append(existing.Steps, cloneSteps([]idempotency.RecordedStep{step})...)
	}
	return true, nil
}

// Complete implements [idempotency.Store].
func (s *Store) Complete(ctx context.Context, completed idempotency.Record) (*idempotency.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()

	existing, found := s.records[completed.ID]
	if found && existing.Owner != completed.Owner { // condition: fencing
		return clone(&existing.Record), nil
	}
	if !found || existing.Status == idempotency.InProgress { // condition: own-completion
		s.put(&completed, nil)
	}
	return nil, nil
}

// Release implements [idempotency.Store].
func (s *Store) Release(ctx context.Context, id, owner string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.holds(id, owner) {
		s.remove(s.records[id])
	}
	return nil
}

// Load implements [idempotency.Store].
func (s *Store) Load(ctx context.Context, id string) (*idempotency.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()

	existing, found := s.records[id]
	if !found {
		return nil, nil
	}
	return clone(&existing.Record), nil
}

// Look implements [idempotency.OperatorStore].
func (s *Store) Look(ctx context.Context, id string) (*idempotency.Record, error) {
	return s.Load(ctx, id)
}

// Settle implements [idempotency.OperatorStore].
func (s *Store) Settle(ctx context.Context, observed, settled idempotency.Record) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()

	existing, found := s.records[settled.ID]
	switch {
	case !found:
		return false, nil
	case same(&existing.Record, &observed): // condition: as-observed
		s.put(&settled, nil)
		return true, nil
	}
	return existing.Owner == settled.Owner && existing.Status == idempotency.Completed, nil
}

// Forget implements [idempotency.OperatorStore].
func (s *Store) Forget(ctx context.Context, observed idempotency.Record) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()

	existing, found := s.records[observed.ID]
	switch {
	case !found:
		return true, nil
	// condition: as-observed
	case existing.Owner != observed.Owner || existing.Status != observed.Status,
		existing.Status == idempotency.InProgress && !existing.LeaseUntil.Equal(observed.LeaseUntil):
		return false, nil
	}
	s.remove(existing)
	return true, nil
}

// Len returns the number of records in the store, including expired ones that are
// not yet removed.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.records)
}

// holds reports whether the owner's unfinished record is stored.
func (s *Store) holds(id, owner string) bool {
	r, found := s.records[id]
	return found && r.Owner == owner && r.Status == idempotency.InProgress // condition: ownership
}

// put stores r with those steps.
func (s *Store) put(r *idempotency.Record, steps []idempotency.RecordedStep) {
	stored := *r
	stored.Data, stored.Steps = bytes.Clone(r.Data), steps
	if e, found := s.records[r.ID]; found {
		e.Record = stored
		heap.Fix(&s.expiry, e.index)
		return
	}
	e := &entry{Record: stored}
	s.records[r.ID] = e
	heap.Push(&s.expiry, e)
}

func (s *Store) remove(e *entry) {
	heap.Remove(&s.expiry, e.index)
	delete(s.records, e.ID)
}

// sweep removes what has expired.
func (s *Store) sweep(now time.Time) {
	for len(s.expiry) > 0 && !now.Before(s.expiry[0].Expires) {
		s.remove(s.expiry[0])
	}
}

func same(a, b *idempotency.Record) bool {
	return a.Owner == b.Owner && a.Status == idempotency.InProgress && a.LeaseUntil.Equal(b.LeaseUntil) // condition: takeover
}

// clone keeps the store's bytes apart from the caller's: neither sees what the
// other does to them.
func clone(r *idempotency.Record) *idempotency.Record {
	copied := *r
	copied.Data, copied.Steps = bytes.Clone(r.Data), cloneSteps(r.Steps)
	return &copied
}

func cloneSteps(steps []idempotency.RecordedStep) []idempotency.RecordedStep {
	steps = slices.Clone(steps)
	for i := range steps {
		steps[i].Data = bytes.Clone(steps[i].Data)
	}
	return steps
}

// entry is a record and its place in the heap.
type entry struct {
	idempotency.Record
	index int
}

type expiryHeap []*entry

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].Expires.Before(h[j].Expires) }
func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *expiryHeap) Push(x any) {
	e := x.(*entry)
	e.index = len(*h)
	*h = append(*h, e)
}

func (h *expiryHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}
