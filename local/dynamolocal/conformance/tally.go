package conformance

import (
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
)

// Tally counts the cases of each subject, and those that a target passes. It is safe for concurrent use.
type Tally struct {
	mu       sync.Mutex
	subjects map[string]score
}

type score struct{ passed, cases int }

func (t *Tally) count(subject string, passed bool) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.subjects == nil {
		t.subjects = make(map[string]score)
	}
	s := t.subjects[subject]
	s.cases++
	if passed {
		s.passed++
	}
	t.subjects[subject] = s
}

func (t *Tally) of(subject string) score {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.subjects[subject]
}

// Compare writes a table of how many cases of each subject two targets pass.
func Compare(w io.Writer, name string, tally *Tally, otherName string, other *Tally) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(subject string, cases, one, two any) {
		fmt.Fprintf(table, "%s\t%v\t%v\t%v\t\n", subject, cases, one, two)
	}
	row("", "cases", name, otherName)
	var total, passed, otherPassed int
	for _, s := range subjects() {
		ours, theirs := tally.of(s.name), other.of(s.name)
		if ours.cases == 0 && theirs.cases == 0 {
			continue // left out by -run
		}
		row(s.name, max(ours.cases, theirs.cases), ours.passed, theirs.passed)
		total += max(ours.cases, theirs.cases)
		passed += ours.passed
		otherPassed += theirs.passed
	}
	row("all", total, passed, otherPassed)
	return table.Flush()
}
