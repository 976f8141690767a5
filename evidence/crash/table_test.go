package crash_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
)

// words are how the tables name answers for which there is a status.
var words = map[ledger.Answer]string{ledger.InProgress: "409", ledger.Unavailable: "503", ledger.NotKept: "410", ledger.Mismatch: "422"}

func (w *world) word(c *ledger.Call) string {
	return cmp.Or(words[c.Answer], w.verdict(c))
}

// String is what a table says of a run.
func (m measurement) String() string {
	var b strings.Builder
	if m.first == "" || m.late {
		b.WriteString("–")
	} else {
		b.WriteString(m.first)
	}
	for _, v := range slices.Compact(slices.Clone(m.retries)) {
		b.WriteString(" → " + v)
	}
	if m.late {
		fmt.Fprintf(&b, " (late: %s)", m.first)
	}
	counts := make([]string, len(m.effects))
	for i, n := range m.effects {
		counts[i] = fmt.Sprint(n)
		if n > 1 {
			counts[i] = "**" + counts[i] + "**"
		}
	}
	b.WriteString(" · " + strings.Join(counts, "+"))
	return b.String()
}

// place is where and how a path is interrupted; nowhere if step is "".
type place struct {
	step, how string
}

// placeOf names where a cell is. Whether the SDK repeats a failed request makes a
// difference to the guard.
func placeOf(b *bench, c cell) place {
	if len(c.injections) == 0 {
		return place{}
	}
	i := c.injections[0]
	p := place{i.at.String(), i.fault.String()}
	if slices.Contains(errs, i.fault) && b.store == inDynamo {
		p.how += " (repeated by the SDK)"
	}
	return p
}

// row is a line of a table: places at which the same came out under each policy.
type row struct {
	places   []place
	outcomes []string
}

// rows are those of one path, for single faults of the given kinds, in the order
// of its steps. It fails the test where two stores differ.
func (m *matrix) rows(t *testing.T, path string, policies []policy, kinds []fault) (rows []row) {
	t.Helper()
	order := m.stepOrder(path, policies)
	outcomes := make(map[place][]string)
	var places []place
	for i, policy := range policies {
		for _, b := range m.benches(policy, path) {
			for _, c := range m.cells[b] {
				if len(c.injections) > 1 || len(c.injections) == 1 && !slices.Contains(kinds, c.injections[0].fault) {
					continue
				}
				p := placeOf(b, c)
				if outcomes[p] == nil {
					outcomes[p] = make([]string, len(policies))
					places = append(places, p)
				}
				if outcome := c.String(); outcomes[p][i] == "" {
					outcomes[p][i] = outcome
				} else if outcomes[p][i] != outcome {
					t.Errorf("%s, %s, %v: %q on %s, %q on another store", policy.name, path, p, outcome, b.store, outcomes[p][i])
				}
			}
		}
	}
	slices.SortStableFunc(places, func(a, b place) int {
		return cmp.Compare(slices.Index(order, a.step), slices.Index(order, b.step))
	})
	for _, p := range places {
		i := slices.IndexFunc(rows, func(r row) bool { return slices.Equal(r.outcomes, outcomes[p]) })
		if i < 0 {
			rows = append(rows, row{outcomes: outcomes[p]})
			i = len(rows) - 1
		}
		rows[i].places = append(rows[i].places, p)
	}
	return rows
}

// stepOrder merges the steps that a path takes under each policy into one order.
func (m *matrix) stepOrder(path string, policies []policy) (order []string) {
	for _, policy := range policies {
		for _, b := range m.benches(policy, path) {
			at := 0
			for _, pt := range m.cells[b][0].points {
				if i := slices.Index(order, pt.String()); i >= 0 {
					at = i + 1
					continue
				}
				order = slices.Insert(order, at, pt.String())
				at++
			}
		}
	}
	return order
}

// benches returns those of a path under a policy.
func (m *matrix) benches(p policy, path string) (found []*bench) {
	for _, store := range storeKinds {
		for b := range m.cells {
			if b.policy == p && b.path.name == path && b.store == store {
				found = append(found, b)
			}
		}
	}
	return found
}

// kinds of interruptions have tables of their own.
type kind struct {
	faults []fault
	header string
	where  func(row) string
}

var (
	killed    = kind{kills, "killed", row.moments}
	disturbed = kind{slices.Concat(freezes, stalls, losses), "what happens at which step", row.faults}
)

