package idempotency

import (
	"context"
	"sync"
)

// Cost counts the requests of a call to the store.
type Cost struct {
	// RoundTrips is the number of requests, those made at the same time included.
	RoundTrips int
	// ReadUnits and WriteUnits are capacity units, if the store has such.
	ReadUnits  float64
	WriteUnits float64
}

// AddCost adds to the cost of the call that ctx belongs to, if any. Stores call it.
// It may be called concurrently.
func AddCost(ctx context.Context, c Cost) {
	if m, ok := ctx.Value(meterKey{}).(*meter); ok {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.cost.RoundTrips += c.RoundTrips
		m.cost.ReadUnits += c.ReadUnits
		m.cost.WriteUnits += c.WriteUnits
	}
}

// meter is the context of one call, whose cost it adds up.
type meter struct {
	context.Context
	mu   sync.Mutex
	cost Cost
}

type meterKey struct{}

func (m *meter) Value(key any) any {
	if key == (meterKey{}) {
		return m
	}
	return m.Context.Value(key)
}

func (m *meter) read() Cost {
	if m == nil {
		return Cost{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cost
}
