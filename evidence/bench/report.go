package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/evidence/bench/measure"
)

// The figures stand between two marks in the document; the rest of it is written
// by hand, and stays.
const (
	beginMark = "<!-- measured: begin -->"
	endMark   = "<!-- measured: end -->"
)

// report writes the figures into the document and draws the chart.
func (b *bench) report(ctx context.Context) error {
	path := filepath.Join(b.root, "docs/performance.md")
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(document, []byte(beginMark))
	_, after, alsoFound := bytes.Cut(rest, []byte(endMark))
	if !found || !alsoFound {
		return fmt.Errorf("%s: the figures go between %s and %s, which are missing", path, beginMark, endMark)
	}
	text := fmt.Appendf(nil, "%s%s\n\n%s\n%s%s", before, beginMark, b.document(ctx), endMark, after)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.root, "docs/performance.svg"), b.chart(), 0o644); err != nil {
		return err
	}
	fmt.Println(b.targetsTable())
	b.progress("docs/performance.md and its chart are written")
	return nil
}

// print shows the figures of a run that is not kept.
func (b *bench) print() {
	fmt.Println(b.targetsTable())
	fmt.Println(b.requestTables())
	fmt.Println(b.loopsTable(isBatch))
	fmt.Println(b.loopsTable(inProcess))
	fmt.Println(b.loopsTable(onValkey))
	fmt.Println(b.loopsTable(onPostgres))
}

// requestTables are those of what goes to the database.
func (b *bench) requestTables() string {
	var d strings.Builder
	for _, s := range []struct {
		title                 string
		concurrency, response int
	}{
		{"1 at a time", 1, small}, {"16 at a time", 16, small},
		{"Responses of 4 KB, 1 at a time", 1, medium}, {"Responses of 100 KB, 1 at a time", 1, large},
	} {
		t := b.loopsTable(func(w what) bool {
			return w.concurrency == s.concurrency && w.response == s.response && onDynamoDB(w)
		})
		if t != "" {
			fmt.Fprintf(&d, "\n### %s\n\n%s", s.title, t)
		}
	}
	return d.String()
}

func (b *bench) document(ctx context.Context) string {
	var d strings.Builder
	fmt.Fprintf(&d, "%s\n\n## Targets\n\n%s\n", b.circumstances(ctx), b.targetsTable())
	d.WriteString("The spread is that of the rounds. ![Chart of the main figures](performance.svg)\n")
	fmt.Fprintf(&d, "\n## Requests to the database\n\nRequests are of 330 bytes, responses of 150 where nothing else is said. "+
		"Fractions of requests and units are what preparing a batch has asked for.\n%s", b.requestTables())
	fmt.Fprintf(&d, "\n## Batches of a queue\n\nOne batch of SQS has %d messages, which are handled at the same time. Figures are of a batch, "+
		"from the JSON that Lambda delivers to the JSON that it is told.\n\n%s", measure.BatchSize, b.loopsTable(isBatch))
	fmt.Fprintf(&d, "\n## Middleware, in the process\n\n%s", b.loopsTable(inProcess))
	if b.valkey != nil {
		fmt.Fprintf(&d, "\n## Middleware, with records in Valkey or Redis\n\n%s", b.loopsTable(onValkey))
	}
	if b.postgres != nil {
		fmt.Fprintf(&d, "\n## Middleware, with records in PostgreSQL\n\nThe server syncs nothing to the disk (`fsync=off`).\n\n%s", b.loopsTable(onPostgres))
	}
	fmt.Fprintf(&d, "\n## Growth\n\n%s", b.growthTable())
	fmt.Fprintf(&d, "\nA full cache of completed records, by its defaults, takes %.1f MB of heap.\n", b.results.cache/1e6)
	fmt.Fprintf(&d, "\n## Functions\n\n%s\n%s", b.startsTable(), b.sizesTable())
	fmt.Fprintf(&d, "\n## Size\n\n%s", b.linkedTable())
	s := b.results.stack
	fmt.Fprintf(&d, "\n## Through the whole local stack\n\n%d replays at %.0f requests a second (%.0f reached): p50 %.2f ms, p99 %.2f ms (%s).\n",
		s.answered, s.rate, float64(s.answered)/s.seconds, s.p50.median()/1e6, s.p99.median()/1e6, spread(s.p99, 1e6, "%.2f"))
	return d.String()
}

