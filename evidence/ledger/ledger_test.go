package ledger_test

import (
	"strings"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// entry is a call of key k that executes under a lease, from its first second to
// its second one, unless it says otherwise.
type entry struct {
	key, payload   string
	answer         ledger.Answer
	settlement     ledger.Settlement
	data           string
	start          time.Duration
	idle, lapses   bool
	crashes        bool
	effect         string
	effectFollows  time.Duration
	windowEndsSoon bool
}

func book(entries ...entry) *ledger.Book {
	var b ledger.Book
	for _, e := range entries {
		if e.key == "" {
			e.key = "k"
		}
		if e.payload == "" {
			e.payload = "p"
		}
		c := b.Open(ledger.Call{Key: e.key, Payload: e.payload, Began: e.start, Expires: 24 * time.Hour})
		c.Answer, c.Data, c.Settlement, c.Ended = e.answer, e.data, e.settlement, e.start+3*time.Second
		if e.windowEndsSoon {
			c.Expires = e.start + 4*time.Second
		}
		if e.crashes {
			c.Crashed, c.Ended = e.start+2*time.Second, ledger.Never
		}
		if !e.idle {
			run := &ledger.Execution{Started: e.start + time.Second, Finished: e.start + 2*time.Second, LeaseOver: ledger.Never}
			if e.lapses {
				run.LeaseOver = e.start + 1500*time.Millisecond
			}
			c.Executions = append(c.Executions, run)
		}
		if e.effect != "" {
			b.Happen(ledger.Effect{ID: e.effect, Key: e.key, Call: c.ID, At: e.start + time.Second + e.effectFollows})
		}
	}
	return &b
}

func TestCheck(t *testing.T) {
	t.Parallel()
	executed := func(effect string, start time.Duration) entry {
		return entry{
			answer: ledger.Executed, settlement: ledger.Recorded, data: ledger.Result(effect, "k", "p"),
			effect: effect, start: start,
		}
	}
	first := executed("e1", 0)
	replayed := entry{answer: ledger.Replayed, data: first.data, idle: true, start: 5 * time.Second}
	second := executed("e2", 10*time.Second)
	with := func(e entry, change func(*entry)) entry { change(&e); return e }
	crashed := with(first, func(e *entry) { e.crashes, e.answer, e.settlement, e.data = true, ledger.Unknown, "", "" })
	lapsed := with(first, func(e *entry) {
		e.lapses, e.settlement, e.effectFollows = true, ledger.LeaseLost, 600*time.Millisecond
	})

	held := ledger.Promise{SkewHeld: true}
	refuse := ledger.Promise{SkewHeld: true, Recovery: idempotency.Refuse}
	reconcile := ledger.Promise{SkewHeld: true, Recovery: idempotency.Reconcile}
	for _, c := range []struct {
		name    string
		promise ledger.Promise
		book    *ledger.Book
		want    string // what is broken, "" for nothing
	}{
		{"one effect and its replay", held, book(first, replayed), ""},
		{"two effects", held, book(first, second), "G3/G4"},
		{"two effects, with clocks that are skewed too far", ledger.Promise{}, book(first, second), ""},
		{"two effects, in two windows", held, book(with(first, func(e *entry) { e.windowEndsSoon = true }), second), ""},
		{"another after a crash", held, book(crashed, second), ""},
		{"another after a crash, where that is refused", refuse, book(crashed, second), "G3/G4"},
		{"another after a crash, where that is reconciled", reconcile, book(crashed, second), "G3/G4"},
		{"another beside one that came after its lease, where that is reconciled", reconcile, book(lapsed, second), ""},
		{"another beside one that came after its lease, in atomic mode", ledger.Promise{Mode: idempotency.Atomic}, book(lapsed, second), "G3/G4"},
		{"another after a crash, where effects are deduplicated", ledger.Promise{SkewHeld: true, Deduplicated: true}, book(crashed, second), "G3/G4"},
		{"an effect that was lost", held, book(with(first, func(e *entry) { e.effect = "" })), "G3: call 0"},
		{"a damaged replay", held, book(first, with(replayed, func(e *entry) { e.data = "effect" })), "G1"},
		{"a replay in other words", held, book(first, with(replayed, func(e *entry) { e.data += "x" })), "G1: call 1"},
		{"another key's result", held, book(with(first, func(e *entry) { e.key = "other" })), "G6"},
		{"another payload's result", held, book(first, with(replayed, func(e *entry) { e.payload = "q" })), "G6"},
		{"two leases at once", held, book(crashed, with(second, func(e *entry) { e.start = time.Second / 2 })), "G2"},
		{"a lease after one that was over", held, book(lapsed, with(second, func(e *entry) { e.start = time.Second / 2 })), ""},
		{"an execution without a store", held, book(with(first, func(e *entry) { e.answer = ledger.Unavailable })), "G5"},
		{"an execution that was refused", held, book(with(first, func(e *entry) { e.answer = ledger.Mismatch })), "was told"},
		{"a success that has no effect", held, book(entry{answer: ledger.Executed, settlement: ledger.Recorded, data: ledger.Result(ledger.NoEffect, "k", "p")}), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var broken []string
			for _, err := range c.book.Check(c.promise) {
				broken = append(broken, err.Error())
			}
			if got := strings.Join(broken, "\n"); c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("broken: %q, want %q", got, c.want)
			}
		})
	}
}

