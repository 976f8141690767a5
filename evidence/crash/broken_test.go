package crash_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

// brokenStores lack one condition each. The guarantees are those that the oracle
// has to see broken under the policy.
var brokenStores = []struct {
	name   string
	flaw   flaw
	policy policy
	breaks []guarantee
}{
	{"claim unconditional", flaw{claim: true}, reconcile, []guarantee{g1, g2, g3, g4}},
	{"takeover without compare-and-swap", flaw{takeOver: true}, reexecute, []guarantee{g1, g3}},
	{"takeover of a running lease", flaw{lease: true}, reexecute, []guarantee{g2}},
	{"renewal without owner check", flaw{renew: true}, reexecute, []guarantee{g1}},
	{"completion unconditional", flaw{complete: true}, reexecute, []guarantee{g1}},
	{"completion acknowledged and not kept", flaw{forgetful: true}, reexecute, []guarantee{g3}},
	{"release without owner check", flaw{release: true}, reexecute, []guarantee{g1, g3}},
	{"interruption forgotten", flaw{forget: true}, reconcile, []guarantee{g4}},
	{"another response at each replay", flaw{garbled: true}, reexecute, []guarantee{g1}},
	{"failed claim taken for a success", flaw{open: true}, reexecute, []guarantee{g5}},
	{"scope dropped from the key", flaw{scope: true}, reexecute, []guarantee{g6}},
	{"replay of what has expired", flaw{expired: true}, reexecute, []guarantee{g7}},
}

// brokenTransactions are the same for atomic mode.
var brokenTransactions = []struct {
	name   string
	policy policy
	broken breakage
	breaks []guarantee
}{
	{"effects in a transaction before their record", atomicity,
		breakage{client: func(c dynamostore.AtomicClient) dynamostore.AtomicClient { return inTwoSteps{c} }}, []guarantee{g4}},
	{"record unconditional", atomicity,
		breakage{client: func(c dynamostore.AtomicClient) dynamostore.AtomicClient { return unconditional{c} }}, []guarantee{g1, g3, g4}},
	{"effects in a transaction before their record", atomicPostgres, breakage{apart: true}, []guarantee{g4}},
}

// An oracle that never objects proves nothing.
func TestOracleObjectsToBrokenStores(t *testing.T) {
	t.Parallel()
	for _, broken := range brokenStores {
		t.Run(broken.name, func(t *testing.T) {
			t.Parallel()
			wantObjections(t, broken.flaw.benches(broken.policy), broken.breaks)
		})
	}
	for _, broken := range brokenTransactions {
		t.Run(broken.name+", "+broken.policy.name, func(t *testing.T) {
			t.Parallel()
			paths, store := atomicPaths, bare
			if broken.policy == atomicPostgres {
				paths, store = transactionPaths(), inPostgres
			}
			var all []*bench
			for _, p := range paths {
				all = append(all, &bench{policy: broken.policy, path: p, store: store, broken: broken.broken})
			}
			wantObjections(t, all, broken.breaks)
		})
	}
}

// The store whose conditions are left out above, with all of them.
func TestOracleHasNoObjectionsToTheControl(t *testing.T) {
	t.Parallel()
	for _, policy := range leased {
		t.Run(policy.name, func(t *testing.T) {
			t.Parallel()
			wantObjections(t, flaw{}.benches(policy), nil)
		})
	}
}

func (f flaw) benches(policy policy) (all []*bench) {
	for _, p := range leasedPaths {
		if p.size == 0 {
			all = append(all, &bench{policy: policy, path: p, store: inMemory, broken: f.breakage()})
		}
	}
	return all
}

// wantObjections runs the matrix until all that is wanted has been objected to.
// Where nothing is, nothing may be.
func wantObjections(t *testing.T, benches []*bench, wants []guarantee) {
	t.Helper()
	missing := slices.Clone(wants)
	for _, b := range benches {
		for _, c := range b.measure(t) {
			for _, v := range c.violations {
				switch {
				case !b.policy.promises(v.guarantee):
				case len(wants) == 0:
					t.Errorf("%v, %v: %v", b, c.injections, v)
				default:
					missing = slices.DeleteFunc(missing, func(g guarantee) bool { return g == v.guarantee })
				}
			}
		}
		if len(wants) > 0 && len(missing) == 0 {
			return
		}
	}
	if len(missing) > 0 {
		t.Errorf("the oracle does not see that this breaks %v", missing)
	}
}

// flaw is what a [notebook] does wrong.
type flaw struct {
	claim, complete, release, renew, takeOver, lease, forget, expired, scope, forgetful, garbled, open bool
}