func inProcess(w what) bool {
	return w.subject == "middleware" || w.subject == "sealed" || w.subject == "fiber" || w.subject == "by-hand"
}

func onValkey(w what) bool { return w.subject == "valkey" || w.subject == "valkey-by-hand" }

func onPostgres(w what) bool { return w.subject == "postgres" || w.subject == "postgres-by-hand" }

func isBatch(w what) bool { return w.path == "batch" || w.path == "batch-100ms" }

func onDynamoDB(w what) bool { return !inProcess(w) && !onValkey(w) && !onPostgres(w) }

// target is one line of what is to be reached.
type target struct {
	line     string
	limit    float64
	measured ratio
	format   string // of limit and figures
}

// below is a limit that has to be undercut and not only met.
const below = 1 - 1e-9

func (b *bench) targets() []target {
	ofSize := func(subject, path string, concurrency, response int) *figures {
		if f := b.results.loops[what{subject, path, concurrency, response}]; f != nil {
			return f
		}
		return &figures{}
	}
	of := func(subject, path string, concurrency int) *figures { return ofSize(subject, path, concurrency, small) }
	start := func(name string) *starts {
		if s := b.results.starts[name]; s != nil {
			return s
		}
		return &starts{}
	}
	var all []target
	add := func(line string, limit float64, measured ratio, format string) {
		all = append(all, target{line, limit, measured, format})
	}
	for _, path := range []string{"first", "replay"} {
		name := map[string]string{"first": "leased first call", "replay": "replay"}[path]
		for _, n := range []int{1, 16} {
			add(fmt.Sprintf("%s : SDK, CPU, %d at a time", name, n), 1.10, over(of("ours", path, n).cpu, of("sdk", path, n).cpu), "%.2f")
			add(fmt.Sprintf("%s : SDK, latency, %d at a time", name, n), 1.10, over(of("ours", path, n).p50, of("sdk", path, n).p50), "%.2f")
		}
		add(name+" with a tuned client : default SDK, CPU", below, over(of("ours-tuned", path, 1).cpu, of("sdk", path, 1).cpu), "%.2f")
		add(name+" with a tuned client : default SDK, latency", below, over(of("ours-tuned", path, 1).p50, of("sdk", path, 1).p50), "%.2f")
	}
	add("first call : Powertools, CPU", 1.0/3, over(of("ours", "first", 1).cpu, of("powertools", "first", 1).cpu), "%.3f")
	add("replay : Powertools, CPU", 1/3.5, over(of("ours", "replay", 1).cpu, of("powertools", "replay", 1).cpu), "%.3f")
	add("first call with 100 KB : Powertools, CPU", 0.5, over(ofSize("ours", "first", 1, large).cpu, ofSize("powertools", "first", 1, large).cpu), "%.2f")
	add("first call with 100 KB : Powertools, latency", 0.6, over(ofSize("ours", "first", 1, large).p50, ofSize("powertools", "first", 1, large).p50), "%.2f")
	add("replay of 100 KB : Powertools, CPU", 0.5, over(ofSize("ours-tuned", "replay", 1, large).cpu, ofSize("powertools", "replay", 1, large).cpu), "%.2f")
	add("cold start with a first call : Powertools", 1.0/10, over(start("ours, first call").toAnswer, start("powertools, first call").toAnswer), "%.3f")
	add(fmt.Sprintf("resident memory after %d calls : Powertools", callsBeforeMemory), 1.0/5, over(start("ours, first call").memory, start("powertools, first call").memory), "%.3f")
	add("atomic first call, round trips", 1, absolute(rounded(of("ours", "atomic", 1).requests), 1), "%.2f")
	add("atomic first call : leased first call and the write, latency", 0.6, over(of("ours", "atomic", 1).p50, of("ours", "first+write", 1).p50), "%.2f")
	batch := func(subject, path string) *figures { return ofSize(subject, path, 1, 0) }
	add("batch of ten messages of 100 ms : Powertools, latency", 1, over(batch("ours", "batch-100ms").p50, batch("powertools", "batch-100ms").p50), "%.3f")
	add("ten thousand messages of 0 ms in batches of ten : Powertools, CPU", 0.3, over(batch("ours", "batch").cpu, batch("powertools", "batch").cpu), "%.3f")
	steps, nested := of("ours", "three-steps", 1), of("ours", "three-nested", 1)
	add("three steps : three nested executions, requests", 5.0/8, over(rounded(steps.requests), rounded(nested.requests)), "%.3f")
	add("three steps : three nested executions, latency", 0.55, over(steps.p50, nested.p50), "%.2f")
	add("replay from the cache, 1 KB of JSON, µs", 5, absolute(of("ours", "cached-1k", 1).p50, 1e3), "%.2f")
	add("replay from the cache, 1 KB of JSON, allocations", 15, absolute(of("ours", "cached-1k", 1).allocations, 1), "%.1f")
	add("middleware replay : the same work by hand", 1.3, over(of("middleware", "replay", 1).p50, of("by-hand", "replay", 1).p50), "%.2f")
	add("Valkey first call : by hand, latency, 1 at a time", 1, over(of("valkey", "first", 1).p50, of("valkey-by-hand", "first", 1).p50), "%.2f")
	add("Valkey first call : by hand, latency, 16 at a time", 1, over(of("valkey", "first", 16).p50, of("valkey-by-hand", "first", 16).p50), "%.2f")
	add("Valkey replay : by hand, latency, 1 at a time", 1, over(of("valkey", "replay", 1).p50, of("valkey-by-hand", "replay", 1).p50), "%.2f")
	for _, path := range []string{"first", "replay"} {
		name := map[string]string{"first": "first call", "replay": "replay"}[path]
		for _, n := range []int{1, 16} {
			add(fmt.Sprintf("PostgreSQL %s : by hand, latency, %d at a time", name, n), 1.10, over(of("postgres", path, n).p50, of("postgres-by-hand", path, n).p50), "%.2f")
		}
	}
	add("first call in memory : by hand, latency, 16 at a time", 1, over(of("middleware", "first", 16).p50, of("by-hand", "first", 16).p50), "%.2f")
	add("cold start : empty function", 1.3, over(start("ours").toAnswer, start("empty").toAnswer), "%.2f")
	for _, name := range slices.Sorted(maps.Keys(b.results.sizes)) {
		if name != "powertools" {
			add("package "+name+", zipped, MB", 6, absolute(series{float64(b.results.sizes[name])}, 1e6), "%.2f")
		}
	}
	add(fmt.Sprintf("replay through the local stack at %d a second, p99, ms", stackRate), 10, absolute(b.results.stack.p99, 1e6), "%.2f")
	return slices.DeleteFunc(all, func(t target) bool { return math.IsNaN(t.measured.value) }) // not measured in this run
}

