package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/bench/measure"
)

// Batches have a table of their own, and targets only where both sides were measured.
func TestBatchesAreReported(t *testing.T) {
	t.Parallel()
	b := &bench{rounds: 7, messages: 10_010, only: regexp.MustCompile(""), results: results{loops: make(map[what]*figures)}}
	measured := func(subject, path string, p50, cpu int64) {
		f := &figures{}
		n := max(b.batches(path), 1)
		f.add(measure.Result{Operations: n, Calls: n, Wall: 1e9, P50: p50, P99: p50, CPU: cpu * int64(n)})
		b.results.loops[what{subject, path, 1, 0}] = f
	}
	if n := b.batches("batch") * measure.BatchSize * b.rounds; n != b.messages {
		t.Errorf("%d messages in all rounds, want %d", n, b.messages)
	}
	measured("ours", "batch", 6e6, 4e6)
	measured("ours", "batch-100ms", 105e6, 6e6)
	if table := b.targetsTable(); table != "" {
		t.Errorf("targets without what they are compared with:\n%s", table)
	}
	measured("powertools", "batch", 20e6, 20e6)
	measured("powertools", "batch-100ms", 100e6, 20e6)
	targets := b.targetsTable()
	for _, want := range []string{
		"| batch of ten messages of 100 ms : Powertools, latency | ≤ 1.000 | 1.050 | 1.050–1.050 | no, by 5 % |",
		"| ten thousand messages of 0 ms in batches of ten : Powertools, CPU | ≤ 0.300 | 0.200 | 0.200–0.200 | yes |",
	} {
		if !strings.Contains(targets, want) {
			t.Errorf("the targets have no line\n%s\nbut are\n%s", want, targets)
		}
	}
	if rows := strings.Count(b.loopsTable(isBatch), "\n| ten messages"); rows != 4 {
		t.Errorf("%d rows of batches, want 4:\n%s", rows, b.loopsTable(isBatch))
	}
	if text := b.requestTables(); text != "" {
		t.Errorf("batches are among the single requests:\n%s", text)
	}
}
