package main

import (
	"math"
	"testing"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		of   series
		want float64
	}{{series{3, 1, 2}, 2}, {series{4, 1, 2, 3}, 2.5}, {series{7}, 7}} {
		if got := test.of.median(); got != test.want {
			t.Errorf("median of %v is %v, want %v", test.of, got, test.want)
		}
	}
	if got := (series{}).median(); !math.IsNaN(got) {
		t.Errorf("median of nothing is %v", got)
	}
}

// A ratio is that of the medians; its spread is that of the rounds, so that a
// disturbance of one round, which hits both, does not widen it.
func TestRatio(t *testing.T) {
	t.Parallel()
	got := over(series{10, 20, 400}, series{5, 10, 200})
	if got != (ratio{2, 2, 2}) {
		t.Errorf("got %+v, want 2 in every round", got)
	}
	if got := over(series{1, 3}, series{1, 1}); got != (ratio{2, 1, 3}) {
		t.Errorf("got %+v, want 2, from 1 to 3", got)
	}
	if got := over(nil, series{1}); !math.IsNaN(got.value) {
		t.Errorf("the ratio of nothing is %v", got.value)
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]string{0: "0", 2: "2", 0.123: "0.12", 3.14159: "3.14", 31.4159: "31.4", 314.159: "314", math.NaN(): ""} {
		if got := number(f); got != want {
			t.Errorf("%v is written %q, want %q", f, got, want)
		}
	}
}
