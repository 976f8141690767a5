package main

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func series(n int, value func(i int) float64) (samples []sample) {
	for i := range n {
		samples = append(samples, sample{time.Duration(i) * 30 * time.Second, value(i)})
	}
	return samples
}

func TestGrowth(t *testing.T) {
	t.Parallel()
	noise := func(i int) float64 { return float64(i*7919%13) - 6 }
	for name, test := range map[string]struct {
		samples []sample
		want    float64
	}{
		"flat":                    {series(100, func(int) float64 { return 50 }), 0},
		"noise":                   {series(100, func(i int) float64 { return 1000 + noise(i) }), 0},
		"a peak":                  {series(100, func(i int) float64 { return 50 + 1e6*float64(i/99) }), 0},
		"from 100 to 300":         {series(101, func(i int) float64 { return 100 + 2*float64(i) }), 1},
		"the same, with noise":    {series(101, func(i int) float64 { return 100 + 2*float64(i) + noise(i) }), 1},
		"from 300 to 100":         {series(101, func(i int) float64 { return 300 - 2*float64(i) }), -1},
		"all of it at the outset": {series(100, func(i int) float64 { return min(float64(i), 10) }), 0},
	} {
		if got := growth(test.samples); math.Abs(got-test.want) > 0.05 {
			t.Errorf("%s: got %.3f, want %.3f", name, got, test.want)
		}
	}
	if got := growth(series(1, func(int) float64 { return 1 })); !math.IsNaN(got) {
		t.Errorf("one sample grows by %v", got)
	}
}

// run is one of an hour at a constant latency and memory, changed by change.
func run(change func(*soak)) verdict {
	s := &soak{duration: time.Hour, rate: 100}
	s.keys, s.visitors = 16, 2
	flat := func(value float64) []sample { return series(120, func(int) float64 { return value }) }
	s.stackMemory, s.functions = flat(100e6), flat(200e6)
	s.first.p50, s.first.p99, s.replay.p50, s.replay.p99 = flat(4), flat(9), flat(1), flat(2)
	change(s)
	return s.verdict()
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	rising := func(by float64) []sample {
		return series(120, func(i int) float64 { return 100 * (1 + by*float64(i)/120) })
	}
	for name, test := range map[string]struct {
		change func(*soak)
		good   bool
		want   string
	}{
		"flat":                      {func(*soak) {}, true, "| first call, p50 | 4.0 ms | +0.0 % | 25 % | yes |"},
		"falling latency":           {func(s *soak) { s.first.p50 = rising(-0.9) }, true, "Every key was answered and had its effect once."},
		"a leak":                    {func(s *soak) { s.stackMemory = rising(0.5) }, false, "database | 0.0 MB | +2"},
		"a leak of a function":      {func(s *soak) { s.functions = rising(0.5) }, false, "| no |"},
		"growth before it was warm": {func(s *soak) { s.functions = series(120, func(i int) float64 { return min(float64(i), 35) }) }, true, ""},
		"rising latency":            {func(s *soak) { s.replay.p50 = rising(1) }, false, "| no |"},
		"a rising tail":             {func(s *soak) { s.first.p99 = rising(2) }, false, "| no |"},
		"nothing measured":          {func(s *soak) { s.first.p99 = nil }, false, "| no |"},
		"something wrong":           {func(s *soak) { s.wrong = []error{errors.New("two effects")} }, false, "1 times something was wrong, first: two effects"},
		"nothing asked":             {func(s *soak) { s.keys = 0 }, false, ""},
		"too short":                 {func(s *soak) { s.duration, s.functions = time.Minute, rising(2) }, true, "too short to say"},
	} {
		v := run(test.change)
		if text := v.String(); v.good() != test.good || !strings.Contains(text, test.want) {
			t.Errorf("%s: good: %v\n%s", name, v.good(), text)
		}
	}
}

func TestVerdictIsWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(path, []byte("before\n"+beginMark+"\nold\n"+endMark+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v := run(func(*soak) {})
	for range 2 {
		if err := v.writeTo(path); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "before\n" + beginMark + "\n\n" + v.String() + "\n\n" + endMark + "\nafter\n"; string(text) != want {
		t.Errorf("got %q, want %q", text, want)
	}
	if err := os.WriteFile(path, []byte("no marks"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v.writeTo(path) == nil {
		t.Error("written where there are no marks")
	}
}

func TestResidentMemory(t *testing.T) {
	t.Parallel()
	m, err := residentOf("    1     0  100\n   42     1 2000\n 43 42 300\n 44 42 400\n 45 43 999\n", 42)
	if want := (memory{stack: 2000 * 1024, functions: 700 * 1024, processes: 2}); err != nil || m != want {
		t.Errorf("got %+v, %v, want %+v", m, err, want)
	}
	if _, err := residentOf("1 0 100\n", 42); err == nil {
		t.Error("a process that has ended has memory")
	}
	if _, err := residentOf("a b c\n", 42); err == nil {
		t.Error("text is a number")
	}
}