func TestCheckOfSteps(t *testing.T) {
	t.Parallel()
	held, skewed := ledger.Promise{SkewHeld: true}, ledger.Promise{}
	first := entry{answer: ledger.Failed, settlement: ledger.Interrupted}
	lapsed := entry{answer: ledger.Failed, settlement: ledger.LeaseLost, lapses: true}
	second := entry{answer: ledger.Failed, settlement: ledger.Interrupted, start: 10 * time.Second}
	overlapping := entry{answer: ledger.Failed, settlement: ledger.Interrupted, start: 600 * time.Millisecond}
	ran := func(call int, at time.Duration) ledger.Step {
		return ledger.Step{Key: "k", Name: "charge", Call: call, At: at}
	}
	recorded := func(call int, at, until time.Duration) ledger.Step {
		return ledger.Step{Key: "k", Name: "charge", Call: call, At: at, Recorded: true, Until: until}
	}
	for _, c := range []struct {
		name    string
		promise ledger.Promise
		entries []entry
		steps   []ledger.Step
		broken  bool
	}{
		{"run and recorded", held, []entry{first}, []ledger.Step{ran(0, 1100*time.Millisecond), recorded(0, 1200*time.Millisecond, 24*time.Hour)}, false},
		{"run again before it was recorded", held, []entry{first, second}, []ledger.Step{ran(0, 1100*time.Millisecond), ran(1, 12*time.Second)}, false},
		{"run again", held, []entry{first, second}, []ledger.Step{recorded(0, 1200*time.Millisecond, 24*time.Hour), ran(1, 12*time.Second)}, true},
		{"run again in another window", held, []entry{first, second}, []ledger.Step{recorded(0, 1200*time.Millisecond, 11*time.Second), ran(1, 12*time.Second)}, false},
		{"run by a zombie", held, []entry{lapsed, overlapping}, []ledger.Step{recorded(1, 1650*time.Millisecond, 24*time.Hour), ran(0, 1700*time.Millisecond)}, false},
		{"run by a zombie under its lease", held, []entry{first, overlapping}, []ledger.Step{recorded(1, 1650*time.Millisecond, 24*time.Hour), ran(0, 1700*time.Millisecond)}, true},
		{"run by a zombie, with clocks that are skewed too far", skewed, []entry{first, overlapping}, []ledger.Step{recorded(1, 1650*time.Millisecond, 24*time.Hour), ran(0, 1700*time.Millisecond)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := book(c.entries...)
			for _, s := range c.steps {
				b.Step(s)
			}
			broken := false
			for _, err := range b.Check(c.promise) {
				broken = broken || strings.HasPrefix(err.Error(), "G8")
			}
			if broken != c.broken {
				t.Errorf("broken: %v, want %v", broken, c.broken)
			}
		})
	}
}
