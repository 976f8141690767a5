package crash_test

import (
	"context"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/evidence/flawed"
	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

// brokenStores lack one condition each. The guarantees are those that the oracle
// has to see broken under the policy.
var brokenStores = []struct {
	flaw   flawed.Flaw
	policy policy
	breaks []ledger.Guarantee
}{
	{flawed.UnconditionalClaim, reconcile, []ledger.Guarantee{ledger.G1, ledger.G2, ledger.G3, ledger.G4}},
	{flawed.TakeoverOfAnything, reexecute, []ledger.Guarantee{ledger.G1, ledger.G3}},
	{flawed.TakeoverOfRunning, reexecute, []ledger.Guarantee{ledger.G2}},
	{flawed.UnownedRenewal, reexecute, []ledger.Guarantee{ledger.G1}},
	{flawed.UnownedCompletion, reexecute, []ledger.Guarantee{ledger.G1}},
	{flawed.LostCompletion, reexecute, []ledger.Guarantee{ledger.G3}},
	{flawed.UnownedRelease, reexecute, []ledger.Guarantee{ledger.G1, ledger.G3}},
	{flawed.LostInterruption, reconcile, []ledger.Guarantee{ledger.G4}},
	{flawed.ChangingResponse, reexecute, []ledger.Guarantee{ledger.G1}},
	{flawed.FailedClaimSucceeds, reexecute, []ledger.Guarantee{ledger.G5}},
	{flawed.NoScope, reexecute, []ledger.Guarantee{ledger.G6}},
	{flawed.NoExpiry, reexecute, []ledger.Guarantee{ledger.G7}},
}

// brokenTransactions are the same for atomic mode.
var brokenTransactions = []struct {
	name   string
	policy policy
	broken breakage
	breaks []ledger.Guarantee
}{
	{"effects in a transaction before their record", atomicity,
		breakage{client: func(c dynamostore.AtomicClient) dynamostore.AtomicClient { return inTwoSteps{c} }}, []ledger.Guarantee{ledger.G4}},
	{"record unconditional", atomicity,
		breakage{client: func(c dynamostore.AtomicClient) dynamostore.AtomicClient { return unconditional{c} }}, []ledger.Guarantee{ledger.G1, ledger.G3, ledger.G4}},
	{"effects in a transaction before their record", atomicPostgres, breakage{apart: true}, []ledger.Guarantee{ledger.G4}},
}

// An oracle that never objects proves nothing.
func TestOracleObjectsToBrokenStores(t *testing.T) {
	t.Parallel()
	for _, broken := range brokenStores {
		t.Run(string(broken.flaw), func(t *testing.T) {
			t.Parallel()
			wantObjections(t, flawedBenches(broken.flaw, broken.policy), broken.breaks)
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
			wantObjections(t, flawedBenches(flawed.None, policy), nil)
		})
	}
}

func flawedBenches(flaw flawed.Flaw, policy policy) (all []*bench) {
	for _, p := range leasedPaths {
		if p.size == 0 {
			all = append(all, &bench{policy: policy, path: p, store: inMemory, broken: lacking(flaw)})
		}
	}
	return all
}

// wantObjections runs the matrix until all that is wanted has been objected to.
// Where nothing is, nothing may be.
func wantObjections(t *testing.T, benches []*bench, wants []ledger.Guarantee) {
	t.Helper()
	missing := slices.Clone(wants)
	for _, b := range benches {
		for _, c := range b.measure(t) {
			for _, v := range c.violations {
				switch {
				case !b.policy.promise().Includes(v.Guarantee):
				case len(wants) == 0:
					t.Errorf("%v, %v: %v", b, c.injections, v)
				default:
					missing = slices.DeleteFunc(missing, func(g ledger.Guarantee) bool { return g == v.Guarantee })
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

// lacking is a breakage by a flaw.
func lacking(flaw flawed.Flaw) (b breakage) {
	b.below = func(idempotency.Store) idempotency.Store { return flawed.New(flaw) }
	if flaw == flawed.FailedClaimSucceeds {
		b.above = flawed.Open
	}
	return b
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