// rounded leaves out what preparing a batch has asked of the database.
func rounded(s series) series {
	result := make(series, len(s))
	for i, v := range s {
		result[i] = math.Round(v*10) / 10
	}
	return result
}

func absolute(s series, unit float64) ratio {
	if len(s) == 0 {
		return ratio{value: math.NaN()}
	}
	return ratio{s.median() / unit, slices.Min(s) / unit, slices.Max(s) / unit}
}

func (b *bench) targetsTable() string {
	t := table{{"what", "target", "measured", "spread", "reached"}}
	for _, g := range b.targets() {
		bound := "≤ " + fmt.Sprintf(g.format, g.limit)
		if g.limit == below {
			bound = "< 1"
		}
		reached := "yes"
		if g.measured.value > g.limit {
			reached = fmt.Sprintf("no, by %.0f %%", (g.measured.value/g.limit-1)*100)
		}
		t = append(t, []string{g.line, bound, fmt.Sprintf(g.format, g.measured.value),
			fmt.Sprintf(g.format+"–"+g.format, g.measured.low, g.measured.high), reached})
	}
	return t.String()
}

// names are how the document calls subjects and paths.
var names = map[string]string{
	"ours": "ours", "ours-tuned": "ours, tuned client", "sdk": "bare SDK", "sdk-tuned": "bare SDK, tuned", "http": "net/http and SigV4",
	"powertools": "Powertools (TypeScript)", "middleware": "ours", "sealed": "ours, sealed", "fiber": "Fiber", "by-hand": "by hand",
	"valkey": "ours", "valkey-by-hand": "by hand", "postgres": "ours", "postgres-by-hand": "by hand",
	"first": "first call, leased", "atomic": "first call and a write, atomic", "first+write": "first call and a write, leased",
	"three-steps": "first call, three effects in steps", "three-nested": "first call, three effects nested",
	"replay": "replay", "read-first": "replay, read first", "cached": "replay from the cache", "cached-1k": "replay from the cache, 1 KB",
	"batch": "ten messages, nothing to do", "batch-100ms": "ten messages of 100 ms",
	"conflict": "conflict", "bare": "without middleware", "idle": "without middleware, nothing done",
}

