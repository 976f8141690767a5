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
	w := &watched{Store: s, see: see}
	if steps, ok := s.(idempotency.StepStore); ok {
		return &watchedSteps{w, steps}
	}
	return w
}

// watched is a store that is watched.
type watched struct {
	idempotency.Store
	mu  sync.Mutex
	see func(step string)
}

// watchedSteps watches the takeovers of a store that keeps steps. That it records
// one is no step of the model.
type watchedSteps struct {
	*watched
	steps idempotency.StepStore
}

func (w *watched) Claim(ctx context.Context, c idempotency.Claim) (existing *idempotency.Record, err error) {
	w.claim(ctx, c, func() (*idempotency.Record, error) {
		existing, err = w.Store.Claim(ctx, c)
		return existing, err
	})
	return existing, err
}

func (w *watchedSteps) TakeOver(ctx context.Context, c idempotency.Claim) (steps []idempotency.RecordedStep, existing *idempotency.Record, err error) {
	w.claim(ctx, c, func() (*idempotency.Record, error) {
		steps, existing, err = w.steps.TakeOver(ctx, c)
		return existing, err
	})
	return steps, existing, err
}

func (w *watchedSteps) RecordStep(ctx context.Context, r idempotency.Record, step idempotency.RecordedStep) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.steps.RecordStep(ctx, r, step)
}

func (w *watched) claim(ctx context.Context, c idempotency.Claim, claim func() (*idempotency.Record, error)) {
	w.step(ctx, "claim", c.Record, func(met *idempotency.Record) (record string, refused bool, err error) {
		record = describe(met, c.Record.Owner) + compare(met, c.Record)
		if met != nil && !c.Now.Before(met.Expires) {
			record += ", past its window"
		}
		if met != nil && c.TakeOver != nil && met.Status == idempotency.InProgress && same(met, c.TakeOver) {
			record += ", as observed"
		}
		existing, err := claim()
		return record, existing != nil, err
	})
}

// Renew implements [idempotency.Store].
func (w *watched) Renew(ctx context.Context, r idempotency.Record) (held bool, err error) {
	request := "renew"
	if r.LeaseUntil.IsZero() {
		request = "interrupt"
	}
	w.step(ctx, request, r, func(met *idempotency.Record) (string, bool, error) {
		held, err = w.Store.Renew(ctx, r)
		return describe(met, r.Owner) + compare(met, r), !held, err
	})
	return held, err
}

// Complete implements [idempotency.Store].
func (w *watched) Complete(ctx context.Context, completed idempotency.Record) (winner *idempotency.Record, err error) {
	w.step(ctx, "complete", completed, func(met *idempotency.Record) (string, bool, error) {
		winner, err = w.Store.Complete(ctx, completed)
		return describe(met, completed.Owner), winner != nil, err
	})
	return winner, err
}

// Release implements [idempotency.Store].
func (w *watched) Release(ctx context.Context, id, owner string) (err error) {
	w.step(ctx, "release", idempotency.Record{ID: id, Owner: owner}, func(met *idempotency.Record) (string, bool, error) {
		err = w.Store.Release(ctx, id, owner)
		return describe(met, owner), false, err
	})
	return err
}

// step takes a step, and tells what it met and what it left.
func (w *watched) step(ctx context.Context, request string, r idempotency.Record, take func(met *idempotency.Record) (record string, refused bool, err error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	met := w.load(ctx, r.ID)
	record, refused, err := take(met)
	if err != nil {
		return // it was not taken
	}
	step := request + ": " + record + " -> "
	switch left := w.load(ctx, r.ID); {
	case left == nil && met != nil:
		step += "removed"
	case left == nil || met != nil && met.Status == left.Status && same(met, left):
		step += "left"
	default:
		step += "written"
	}
	if refused {
		step += ", refused"
	}
	w.see(step)
}

// load returns the record as it stands. A store in memory has it at once.
func (w *watched) load(ctx context.Context, id string) *idempotency.Record {
	r, err := w.Store.Load(context.WithoutCancel(ctx), id)
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
