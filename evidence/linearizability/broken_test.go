package linearizability_test

import (
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/flawed"
	"github.com/idempotent-requests/idempotent-requests/evidence/linearizability"
	"github.com/idempotent-requests/idempotent-requests/evidence/simulation"
)

// The check has to be able to fail: the history that a store makes without one of
// the conditions is rejected, and the one it makes of the same seed with all of
// them is not. The seeds are the first whose schedules need the condition; where
// the simulation changes, later ones are tried.
func TestHistoriesOfBrokenStoresAreRejected(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flaw flawed.Flaw
		seed uint64
	}{
		{flawed.UnconditionalClaim, 1},
		{flawed.TakeoverOfAnything, 926},
		{flawed.UnownedCompletion, 106},
		{flawed.UnownedRelease, 29},
		{flawed.ShorteningRenewal, 6471},
		{flawed.LostFingerprint, 1},
	} {
		t.Run(string(c.flaw), func(t *testing.T) {
			t.Parallel()
			for seed := c.seed; seed < c.seed+10_000; seed++ {
				err := historyOf(t, seed, c.flaw)
				if err == nil {
					continue
				}
				t.Logf("seed %d: %v", seed, err)
				if !strings.Contains(err.Error(), "not linearizable") || !strings.Contains(err.Error(), ".html") {
					t.Error("the error does not say that the history is not linearizable, and where to see it")
				}
				if err := historyOf(t, seed, flawed.None); err != nil {
					t.Errorf("with all conditions: %v", err)
				}
				return
			}
			t.Error("no history was rejected")
		})
	}
}

func historyOf(t *testing.T, seed uint64, flaw flawed.Flaw) error {
	t.Helper()
	report := simulation.Run(t, simulation.Config{Seed: seed, Store: flawed.New(flaw)})
	return linearizability.Check(report.Book, report.Promise, t.TempDir())
}