func (f flaw) breakage() breakage {
	return breakage{
		below: func(idempotency.Store) idempotency.Store {
			return &notebook{flaw: f, records: make(map[string]idempotency.Record)}
		},
		above: func(s idempotency.Store) idempotency.Store {
			if f.open {
				return failsOpen{s}
			}
			return s
		},
	}
}

// notebook is a store of few lines, each condition of which can be left out.
type notebook struct {
	flaw    flaw
	mu      sync.Mutex
	records map[string]idempotency.Record
	replays byte
}

func (n *notebook) id(id string) string {
	if n.flaw.scope {
		operation, _, _ := strings.Cut(id, "#")
		return operation
	}
	return id
}

// found returns a record as a claim or a completion meets it.
func (n *notebook) found(r idempotency.Record) *idempotency.Record {
	if n.flaw.garbled && r.Data != nil {
		n.replays++
		r.Data = append(slices.Clone(r.Data), n.replays)
	}
	if n.flaw.lease {
		r.LeaseUntil = time.Now().Add(-time.Minute)
	}
	return &r
}

func (n *notebook) Claim(_ context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := n.id(c.Record.ID)
	r, exists := n.records[id]
	own := r.Owner == c.Record.Owner && r.Status == idempotency.InProgress
	expired := !c.Now.Before(r.Expires) && !n.flaw.expired
	observed := c.TakeOver != nil && (n.flaw.takeOver || n.flaw.lease || r.Owner == c.TakeOver.Owner &&
		r.Status == idempotency.InProgress && r.LeaseUntil.Equal(c.TakeOver.LeaseUntil))
	if exists && !own && !expired && !observed && !n.flaw.claim {
		return n.found(r), nil
	}
	n.records[id] = c.Record
	return nil, nil
}

func (n *notebook) Renew(_ context.Context, r idempotency.Record) (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := n.id(r.ID)
	if n.flaw.forget && r.LeaseUntil.Before(time.Now()) {
		delete(n.records, id)
		return true, nil
	}
	if !n.flaw.renew && !n.holds(id, r.Owner) {
		return false, nil
	}
	n.records[id] = r
	return true, nil
}

func (n *notebook) Complete(_ context.Context, completed idempotency.Record) (*idempotency.Record, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := n.id(completed.ID)
	r, exists := n.records[id]
	switch {
	case n.flaw.forgetful:
		delete(n.records, id)
		return nil, nil
	case exists && r.Owner != completed.Owner && !n.flaw.complete:
		return n.found(r), nil
	}
	n.records[id] = completed
	return nil, nil
}

func (n *notebook) Release(_ context.Context, id, owner string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if id = n.id(id); n.flaw.release || n.holds(id, owner) {
		delete(n.records, id)
	}
	return nil
}

func (n *notebook) Load(_ context.Context, id string) (*idempotency.Record, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r, exists := n.records[n.id(id)]
	if !exists {
		return nil, nil
	}
	return &r, nil
}

func (n *notebook) holds(id, owner string) bool {
	r, exists := n.records[id]
	return exists && r.Owner == owner && r.Status == idempotency.InProgress
}

// failsOpen takes a claim that failed for one that succeeded.
type failsOpen struct{ idempotency.Store }

func (s failsOpen) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	r, err := s.Store.Claim(ctx, c)
	if errors.Is(err, errUnreachable) {
		return nil, nil
	}
	return r, err
}

// inTwoSteps makes of each transaction two: effects, then the record.
type inTwoSteps struct{ dynamostore.AtomicClient }

func (c inTwoSteps) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, options ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	record, effects := *in, *in
	record.TransactItems, effects.TransactItems = in.TransactItems[:1], in.TransactItems[1:]
	record.ClientRequestToken = nil // they are two now
	if _, err := c.AtomicClient.TransactWriteItems(ctx, &effects, options...); err != nil {
		return nil, err
	}
	return c.AtomicClient.TransactWriteItems(ctx, &record, options...)
}

// unconditional writes the record whether or not its key is free.
type unconditional struct{ dynamostore.AtomicClient }

func (c unconditional) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, options ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	broken := *in
	broken.TransactItems = slices.Clone(in.TransactItems)
	record := *broken.TransactItems[0].Put
	record.ConditionExpression, record.ExpressionAttributeValues = nil, nil
	broken.TransactItems[0] = types.TransactWriteItem{Put: &record}
	return c.AtomicClient.TransactWriteItems(ctx, &broken, options...)
}
