// Package intercept puts something between guards and their store: the networks, the
// faults and the notes of the runs that evidence is made of.
package intercept

import (
	"context"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Request is what is asked of a store.
type Request struct {
	// Name is that of the store's method, "TakeOver" for each claim that takes over, or
	// "Interrupt" for a renewal that ends the lease.
	Name string
	// Record is the record that is sent. Of a Release or a Load only its ID, and of a
	// Release its owner, are.
	Record idempotency.Record
	// TakeOver is the record to take over, nil for none, and Now the time of a claim.
	TakeOver *idempotency.Record
	Now      time.Time
}

// Refused reports whether a reply says that the store has not done what was asked.
func Refused(reply any) bool {
	switch r := reply.(type) {
	case *idempotency.Record:
		return r != nil
	case Takeover:
		return r.Existing != nil
	case bool:
		return !r
	}
	return false
}

// Next makes a request, and returns the reply: a [*idempotency.Record], a bool, a
// [Takeover], or nil.
type Next func(context.Context) (reply any, err error)

// Around makes a request by calling next, or does not, and returns what the guard is
// to be told: an error, or a reply of next.
type Around func(ctx context.Context, r Request, next Next) (reply any, err error)

// Store returns a store that makes its requests of s by around. It keeps steps if s
// does.
func Store(s idempotency.Store, around Around) idempotency.Store {
	if steps, ok := s.(idempotency.StepStore); ok {
		return stepStore{store{s, around}, steps}
	}
	return store{s, around}
}

// AtomicStore is [Store] for a store in atomic mode. Its attempts are named "Begin"
// and "Commit".
func AtomicStore(s idempotency.AtomicStore, around Around) idempotency.AtomicStore {
	return atomicStore{store{s, around}, s}
}

type store struct {
	idempotency.Store
	around Around
}

// asked has a request made, and returns its reply.
func asked[T any](ctx context.Context, around Around, r Request, method func(context.Context) (T, error)) (none T, err error) {
	reply, err := around(ctx, r, func(ctx context.Context) (any, error) { return method(ctx) })
	if err != nil {
		return none, err
	}
	return reply.(T), nil
}

func (s store) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	name := "Claim"
	if c.TakeOver != nil {
		name = "TakeOver"
	}
	return asked(ctx, s.around, Request{name, c.Record, c.TakeOver, c.Now}, func(ctx context.Context) (*idempotency.Record, error) { return s.Store.Claim(ctx, c) })
}

func (s store) Renew(ctx context.Context, r idempotency.Record) (bool, error) {
	name := "Renew"
	if r.LeaseUntil.IsZero() {
		name = "Interrupt"
	}
	return asked(ctx, s.around, Request{Name: name, Record: r}, func(ctx context.Context) (bool, error) { return s.Store.Renew(ctx, r) })
}

func (s store) Complete(ctx context.Context, r idempotency.Record) (*idempotency.Record, error) {
	return asked(ctx, s.around, Request{Name: "Complete", Record: r}, func(ctx context.Context) (*idempotency.Record, error) { return s.Store.Complete(ctx, r) })
}

func (s store) Release(ctx context.Context, id, owner string) error {
	_, err := s.around(ctx, Request{Name: "Release", Record: idempotency.Record{ID: id, Owner: owner}}, func(ctx context.Context) (any, error) { return nil, s.Store.Release(ctx, id, owner) })
	return err
}

func (s store) Load(ctx context.Context, id string) (*idempotency.Record, error) {
	return asked(ctx, s.around, Request{Name: "Load", Record: idempotency.Record{ID: id}}, func(ctx context.Context) (*idempotency.Record, error) { return s.Store.Load(ctx, id) })
}

type stepStore struct {
	store
	steps idempotency.StepStore
}

// Takeover is the reply to a claim that takes over.
type Takeover struct {
	Steps    []idempotency.RecordedStep
	Existing *idempotency.Record
}

func (s stepStore) TakeOver(ctx context.Context, c idempotency.Claim) ([]idempotency.RecordedStep, *idempotency.Record, error) {
	t, err := asked(ctx, s.around, Request{"TakeOver", c.Record, c.TakeOver, c.Now}, func(ctx context.Context) (t Takeover, err error) {
		t.Steps, t.Existing, err = s.steps.TakeOver(ctx, c)
		return t, err
	})
	return t.Steps, t.Existing, err
}

func (s stepStore) RecordStep(ctx context.Context, r idempotency.Record, step idempotency.RecordedStep) (bool, error) {
	return asked(ctx, s.around, Request{Name: "RecordStep", Record: r}, func(ctx context.Context) (bool, error) { return s.steps.RecordStep(ctx, r, step) })
}

type atomicStore struct {
	store
	atomic idempotency.AtomicStore
}

type beginning struct {
	ctx      context.Context
	existing *idempotency.Record
}

func (s atomicStore) Begin(ctx context.Context, a idempotency.Attempt) (context.Context, *idempotency.Record, error) {
	b, err := asked(ctx, s.around, Request{Name: "Begin", Record: a.Record}, func(ctx context.Context) (b beginning, err error) {
		b.ctx, b.existing, err = s.atomic.Begin(ctx, a)
		return b, err
	})
	return b.ctx, b.existing, err
}

func (s atomicStore) End(ctx context.Context) { s.atomic.End(ctx) }

func (s atomicStore) Commit(ctx context.Context, completed idempotency.Record, now time.Time) (*idempotency.Record, error) {
	return asked(ctx, s.around, Request{Name: "Commit", Record: completed}, func(ctx context.Context) (*idempotency.Record, error) { return s.atomic.Commit(ctx, completed, now) })
}
