package main

import (
	"math"
	"slices"
	"time"
)

// sample is a value at a time since the beginning.
type sample struct {
	at    time.Duration
	value float64
}

// growth returns by what part of the median the samples grow from the first to the
// last: their slope by Theil and Sen, which is the median of the slopes between all
// pairs, so that outliers do not count. It is NaN for fewer than two samples.
func growth(samples []sample) float64 {
	var slopes, values []float64
	for i, s := range samples {
		values = append(values, s.value)
		for _, later := range samples[i+1:] {
			if later.at > s.at {
				slopes = append(slopes, (later.value-s.value)/(later.at-s.at).Seconds())
			}
		}
	}
	if len(slopes) == 0 {
		return math.NaN()
	}
	span := (samples[len(samples)-1].at - samples[0].at).Seconds()
	return median(slopes) * span / median(values)
}

// median returns NaN of no values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// percentile returns the value that p percent of the values do not exceed, and NaN
// of no values.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(float64(len(sorted))*p/100), len(sorted)-1)]
}

// after leaves out the samples before a time.
func after(samples []sample, at time.Duration) []sample {
	i := slices.IndexFunc(samples, func(s sample) bool { return s.at >= at })
	if i < 0 {
		return nil
	}
	return samples[i:]
}

func valuesOf(samples []sample) []float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = s.value
	}
	return values
}
