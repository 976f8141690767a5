package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"
)

// verdict is what a run came to.
type verdict struct {
	counts
	duration, warm time.Duration
	bears, rate    float64 // requests per second; bears is 0 if that was not measured
	trends         []trend
}

// trend is one thing that has to stay flat.
type trend struct {
	name    string
	unit    string
	median  float64 // in that unit
	growth  float64 // from the end of the warm-up to the end, as a part of the median
	limit   float64
	samples int
}

func (t trend) flat() bool { return t.growth <= t.limit } // NaN is not

// leastDuration is for how long a trend has to be watched. The first third of it is
// not judged: the database still grows then, which keeps the tokens of transactions
// for ten minutes, as DynamoDB does.
const leastDuration = 30 * time.Minute

// The limits leave room for what garbage collection and other programs on the
// machine do; what leaks, leaks more in half an hour.
const (
	memoryLimit = 0.10
	p50Limit    = 0.25
	p99Limit    = 0.50
)

func (s *soak) verdict() verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := verdict{counts: s.counts, duration: s.duration, warm: s.duration / 3, bears: s.bears, rate: s.rate}
	for _, t := range []struct {
		trend
		samples []sample
		divisor float64
	}{
		{trend{name: "memory of gateway and database", unit: "MB", limit: memoryLimit}, s.stackMemory, 1e6},
		{trend{name: "memory of a function's process", unit: "MB", limit: memoryLimit}, s.functions, 1e6},
		{trend{name: "first call, p50", unit: "ms", limit: p50Limit}, s.first.p50, 1},
		{trend{name: "first call, p99", unit: "ms", limit: p99Limit}, s.first.p99, 1},
		{trend{name: "replay, p50", unit: "ms", limit: p50Limit}, s.replay.p50, 1},
		{trend{name: "replay, p99", unit: "ms", limit: p99Limit}, s.replay.p99, 1},
	} {
		kept := after(t.samples, v.warm)
		t.median, t.growth, t.trend.samples = median(valuesOf(kept))/t.divisor, growth(kept), len(kept)
		v.trends = append(v.trends, t.trend)
	}
	return v
}

// good reports whether everything stayed flat and nothing was wrong.
func (v verdict) good() bool {
	for _, t := range v.trends {
		if !t.flat() && v.duration >= leastDuration {
			return false
		}
	}
	return len(v.wrong) == 0 && v.keys > 0
}

// String is the verdict as it stands in the document.
func (v verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%.3g minutes at %.0f requests a second, ", v.duration.Minutes(), v.rate)
	if v.bears > 0 {
		fmt.Fprintf(&b, "half of the %.0f that the stack bears ", v.bears)
	}
	fmt.Fprintf(&b, "on a machine of %d cores: %d requests with %d keys of %d sessions, %d functions made to crash after their effect. ",
		runtime.NumCPU(), v.requests, v.keys, v.visitors, v.crashed)
	if len(v.wrong) == 0 {
		b.WriteString("Every key was answered and had its effect once.\n\n")
	} else {
		fmt.Fprintf(&b, "%d times something was wrong, first: %v\n\n", len(v.wrong), v.wrong[0])
	}
	fmt.Fprintf(&b, "| after %.2g minutes to warm up | median | growth until the end | limit | flat |\n| --- | ---: | ---: | ---: | ---: |\n", v.warm.Minutes())
	for _, t := range v.trends {
		flat := "yes"
		switch {
		case v.duration < leastDuration:
			flat = "too short to say"
		case !t.flat():
			flat = "no"
		}
		grown := fmt.Sprintf("%+.1f %%", t.growth*100)
		if math.IsNaN(t.growth) {
			grown = "not measured"
		}
		fmt.Fprintf(&b, "| %s | %.1f %s | %s | %.0f %% | %s |\n", t.name, t.median, t.unit, grown, t.limit*100, flat)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

const (
	beginMark = "<!-- soak: begin -->"
	endMark   = "<!-- soak: end -->"
)

// writeTo puts the verdict between its marks in the document.
func (v verdict) writeTo(path string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(document, []byte(beginMark))
	_, rest, alsoFound := bytes.Cut(rest, []byte(endMark))
	if !found || !alsoFound {
		return fmt.Errorf("%s: the verdict goes between %s and %s, which are missing", path, beginMark, endMark)
	}
	return os.WriteFile(path, fmt.Appendf(nil, "%s%s\n\n%s\n\n%s%s", before, beginMark, v, endMark, rest), 0o644)
}
