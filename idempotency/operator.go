package idempotency

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

var (
	// ErrNoRecord is returned by [Guard.Settle] and [Guard.Forget] if the key has no
	// record, or one whose window has passed. The key is free.
	ErrNoRecord = errors.New("idempotency: the key has no record")

	// ErrCompleted is returned by [Guard.Settle] if the key has a recorded result.
	ErrCompleted = errors.New("idempotency: the operation has completed; its result is recorded")

	// ErrChanged is returned by [Guard.Settle] and [Guard.Forget] if the record is no
	// longer the one that was seen. Nothing was changed; look again.
	ErrChanged = errors.New("idempotency: the record has changed since it was seen")
)

// OperatorOption is an option of [Guard.Settle] and [Guard.Forget].
type OperatorOption func(*operatorOptions)

type operatorOptions struct {
	seen   *Record
	forced bool
}

// IfSeen makes [Guard.Settle] and [Guard.Forget] return [ErrChanged] unless the record
// is still the one that [Guard.Look] returned, which is what the operator has decided
// about. Without it they decide about the record that they find.
func IfSeen(r Record) OperatorOption { return func(o *operatorOptions) { o.seen = &r } }

// Forced lets [Guard.Forget] delete a record whose lease runs. An execution that is
// alive goes on, and a retry may execute beside it. If the execution then completes
// before a retry has claimed the key, its result is recorded.
func Forced() OperatorOption { return func(o *operatorOptions) { o.forced = true } }

// Look returns the record of a key as the store has it now, and not as a cache or a
// replica remembers it, or nil if the key is free. It is for operators:
// [Record.Interrupted] reports whether its execution was interrupted.
//
// The record has the steps that were recorded, which tell how far the execution came.
// A result that Config.Seal cannot open, be it that of a step, is left out of the
// record, which then comes with an error that wraps [ErrSeal] or [ErrSealUnavailable].
//
// Look, [Guard.Settle] and [Guard.Forget] return an error that wraps
// [errors.ErrUnsupported] if the store is no [OperatorStore], and one that wraps
// [ErrStore] if it did not answer.
func (g *Guard) Look(ctx context.Context, key Key) (*Record, error) {
	store, err := g.operatorStore(key)
	if err != nil {
		return nil, err
	}
	r, err := g.lookNow(ctx, store, key)
	if err == nil && r != nil && r.Data != nil {
		if r.Data, err = g.cfg.open(ctx, r.ID, "", r.Data); err != nil {
			r.Data = nil
		}
	}
	if err != nil || r == nil {
		return r, err
	}
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Data != nil && err == nil {
			s.Data, err = g.cfg.open(ctx, r.ID, s.Name, s.Data)
		}
		if err != nil {
			r.Steps[i].Data = nil
		}
	}
	return r, err
}

// Settle records the result of an execution that was interrupted, for an operator who
// has found out what became of it: duplicates get the result from then on. The result
// has the form that the operation's own results have. If it is not known, a Result
// with NotKept set lets duplicates get [ErrResultNotKept]. If the effect has not
// happened at all, [Guard.Forget] lets a retry execute.
//
// The interrupted execution, should it still run, is fenced off: it cannot record
// another result.
//
// Without changing anything Settle returns [ErrNoRecord], [ErrCompleted], [ErrChanged],
// *[InProgressError] if the lease runs, an error that wraps [ErrTooLarge] if the result
// is larger than Config.MaxResult or than the store can keep, or one that wraps
// [ErrSeal] or [ErrSealUnavailable].
func (g *Guard) Settle(ctx context.Context, key Key, result Result, options ...OperatorOption) error {
	if result.Discard {
		return errors.New("idempotency: a result with Discard set settles nothing; use Forget")
	}
	if len(result.Data) > g.cfg.MaxResult {
		return fmt.Errorf("%w: %d bytes, and Config.MaxResult is %d", ErrTooLarge, len(result.Data), g.cfg.MaxResult)
	}
	store, observed, err := g.observed(ctx, key, options)
	if err != nil {
		return err
	}
	if observed.Status == Completed {
		return ErrCompleted
	}
	settled := *observed
	settled.Status, settled.Owner, settled.Data, settled.Steps = Completed, rand.Text(), nil, nil
	if result.NotKept == nil {
		settled.Data = append([]byte{}, result.Data...)
		if settled.Data, err = g.seal(ctx, key, settled.Data); err != nil {
			return err
		}
	}
	return change(ctx, func() (bool, error) { return store.Settle(ctx, *observed, settled) })
}

