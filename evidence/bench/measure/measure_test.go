package measure_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/bench/measure"
)

func TestRepeatNumbersItsCalls(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := make(map[int]bool)
	took, err := measure.Repeat(4, 5*time.Millisecond, func(i int) error {
		mu.Lock()
		defer mu.Unlock()
		if seen[i] {
			t.Errorf("two calls have the number %d", i)
		}
		seen[i] = true
		return nil
	})
	if err != nil || len(took) != len(seen) || !slices.IsSorted(took) {
		t.Errorf("%d times for %d calls, sorted: %v, error %v", len(took), len(seen), slices.IsSorted(took), err)
	}
}

func TestRepeatEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	fault := errors.New("fault")
	if _, err := measure.Repeat(2, time.Hour, func(int) error { return fault }); !errors.Is(err, fault) {
		t.Errorf("error %v, want %v", err, fault)
	}
}

func TestCountTakesTurns(t *testing.T) {
	t.Parallel()
	var calls []int
	took, err := measure.Count(3, func(i int) error { calls = append(calls, i); return nil })
	if err != nil || len(took) != 3 || !slices.IsSorted(took) || !slices.Equal(calls, []int{0, 1, 2}) {
		t.Errorf("%d times for the calls %v, error %v", len(took), calls, err)
	}
	fault := errors.New("fault")
	if _, err := measure.Count(3, func(int) error { return fault }); !errors.Is(err, fault) {
		t.Errorf("error %v, want %v", err, fault)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	values := make([]int64, 100)
	for i := range values {
		values[i] = int64(i + 1)
	}
	if p50, p99, all := measure.Percentile(values, 50), measure.Percentile(values, 99), measure.Percentile(values, 100); p50 != 51 || p99 != 100 || all != 100 {
		t.Errorf("p50 %d, p99 %d, p100 %d", p50, p99, all)
	}
	if none := measure.Percentile([]int64(nil), 50); none != 0 {
		t.Errorf("%d of nothing", none)
	}
}
