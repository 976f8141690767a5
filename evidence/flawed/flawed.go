// Package flawed is a store of few lines, each condition of which can be left out: an
// oracle that never objects proves nothing, so each is shown stores that it has to
// object to.
package flawed

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Flaw is what a store does wrong.
type Flaw string

// The flaws. Each belongs to a condition that the mutation check knows by its name.
const (
	None                Flaw = ""
	UnconditionalClaim  Flaw = "claim unconditional"
	TakeoverOfAnything  Flaw = "takeover without compare-and-swap"
	TakeoverOfRunning   Flaw = "takeover of a running lease"
	UnownedRenewal      Flaw = "renewal without owner check"
	ShorteningRenewal   Flaw = "renewal that shortens a lease"
	UnownedCompletion   Flaw = "completion unconditional"
	LostCompletion      Flaw = "completion acknowledged and not kept"
	UnownedRelease      Flaw = "release without owner check"
	LostInterruption    Flaw = "interruption forgotten"
	ChangingResponse    Flaw = "another response at each replay"
	LostFingerprint     Flaw = "fingerprint not kept"
	FailedClaimSucceeds Flaw = "failed claim taken for a success" // see [Open]
	NoScope             Flaw = "scope dropped from the key"
	NoExpiry            Flaw = "replay of what has expired"
)

// New returns an empty store with a flaw, or with none.
func New(flaw Flaw) idempotency.Store {
	return &store{flaw: flaw, records: make(map[string]idempotency.Record)}
}

// Open returns a store that takes each claim that failed for one that succeeded: what
// [FailedClaimSucceeds] is about stands between the guard and the network.
func Open(s idempotency.Store) idempotency.Store { return open{s} }

type open struct{ idempotency.Store }

func (s open) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	r, err := s.Store.Claim(ctx, c)
	if err != nil {
		return nil, nil
	}
	return r, nil
}

type store struct {
	flaw    Flaw
	mu      sync.Mutex
	records map[string]idempotency.Record
	replays byte
}

func (s *store) id(id string) string {
	if s.flaw == NoScope {
		id, _, _ = strings.Cut(id, "#")
	}
	return id
}

// holds reports whether the owner's unfinished record is stored.
func (s *store) holds(id, owner string) bool {
	r, found := s.records[id]
	return found && r.Owner == owner && r.Status == idempotency.InProgress
}

// shown is a record as one that asks with another record is told of it.
func (s *store) shown(r, asking idempotency.Record) *idempotency.Record {
	switch {
	case s.flaw == ChangingResponse && r.Data != nil:
		s.replays++
		r.Data = append(slices.Clone(r.Data), s.replays)
	case s.flaw == TakeoverOfRunning:
		r.LeaseUntil = time.Now().Add(-time.Minute)
	case s.flaw == LostFingerprint:
		r.Fingerprint = asking.Fingerprint
	}
	return &r
}

func (s *store) Claim(_ context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.id(c.Record.ID)
	r, found := s.records[id]
	free := !found || !c.Now.Before(r.Expires) && s.flaw != NoExpiry
	observed := c.TakeOver != nil && (s.flaw == TakeoverOfAnything || s.flaw == TakeoverOfRunning ||
		r.Status == idempotency.InProgress && r.Owner == c.TakeOver.Owner && r.LeaseUntil.Equal(c.TakeOver.LeaseUntil))
	switch {
	case free, observed, s.flaw == UnconditionalClaim:
		s.records[id] = c.Record
		return nil, nil
	case s.holds(id, c.Record.Owner):
		return nil, nil
	}
	return s.shown(r, c.Record), nil
}

func (s *store) Renew(_ context.Context, r idempotency.Record) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.id(r.ID)
	switch {
	case s.flaw == LostInterruption && r.LeaseUntil.IsZero():
		delete(s.records, id)
	case s.flaw == UnownedRenewal:
		s.records[id] = r
	case !s.holds(id, r.Owner):
		return false, nil
	case s.flaw == ShorteningRenewal, r.LeaseUntil.IsZero(), !r.LeaseUntil.Before(s.records[id].LeaseUntil):
		s.records[id] = r
	}
	return true, nil
}

func (s *store) Complete(_ context.Context, completed idempotency.Record) (*idempotency.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.id(completed.ID)
	r, found := s.records[id]
	switch {
	case s.flaw == LostCompletion:
		delete(s.records, id)
	case found && r.Owner != completed.Owner && s.flaw != UnownedCompletion:
		return s.shown(r, completed), nil
	case !found, r.Owner != completed.Owner, r.Status == idempotency.InProgress:
		s.records[id] = completed
	}
	return nil, nil
}

func (s *store) Release(_ context.Context, id, owner string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id = s.id(id); s.flaw == UnownedRelease || s.holds(id, owner) {
		delete(s.records, id)
	}
	return nil
}

func (s *store) Load(_ context.Context, id string) (*idempotency.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, found := s.records[s.id(id)]
	if !found {
		return nil, nil
	}
	return &r, nil
}
