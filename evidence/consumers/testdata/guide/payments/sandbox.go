package payments

import (
	"context"
	"fmt"
	"sync"
)

// Sandbox is a bank in memory, for development and tests. It charges once per
// key, as a bank with idempotency keys does.
type Sandbox struct {
	mu      sync.Mutex
	charges map[string]Charge
	calls   int

	// AfterCharge, if set, is called after each charge. If it returns an error, the
	// caller of Charge gets that, as if the bank's reply were lost.
	AfterCharge func() error
}

// Calls returns how often the bank was told to charge.
func (s *Sandbox) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Charge implements Bank.
func (s *Sandbox) Charge(_ context.Context, key string, amount int) (Charge, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	charge, found := s.charges[key]
	if !found {
		if s.charges == nil {
			s.charges = make(map[string]Charge)
		}
		charge = Charge{ID: fmt.Sprintf("ch_%d", len(s.charges)+1), Amount: amount}
		s.charges[key] = charge
	}
	if s.AfterCharge != nil {
		if err := s.AfterCharge(); err != nil {
			return Charge{}, err
		}
	}
	return charge, nil
}

// Find implements Bank.
func (s *Sandbox) Find(_ context.Context, key string) (Charge, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	charge, found := s.charges[key]
	return charge, found, nil
}
