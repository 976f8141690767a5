package main

import (
	"math"
	"slices"

	"github.com/idempotent-requests/idempotent-requests/evidence/bench/measure"
)

// series is the same thing measured again and again, one value a round. Between
// two values of one series all others are measured once: what disturbs the
// machine for a while disturbs all of them.
type series []float64

func (s series) median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// ratio is that of two medians, and its spread that of the rounds.
type ratio struct{ value, low, high float64 }

func over(a, b series) ratio {
	r := ratio{value: a.median() / b.median(), low: math.Inf(1), high: math.Inf(-1)}
	for i := range min(len(a), len(b)) {
		r.low, r.high = min(r.low, a[i]/b[i]), max(r.high, a[i]/b[i])
	}
	return r
}

// what names one thing that is measured.
type what struct {
	subject, path string
	concurrency   int
	response      int
}

// figures are all there is about it.
type figures struct {
	p50, p99    series // nanoseconds
	throughput  series // operations per second
	cpu         series // nanoseconds per operation
	allocations series
	bytes       series
	// requests, read and write are per operation, as the engine counted; nothing
	// where another database served.
	requests, read, write series
}

func (f *figures) add(r measure.Result) {
	n := float64(r.Operations)
	f.p50 = append(f.p50, float64(r.P50))
	f.p99 = append(f.p99, float64(r.P99))
	f.throughput = append(f.throughput, n/(float64(r.Wall)/1e9))
	f.cpu = append(f.cpu, float64(r.CPU)/n)
	f.allocations = append(f.allocations, r.Allocations)
	f.bytes = append(f.bytes, r.Bytes)
}

// charge adds what so many calls have asked of the engine.
func (f *figures) charge(asked usage, calls int) {
	n := float64(calls)
	f.requests = append(f.requests, float64(asked.requests)/n)
	f.read = append(f.read, asked.read/n)
	f.write = append(f.write, asked.write/n)
}
