// Package measure is what the bench and the processes that it measures say to
// each other: a [Task] on a line of standard input, and for each a [Result] on a
// line of standard output, as JSON.
package measure

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Task asks a process to repeat one operation for a while.
type Task struct {
	// Subject is who does it, such as "ours" or "sdk"; Path what is done, such as
	// "first" or "replay".
	Subject, Path string
	// Concurrency is how many do it at a time.
	Concurrency int
	// Milliseconds is for how long; Operations, if it is not 0, how often instead, by
	// one after the other.
	Milliseconds, Operations int
	// Response is the size of the handler's answer, in bytes.
	Response int
	// Endpoint and Table are where.
	Endpoint, Table string
}

// BatchSize is how many messages a batch has: the most that SQS delivers at once
// unless it is told to collect more.
const BatchSize = 10

// Result is what it took. Times are in nanoseconds.
type Result struct {
	Error       string // "" if every operation succeeded
	Operations  int
	Calls       int     // operations, and those before that warmed up
	Wall        int64   // of the whole
	CPU         int64   // of the process, of the whole
	P50, P99    int64   // of one operation
	Allocations float64 // per operation; 0 where it is not known
	Bytes       float64 // allocated per operation
}

// Repeat calls operate from as many goroutines as asked for until the time is
// over or one fails, and returns how long each call took, in ascending order.
// Each call is given a number of its own, from 0.
func Repeat(concurrency int, duration time.Duration, operate func(i int) error) ([]int64, error) {
	var (
		next  atomic.Int64
		fault atomic.Pointer[error]
		group sync.WaitGroup
		took  = make([][]int64, concurrency)
	)
	end := time.Now().Add(duration)
	for g := range concurrency {
		took[g] = make([]int64, 0, (1<<18)/concurrency)
		group.Go(func() {
			for fault.Load() == nil {
				start := time.Now()
				if !start.Before(end) {
					return
				}
				if err := operate(int(next.Add(1) - 1)); err != nil {
					fault.Store(&err)
					return
				}
				took[g] = append(took[g], int64(time.Since(start)))
			}
		})
	}
	group.Wait()
	if err := fault.Load(); err != nil {
		return nil, *err
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	return all, nil
}

// Count calls operate n times, one after the other, and returns what [Repeat] does.
func Count(n int, operate func(i int) error) ([]int64, error) {
	took := make([]int64, 0, n)
	for i := range n {
		start := time.Now()
		if err := operate(i); err != nil {
			return nil, err
		}
		took = append(took, int64(time.Since(start)))
	}
	slices.Sort(took)
	return took, nil
}

// Percentile returns the value that p percent of the sorted values do not
// exceed, and 0 of none.
func Percentile[T int64 | float64](sorted []T, p float64) T {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(float64(len(sorted))*p/100), len(sorted)-1)]
}
