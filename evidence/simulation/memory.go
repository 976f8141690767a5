package simulation

import (
	"context"
	"fmt"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/intercept"
	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// backing is what keeps the records.
type backing interface {
	// store returns the store of one process, on the records of all.
	store(*world, *process) idempotency.Store
	// look returns the record as it stands.
	look(id string) ledger.State
	// collect enters the effects that the store itself has had, those that are new.
	collect(*world)
}

// memory is a memstore, or what a test makes of it, behind the network.
type memory struct{ records idempotency.Store }

func (m memory) store(w *world, p *process) idempotency.Store {
	return intercept.Store(intercept.Store(m.records, w.remote), p.front)
}

func (m memory) look(id string) ledger.State {
	r, err := m.records.Load(context.Background(), id)
	if err != nil {
		panic(err) // a store in memory does not fail
	}
	return ledger.StateOf(r)
}

func (memory) collect(*world) {}

// remoteAttempts is how often an SDK tries.
const remoteAttempts = 3

// stored is the store's reply.
type stored struct {
	reply any
	err   error
}

func (s stored) describe() string {
	if s.err != nil {
		return s.err.Error()
	}
	switch r := s.reply.(type) {
	case intercept.Takeover:
		return stored{reply: r.Existing}.describe()
	case *idempotency.Record:
		if r != nil {
			return fmt.Sprintf("%s for %.8s, %d bytes", r.Status, r.Fingerprint, len(r.Data))
		}
	case bool:
		return fmt.Sprint("ok ", r)
	}
	return "ok"
}

// remote is a client of a store that repeats what failed, as an SDK does, within
// the time limit that a store has.
func (w *world) remote(ctx context.Context, _ intercept.Request, next intercept.Next) (any, error) {
	if limit := w.set.limit; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	var reply stored
	for attempt := range remoteAttempts {
		if attempt > 0 {
			if err := hold(ctx, time.Now(), w.set.unit/20, w.set.unit, attempt); err != nil {
				return nil, err
			}
		}
		received, err := send(ctx, "", func(effect dynamolocal.Effect) (s stored) {
			if effect == dynamolocal.NoEffect || effect == dynamolocal.FailApplied {
				s.reply, s.err = next(context.WithoutCancel(ctx))
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
	return reply.reply, reply.err
}
