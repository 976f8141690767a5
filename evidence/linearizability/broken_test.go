package linearizability_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/linearizability"
	"github.com/idempotent-requests/idempotent-requests/evidence/simulation"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// condition is one that a store's writes depend on.
type condition int

const (
	none condition = iota
	keyIsFree
	observedIsStored
	ownerCompletes
	ownerReleases
	leaseGrows
	fingerprintIsKept
)

// brokenStore is a store that does not ask for one of the conditions.
type brokenStore struct {
	lacks   condition
	mu      sync.Mutex
	records map[string]idempotency.Record
}

// holds reports whether the owner's unfinished record is stored or, where that is
// not asked, any record.
func (s *brokenStore) holds(id, owner string, asked bool) bool {
	r, found := s.records[id]
	return found && (!asked || r.Owner == owner && r.Status == idempotency.InProgress)
}

func (s *brokenStore) Claim(_ context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	existing, found := s.records[c.Record.ID]
	observed := c.TakeOver != nil && (s.lacks == observedIsStored ||
		existing.Status == idempotency.InProgress && existing.Owner == c.TakeOver.Owner && existing.LeaseUntil.Equal(c.TakeOver.LeaseUntil))
	switch {
	case !found, !c.Now.Before(existing.Expires), observed, s.lacks == keyIsFree && existing.Status == idempotency.InProgress:
		s.records[c.Record.ID] = c.Record
		return nil, nil
	case existing.Owner == c.Record.Owner && existing.Status == idempotency.InProgress:
		return nil, nil
	case s.lacks == fingerprintIsKept:
		existing.Fingerprint = c.Record.Fingerprint
	}
	return &existing, nil
}

func (s *brokenStore) Renew(_ context.Context, r idempotency.Record) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.holds(r.ID, r.Owner, true) {
		return false, nil
	}
	if s.lacks == leaseGrows || r.LeaseUntil.IsZero() || !r.LeaseUntil.Before(s.records[r.ID].LeaseUntil) {
		s.records[r.ID] = r
	}
	return true, nil
}

func (s *brokenStore) Complete(_ context.Context, completed idempotency.Record) (*idempotency.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	existing, found := s.records[completed.ID]
	if !found || s.holds(completed.ID, completed.Owner, s.lacks != ownerCompletes) {
		s.records[completed.ID] = completed
		return nil, nil
	}
	if existing.Owner == completed.Owner {
		return nil, nil
	}
	return &existing, nil
}

func (s *brokenStore) Release(_ context.Context, id, owner string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holds(id, owner, s.lacks != ownerReleases) {
		delete(s.records, id)
	}
	return nil
}

func (s *brokenStore) Load(_ context.Context, id string) (*idempotency.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, found := s.records[id]; found {
		return &r, nil
	}
	return nil, nil
}

// The check has to be able to fail: the history that a store makes without one of
// the conditions is rejected, and the one it makes of the same seed with all of
// them is not. The seeds are the first whose schedules need the condition; where
// the simulation changes, later ones are tried.
func TestHistoriesOfBrokenStoresAreRejected(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		lacks condition
		seed  uint64
	}{
		{"claims of keys that are not free", keyIsFree, 1},
		{"takeovers of what was not observed", observedIsStored, 616},
		{"completions by those who are not the owner", ownerCompletes, 96},
		{"releases by those who are not the owner", ownerReleases, 12},
		{"renewals that shorten a lease", leaseGrows, 6471},
		{"fingerprints that are not kept", fingerprintIsKept, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for seed := c.seed; seed < c.seed+10_000; seed++ {
				err := historyOf(t, seed, c.lacks)
				if err == nil {
					continue
				}
				t.Logf("seed %d: %v", seed, err)
				if !strings.Contains(err.Error(), "not linearizable") || !strings.Contains(err.Error(), ".html") {
					t.Error("the error does not say that the history is not linearizable, and where to see it")
				}
				if err := historyOf(t, seed, none); err != nil {
					t.Errorf("with all conditions: %v", err)
				}
				return
			}
			t.Error("no history was rejected")
		})
	}
}

func historyOf(t *testing.T, seed uint64, lacks condition) error {
	t.Helper()
	store := &brokenStore{lacks: lacks, records: make(map[string]idempotency.Record)}
	report := simulation.Run(t, simulation.Config{Seed: seed, Store: store})
	return linearizability.Check(report.Book.Calls(), report.Promise, t.TempDir())
}
