package simulation

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Config says what to simulate; the rest is drawn from the seed.
type Config struct {
	Seed     uint64
	Mode     idempotency.Mode
	Recovery idempotency.Recovery
	// Dynamo has the records kept by dynamostore, in front of an embedded DynamoDB
	// behind an unmodified SDK client, instead of memstore. Atomic mode needs it.
	Dynamo bool
	// Store, if set, keeps the records instead: one that is broken on purpose.
	Store idempotency.Store
	// Watch, if set, is called with each step of a store in memory, in the words of
	// [model.Transitions].
	Watch func(step string)
	// Trace makes [Run] write a trace.
	Trace bool
}

// setting is what a seed decides about a run as a whole.
type setting struct {
	unit      time.Duration // what is called a second
	machines  []machineSetting
	clients   int
	keys      int
	scopes    int
	attempts  int // of a client for one request
	lease     time.Duration
	skew      time.Duration
	wait      time.Duration
	window    time.Duration
	limit     time.Duration // of a request to the store, 0 for none
	recording time.Duration // Config.CompletionTimeout
	bare      bool          // a refused write brings no old item
	spread    time.Duration // between the clocks that differ most
	skewHeld  bool
	dedupes   bool // the outside world has an effect once for each derived key
	rush      time.Duration
	hostility float64 // how likely a message meets with a fault
	trouble   float64 // how likely a handler fails
	stock     int     // how often the effect can happen in atomic mode
	crashes   []crash
	cuts      []cut
	steps     bool // operations have steps
}

type machineSetting struct {
	offset   time.Duration // of its clock
	deadline time.Duration // of its requests, as in Lambda; 0 for none
	cached   bool
}

// crash is a machine that fails and comes back as a new process.
type crash struct {
	machine  int
	at, for_ time.Duration
}

// cut is a machine that the network does not reach for a while.
type cut struct {
	machine  int
	from, to time.Duration
}

// draw makes the generator for one purpose of a seed.
func draw(seed uint64, purpose string, numbers ...int) *rand.Rand {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, purpose, numbers)
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// between draws a duration in seconds of the given unit.
func between(r *rand.Rand, unit time.Duration, from, to float64) time.Duration {
	return time.Duration((from + (to-from)*r.Float64()) * float64(unit))
}

func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

func newSetting(cfg Config, unit time.Duration) setting {
	r := draw(cfg.Seed, "setting")
	s := setting{
		unit:      unit,
		clients:   2 + r.IntN(6),
		keys:      1 + r.IntN(2),
		scopes:    1 + r.IntN(2),
		attempts:  3 + r.IntN(4),
		lease:     between(r, unit, 8, 30),
		skew:      between(r, unit, 1, 5),
		window:    24 * time.Hour,
		rush:      between(r, unit, 0, pick(r, 0.1, 2, 40)),
		hostility: pick(r, 0, 0.05, 0.15, 0.35),
		trouble:   pick(r, 0, 0.2, 0.5),
		dedupes:   chance(r, 0.2),
		stock:     r.IntN(4),
		skewHeld:  chance(r, 0.85),
		limit:     pick(r, unit, unit, 0),
		recording: pick[time.Duration](r, 5, 5, 60) * unit,
		bare:      chance(r, 0.3),
	}
	if chance(r, 0.3) {
		s.wait = between(r, unit, 1, 20)
	}
	reach := s.skew
	if !s.skewHeld {
		reach = 3 * s.lease
	}
	var first, last time.Duration
	for range 2 + r.IntN(3) {
		m := machineSetting{offset: between(r, reach, -0.5, 0.5), cached: chance(r, 0.5)}
		if chance(r, 0.4) {
			m.deadline = between(r, unit, 4, 30)
		}
		first, last = min(first, m.offset), max(last, m.offset)
		s.machines = append(s.machines, m)
	}
	s.spread = last - first
	// Windows that end within the run. An effect of an earlier window is still
	// known to the outside world then, so nobody may ask it.
	if chance(r, 0.15) && s.skewHeld && !s.dedupes && cfg.Recovery != idempotency.Reconcile {
		s.window = between(r, unit, 60, 90)
		s.rush = between(r, unit, 100, 300)
		s.spread += 20 * unit // claims are repeated and their exact moment is not known
	}
	for range pick(r, 0, 0, 1, 2, 3) {
		s.crashes = append(s.crashes, crash{r.IntN(len(s.machines)), between(r, unit, 0, 40), between(r, unit, 0.1, 20)})
	}
	for range pick(r, 0, 0, 1, 2) {
		from := between(r, unit, 0, 40)
		s.cuts = append(s.cuts, cut{r.IntN(len(s.machines)), from, from + between(r, unit, 1, 60)})
	}
	s.steps = chance(r, 0.5)
	return s
}