var order = []string{"idle", "bare", "first", "first+write", "three-steps", "three-nested", "atomic", "replay", "read-first", "cached", "cached-1k", "conflict", "batch", "batch-100ms"}

func (b *bench) loopsTable(include func(what) bool) string {
	t := table{{"what", "who", "p50 µs", "p99 µs", "a second", "CPU µs", "allocations", "bytes", "requests", "write units", "read units"}}
	all := slices.SortedFunc(maps.Keys(b.results.loops), func(x, y what) int {
		return cmp.Or(cmp.Compare(slices.Index(order, x.path), slices.Index(order, y.path)), cmp.Compare(x.subject, y.subject),
			cmp.Compare(x.concurrency, y.concurrency), cmp.Compare(x.response, y.response))
	})
	for _, w := range all {
		if !include(w) {
			continue
		}
		f := b.results.loops[w]
		path := names[w.path]
		if !onDynamoDB(w) && w.path == "first" {
			path = "first call"
		}
		if !onDynamoDB(w) && w.concurrency > 1 {
			path += fmt.Sprintf(", %d at a time", w.concurrency)
		}
		row := []string{path, names[w.subject],
			number(f.p50.median() / 1e3), number(f.p99.median() / 1e3), number(f.throughput.median()), number(f.cpu.median() / 1e3)}
		if w.subject == "powertools" {
			row = append(row, "", "") // Node does not tell
		} else {
			row = append(row, number(f.allocations.median()), number(f.bytes.median()))
		}
		t = append(t, append(row,
			number(rounded(f.requests).median()), number(rounded(f.write).median()), number(rounded(f.read).median())))
	}
	return t.String()
}

func (b *bench) growthTable() string {
	t := table{{"records in the table", "replay p50 µs", "spread", "p99 µs"}}
	for _, g := range b.results.growth {
		t = append(t, []string{fmt.Sprint(g.records), number(g.figures.p50.median() / 1e3), spread(g.figures.p50, 1e3, "%.0f"), number(g.figures.p99.median() / 1e3)})
	}
	return t.String()
}

func (b *bench) startsTable() string {
	t := table{{"from process start to first answer", "ms", "spread", "resident after it, MB", fmt.Sprintf("after %d calls, MB", callsBeforeMemory)}}
	for _, name := range slices.Sorted(maps.Keys(b.results.starts)) {
		s := b.results.starts[name]
		t = append(t, []string{name, number(s.toAnswer.median() / 1e6), spread(s.toAnswer, 1e6, "%.1f"), number(s.atFirst.median() / 1e6), number(s.memory.median() / 1e6)})
	}
	return t.String()
}

func (b *bench) sizesTable() string {
	t := table{{"function, arm64", "zipped, MB"}}
	for _, name := range slices.Sorted(maps.Keys(b.results.sizes)) {
		t = append(t, []string{cmp.Or(map[string]string{"powertools": "Powertools, bundled"}[name], name), fmt.Sprintf("%.2f", float64(b.results.sizes[name])/1e6)})
	}
	return t.String()
}

func spread(s series, unit float64, format string) string {
	r := absolute(s, unit)
	return fmt.Sprintf(format+"–"+format, r.low, r.high)
}

// number writes three significant digits.
func number(f float64) string {
	switch {
	case math.IsNaN(f):
		return ""
	case f == math.Trunc(f) || math.Abs(f) >= 100:
		return fmt.Sprintf("%.0f", f)
	case math.Abs(f) >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

// table is a Markdown table, its first row the head. Without another row it is
// nothing.
type table [][]string

func (t table) String() string {
	if len(t) < 2 {
		return ""
	}
	var b strings.Builder
	for i, row := range t {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i > 0 {
			continue
		}
		for column, head := range row {
			if column == 0 || head == "who" || head == "version" {
				b.WriteString("| --- ")
			} else {
				b.WriteString("| ---: ")
			}
		}
		b.WriteString("|\n")
	}
	return b.String()
}
