package simulation_test

import (
	"slices"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/flawed"
	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/evidence/simulation"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// The promises have to be seen to be broken: by each flaw of a store, and by none of
// the same seeds without the flaw. The search begins at the first seeds whose
// schedules need the condition.
func TestFlawsBreakPromises(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flaw     flawed.Flaw
		recovery idempotency.Recovery
		breaks   []ledger.Guarantee
		seed     uint64
	}{
		{flawed.UnconditionalClaim, idempotency.Reexecute, []ledger.Guarantee{ledger.G1, ledger.G2, ledger.G3}, 1},
		{flawed.TakeoverOfAnything, idempotency.Reexecute, []ledger.Guarantee{ledger.G1}, 71},
		{flawed.TakeoverOfRunning, idempotency.Reexecute, []ledger.Guarantee{ledger.G2}, 1},
		{flawed.UnownedRenewal, idempotency.Reexecute, []ledger.Guarantee{ledger.G1}, 29},
		{flawed.ShorteningRenewal, idempotency.Reexecute, []ledger.Guarantee{ledger.G2}, 300},
		{flawed.UnownedCompletion, idempotency.Reexecute, []ledger.Guarantee{ledger.G1}, 35},
		{flawed.LostCompletion, idempotency.Reexecute, []ledger.Guarantee{ledger.G1, ledger.G3}, 1},
		{flawed.UnownedRelease, idempotency.Reexecute, []ledger.Guarantee{ledger.G1}, 29},
		{flawed.LostInterruption, idempotency.Refuse, []ledger.Guarantee{ledger.G4}, 1},
		{flawed.ChangingResponse, idempotency.Reexecute, []ledger.Guarantee{ledger.G1}, 1},
		{flawed.LostFingerprint, idempotency.Reexecute, []ledger.Guarantee{ledger.G6}, 1},
		{flawed.NoScope, idempotency.Reexecute, []ledger.Guarantee{ledger.G2, ledger.G6}, 1},
		{flawed.NoExpiry, idempotency.Reexecute, []ledger.Guarantee{ledger.Final}, 1},
	} {
		t.Run(string(c.flaw), func(t *testing.T) {
			t.Parallel()
			missing := slices.Clone(c.breaks)
			for seed := c.seed; len(missing) > 0; seed++ {
				if seed > c.seed+10_000 {
					t.Fatalf("nothing breaks %v", missing)
				}
				cfg := simulation.Config{Seed: seed, Recovery: c.recovery, Store: flawed.New(c.flaw)}
				broken := simulation.Run(t, cfg)
				for _, v := range broken.Book.Check(broken.Promise) {
					missing = slices.DeleteFunc(missing, func(g ledger.Guarantee) bool { return g == v.Guarantee })
				}
				cfg.Store = flawed.New(flawed.None)
				whole := simulation.Run(t, cfg)
				for _, v := range whole.Book.Check(whole.Promise) {
					t.Errorf("seed %d, without the flaw: %v", seed, v)
				}
				if len(missing) == 0 {
					t.Logf("at seed %d", seed)
				}
			}
		})
	}
}
