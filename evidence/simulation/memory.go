package simulation

import (
	"context"
	"fmt"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// backing is what keeps the records.
type backing interface {
	// store returns the store of one process, on the records of all.
	store(*world, *process) idempotency.Store
	// look returns the record as it stands.
	look(w *world, id string) ledger.State
	// collect enters the effects that the store itself has had, those that are new.
	collect(*world)
}

// memory is a memstore, or what a test makes of it, behind the network.
type memory struct{ records idempotency.Store }

func (m memory) store(w *world, p *process) idempotency.Store {
	return newFront(w, p, newRemote(w, m.records))
}

func (m memory) look(_ *world, id string) ledger.State {
	r, err := m.records.Load(context.Background(), id)
	if err != nil {
		panic(err) // a store in memory does not fail
	}
	return ledger.StateOf(r)
}

func (memory) collect(*world) {}

// remote is a client of a store that repeats what failed, as an SDK does, within
// the time limit that a store has.
type remote struct {
	world   *world
	records idempotency.Store
}

// remoteAttempts is how often an SDK tries.
const remoteAttempts = 3

// stored is the store's reply.
type stored struct {
	record *idempotency.Record
	steps  []idempotency.RecordedStep
	held   bool
	err    error
}

func (s stored) describe() string {
	switch {
	case s.err != nil:
		return s.err.Error()
	case s.record != nil:
		return fmt.Sprintf("%s for %.8s, %d bytes", s.record.Status, s.record.Fingerprint, len(s.record.Data))
	}
	return fmt.Sprint("ok ", s.held)
}

func (r remote) ask(ctx context.Context, apply func(context.Context) stored) stored {
	if limit := r.world.set.limit; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	var reply stored
	for attempt := range remoteAttempts {
		if attempt > 0 {
			if err := hold(ctx, time.Now(), r.world.set.unit/20, r.world.set.unit, attempt); err != nil {
				return stored{err: err}
			}
		}
		received, err := send(ctx, "", func(effect dynamolocal.Effect) (s stored) {
			if effect == dynamolocal.NoEffect || effect == dynamolocal.FailApplied {
				s = apply(context.WithoutCancel(ctx))
			}
			if effect != dynamolocal.NoEffect {
				s = stored{err: errBusy}
			}
			return s
		})
		if reply = received; err != nil {
			reply = stored{err: err}
		}
		if reply.err == nil || ctx.Err() != nil {
			break
		}
	}
	return reply
}

func (r remote) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	reply := r.ask(ctx, func(ctx context.Context) stored {
		existing, err := r.records.Claim(ctx, c)
		return stored{record: existing, err: err}
	})
	return reply.record, reply.err
}

func (r remote) Renew(ctx context.Context, record idempotency.Record) (bool, error) {
	reply := r.ask(ctx, func(ctx context.Context) stored {
		held, err := r.records.Renew(ctx, record)
		return stored{held: held, err: err}
	})
	return reply.held, reply.err
}

func (r remote) Complete(ctx context.Context, completed idempotency.Record) (*idempotency.Record, error) {
	reply := r.ask(ctx, func(ctx context.Context) stored {
		winner, err := r.records.Complete(ctx, completed)
		return stored{record: winner, err: err}
	})
	return reply.record, reply.err
}

func (r remote) Release(ctx context.Context, id, owner string) error {
	return r.ask(ctx, func(ctx context.Context) stored {
		return stored{err: r.records.Release(ctx, id, owner)}
	}).err
}

func (r remote) Load(ctx context.Context, id string) (*idempotency.Record, error) {
	reply := r.ask(ctx, func(ctx context.Context) stored {
		record, err := r.records.Load(ctx, id)
		return stored{record: record, err: err}
	})
	return reply.record, reply.err
}
