// Package model ties the code to the model of the protocol in Spin.
//
// Spin visits every state of leased.pml, and prints every step of the store that it
// meets: which request, what the record is, and what becomes of it. The list is
// transitions.txt; transitions.sh writes it, and compares it whenever the model is
// checked. Here a store in front of another sees the same of the code, so that a test
// can hold what the code does against what the model can do, in both directions.
package model

import (
	"context"
	_ "embed"
	"strings"
	"sync"

	"github.com/idempotent-requests/idempotent-requests/evidence/intercept"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

//go:embed transitions.txt
var transitions string

// Transitions returns the steps of the store that the model can make, each in words:
// the request, the record that it meets, and what it leaves.
func Transitions() []string { return strings.Split(strings.TrimSpace(transitions), "\n") }

// Watch returns a store that calls see with each step that is made of s, in the words
// of [Transitions], and keeps s from being asked for two steps at once.
func Watch(s idempotency.Store, see func(step string)) idempotency.Store {
	w := &watcher{store: s, see: see}
	return intercept.Store(s, w.around)
}

// watcher watches a store.
type watcher struct {
	store idempotency.Store
	mu    sync.Mutex
	see   func(step string)
}

// steps are the requests that are steps of the model, in its words. That a store
// records a step of an execution is none.
var steps = map[string]string{
	"Claim": "claim", "TakeOver": "claim", "Renew": "renew", "Interrupt": "interrupt", "Complete": "complete", "Release": "release",
}

// around takes a step, and tells what it met and what it left.
func (w *watcher) around(ctx context.Context, r intercept.Request, next intercept.Next) (any, error) {
	if r.Name == "Load" {
		return next(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	request, known := steps[r.Name]
	if !known {
		return next(ctx)
	}
	met := w.load(ctx, r.Record.ID)
	step := request + ": " + describe(met, r.Record.Owner)
	if request != "complete" && request != "release" {
		step += compare(met, r.Record)
	}
	if request == "claim" && met != nil && !r.Now.Before(met.Expires) {
		step += ", past its window"
	}
	if met != nil && r.TakeOver != nil && met.Status == idempotency.InProgress && same(met, r.TakeOver) {
		step += ", as observed"
	}
	reply, err := next(ctx)
	if err != nil {
		return reply, err // it was not taken
	}
	switch left := w.load(ctx, r.Record.ID); {
	case left == nil && met != nil:
		step += " -> removed"
	case left == nil || met != nil && met.Status == left.Status && same(met, left):
		step += " -> left"
	default:
		step += " -> written"
	}
	if intercept.Refused(reply) {
		step += ", refused"
	}
	w.see(step)
	return reply, nil
}

// load returns the record as it stands. A store in memory has it at once.
func (w *watcher) load(ctx context.Context, id string) *idempotency.Record {
	r, err := w.store.Load(context.WithoutCancel(ctx), id)
	if err != nil {
		return nil
	}
	return r
}

func same(a, b *idempotency.Record) bool {
	return a.Owner == b.Owner && a.LeaseUntil.Equal(b.LeaseUntil)
}

func describe(met *idempotency.Record, owner string) string {
	if met == nil {
		return "nothing"
	}
	record := map[idempotency.Status]string{idempotency.InProgress: "in progress", idempotency.Completed: "completed"}[met.Status]
	if met.Owner == owner {
		return record + ", own"
	}
	return record + ", of another"
}

// compare says how the lease of the owner's unfinished record compares with that of
// the request.
func compare(met *idempotency.Record, r idempotency.Record) string {
	switch {
	case met == nil || met.Owner != r.Owner || met.Status != idempotency.InProgress:
		return ""
	case met.LeaseUntil.Equal(r.LeaseUntil):
		return ", same lease"
	case met.LeaseUntil.Before(r.LeaseUntil):
		return ", earlier lease"
	}
	return ", later lease"
}