// Forget deletes the record of a key, so that the next request with the key executes.
// It forgets an interrupted execution, and a recorded result, too. The next execution
// then knows nothing of the interrupted one: it runs all [Step]s, recorded or not, and
// asks about none. Other processes may replay a result for Config.CacheAge after it was
// forgotten.
//
// Without changing anything Forget returns [ErrNoRecord], [ErrChanged] or, unless it
// is [Forced], *[InProgressError] if the lease runs.
func (g *Guard) Forget(ctx context.Context, key Key, options ...OperatorOption) error {
	store, observed, err := g.observed(ctx, key, options)
	if err != nil {
		return err
	}
	defer g.cache.remove(key.ID())
	return change(ctx, func() (bool, error) { return store.Forget(ctx, *observed) })
}

func (g *Guard) seal(ctx context.Context, key Key, data []byte) ([]byte, error) {
	if g.cfg.Seal == nil {
		return data, nil
	}
	seal, err := g.cfg.sealFunc(ctx)
	if err != nil {
		return nil, err
	}
	data, err = seal.seal(key.ID(), "", data)
	return data, sealError(ctx, err)
}

func (g *Guard) operatorStore(key Key) (OperatorStore, error) {
	if !key.valid() {
		return nil, errors.New("idempotency: the key is missing; use NewKey or KeyFromID")
	}
	store, ok := g.cfg.Store.(OperatorStore)
	if !ok {
		return nil, fmt.Errorf("idempotency: the store %T is no OperatorStore: %w", g.cfg.Store, errors.ErrUnsupported)
	}
	return store, nil
}

func (g *Guard) lookNow(ctx context.Context, store OperatorStore, key Key) (*Record, error) {
	var r *Record
	err := ask(ctx, func() (err error) { r, err = store.Look(ctx, key.ID()); return err })
	if err != nil || r == nil || !g.cfg.Clock().Before(r.Expires) {
		return nil, err
	}
	return r, nil
}

// observed returns the record that an operator may change.
func (g *Guard) observed(ctx context.Context, key Key, options []OperatorOption) (OperatorStore, *Record, error) {
	var o operatorOptions
	for _, option := range options {
		option(&o)
	}
	store, err := g.operatorStore(key)
	if err != nil {
		return nil, nil, err
	}
	r, err := g.lookNow(ctx, store, key)
	switch now := g.cfg.Clock(); {
	case err != nil:
		return nil, nil, err
	case r == nil:
		return nil, nil, ErrNoRecord
	case o.seen != nil && !sameState(r, o.seen):
		return nil, nil, ErrChanged
	case r.Status == InProgress && !r.Interrupted(now) && !o.forced:
		return nil, nil, &InProgressError{RetryAfter: max(r.LeaseUntil.Sub(now), 1)}
	}
	return store, r, nil
}

func sameState(a, b *Record) bool {
	return a.ID == b.ID && a.Owner == b.Owner && a.Status == b.Status && (a.Status == Completed || a.LeaseUntil.Equal(b.LeaseUntil))
}

// change makes a change that the store refuses if the record is not the one observed.
func change(ctx context.Context, step func() (done bool, err error)) error {
	var done bool
	err := ask(ctx, func() (err error) { done, err = step(); return err })
	if err == nil && !done {
		return ErrChanged
	}
	return err
}

// ask repeats a request that hung, which is safe: one that was carried out succeeds
// again.
func ask(ctx context.Context, request func() error) (err error) {
	for range maxAttempts {
		if err = request(); !timedOut(ctx, err) {
			break
		}
	}
	if err != nil && !errors.Is(err, ErrTooLarge) {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return err
}