// moments says when a process is killed.
func (r row) moments() string {
	var moments []string
	for _, p := range r.places {
		_, when, _ := strings.Cut(p.how, " ")
		if p.step == "" {
			moments = append(moments, "*never*")
		} else {
			moments = append(moments, fmt.Sprintf("%s `%s`", when, p.step))
		}
	}
	return strings.Join(moments, ", ")
}

// faults says what happens, step by step.
func (r row) faults() string {
	var steps []string
	faults := make(map[string][]string)
	for _, p := range r.places {
		if p.step == "" {
			continue
		}
		if faults[p.step] == nil {
			steps = append(steps, p.step)
		}
		all := faults[p.step]
		if before, found := strings.CutSuffix(p.how, " after"); found && slices.Contains(all, before+" before") {
			all[slices.Index(all, before+" before")] = before + " before or after"
			continue
		}
		faults[p.step] = append(all, p.how)
	}
	var parts []string
	for _, s := range steps {
		parts = append(parts, fmt.Sprintf("`%s`: %s", s, strings.Join(faults[s], ", ")))
	}
	return strings.Join(parts, "; ")
}

// table writes the table of one kind of interruptions in one mode. Paths of which
// everything is the same share their lines.
func (m *matrix) table(t *testing.T, b *strings.Builder, paths []path, policies []policy, k kind) {
	t.Helper()
	fmt.Fprintf(b, "| path | %s |", k.header)
	for _, p := range policies {
		fmt.Fprintf(b, " %s |", p.name)
	}
	fmt.Fprintf(b, "\n| --- | --- |%s\n", strings.Repeat(" --- |", len(policies)))

	var names, lines []string
	for _, path := range paths {
		var text strings.Builder
		for _, r := range m.rows(t, path.name, policies, k.faults) {
			if where := k.where(r); where != "" {
				fmt.Fprintf(&text, "| %s | %s |\n", where, strings.Join(r.outcomes, " | "))
			}
		}
		if i := slices.Index(lines, text.String()); i >= 0 {
			names[i] += "; " + path.name
			continue
		}
		names, lines = append(names, path.name), append(lines, text.String())
	}
	for i, text := range lines {
		name := names[i]
		for line := range strings.Lines(text) {
			fmt.Fprintf(b, "| %s %s", name, line)
			name = ""
		}
	}
}

// summary counts, guarantee by guarantee, in how many cells it held.
func (m *matrix) summary(b *strings.Builder) {
	policies := append(slices.Clone(leased), atomicity, atomicPostgres)
	fmt.Fprint(b, "| |")
	for _, p := range policies {
		fmt.Fprintf(b, " %s |", p.name)
	}
	fmt.Fprintf(b, "\n| --- |%s\n", strings.Repeat(" --- |", len(policies)))
	line := func(name string, text func(policy) string) {
		fmt.Fprintf(b, "| %s |", name)
		for _, p := range policies {
			fmt.Fprintf(b, " %s |", text(p))
		}
		fmt.Fprintln(b)
	}
	line("cells", func(p policy) string { return fmt.Sprint(m.count(p, everywhere)) })
	for _, store := range storeKinds {
		line("– on "+string(store), func(p policy) string {
			return fmt.Sprint(m.count(p, func(b *bench, _ cell) bool { return b.store == store }))
		})
	}
	for _, n := range []string{"no effect", "one effect", "two effects", "three effects"} {
		effects := slices.Index([]string{"no effect", "one effect", "two effects", "three effects"}, n)
		line(n, func(p policy) string {
			return fmt.Sprint(m.count(p, func(_ *bench, c cell) bool { return slices.Max(c.effects) == effects }))
		})
	}
	for _, g := range ledger.Guarantees() {
		line(string(g), func(p policy) string {
			all := m.count(p, everywhere)
			held := m.count(p, func(_ *bench, c cell) bool {
				return !slices.ContainsFunc(c.violations, func(v ledger.Violation) bool { return v.Guarantee == g })
			})
			switch {
			case g == ledger.G2 && !p.promise().Includes(g):
				return "–"
			case held == all:
				return "held in all"
			}
			return fmt.Sprintf("held in %d", held)
		})
	}
}

func everywhere(*bench, cell) bool { return true }

func (m *matrix) count(p policy, which func(*bench, cell) bool) (n int) {
	for b, cells := range m.cells {
		if b.policy != p {
			continue
		}
		for _, c := range cells {
			if which(b, c) {
				n++
			}
		}
	}
	return n
}
