package ledger

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Guarantee is a promise of the protocol.
type Guarantee string

// The guarantees.
const (
	G1 Guarantee = "G1" // one response is recorded, replays are identical to it
	G2 Guarantee = "G2" // one owner at a time holds a running lease
	G3 Guarantee = "G3" // acknowledged effects stay, none happens twice without an interruption between effect and record
	G4 Guarantee = "G4" // effects happen exactly once
	G5 Guarantee = "G5" // store unavailable: nothing executes
	G6 Guarantee = "G6" // scopes and payloads do not see each other
	G7 Guarantee = "G7" // a record past its window is not replayed
	G8 Guarantee = "G8" // a recorded step does not run again

	// Final is not numbered: whoever keeps asking is told something in the end.
	Final Guarantee = "a final answer"
)

// predicates are those that find what breaks a guarantee.
var predicates = []struct {
	guarantee Guarantee
	find      func(*account) []string
}{
	{G1, (*account).oneResponse},
	{G2, (*account).oneOwner},
	{G3, (*account).noEffectLostOrRepeated},
	{G4, (*account).exactlyOnce},
	{G5, (*account).closedWithoutStore},
	{G6, (*account).scopesApart},
	{G7, (*account).windowsEnd},
	{G8, (*account).stepsKept},
	{Final, (*account).everybodyAnswered},
}

// Guarantees returns all, in their order.
func Guarantees() (all []Guarantee) {
	for _, p := range predicates {
		all = append(all, p.guarantee)
	}
	return all
}

// Promise is what a configuration promises, as far as it depends on it.
type Promise struct {
	Mode     idempotency.Mode
	Recovery idempotency.Recovery
	// SkewHeld reports whether clocks differed by no more than the allowance, and the
	// moments in the book are exact enough to compare leases by.
	SkewHeld bool
	// Spread is how far clocks differed, and so how unsharp the end of a window or of
	// a lease is.
	Spread time.Duration
	// Deduplicated reports whether the outside world itself has an effect only once
	// for each derived key.
	Deduplicated bool
}

// Includes reports whether a guarantee is promised. Reexecute leaves it to G3 to say
// when an effect may happen twice.
func (p Promise) Includes(g Guarantee) bool {
	switch g {
	case G2, G8:
		return p.Mode == idempotency.Leased
	case G4:
		return p.Mode == idempotency.Atomic || p.Recovery != idempotency.Reexecute || p.Deduplicated
	}
	return true
}

// Violation is a guarantee that did not hold.
type Violation struct {
	Guarantee Guarantee
	What      string
}

func (v Violation) String() string { return fmt.Sprintf("%s: %s", v.Guarantee, v.What) }

// Judge returns every violation, promised or not. It sees what takes no order of
// concurrent steps to see; for that there is package linearizability. A book that
// is not watched says nothing of the records between.
func (b *Book) Judge(p Promise) (violations []Violation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := account{Promise: p, Book: b, executions: make(map[string]*Execution), owners: make(map[string]*Call), byKey: make(map[string][]*Call)}
	for _, c := range b.calls {
		for _, e := range c.Executions {
			a.executions[e.Token], a.owners[e.Token] = e, c
		}
		a.byKey[c.Key] = append(a.byKey[c.Key], c)
	}
	for _, predicate := range predicates {
		for _, what := range predicate.find(&a) {
			violations = append(violations, Violation{predicate.guarantee, what})
		}
	}
	return violations
}

// Check returns the promises that were broken.
func (b *Book) Check(p Promise) []Violation {
	return slices.DeleteFunc(b.Judge(p), func(v Violation) bool { return !p.Includes(v.Guarantee) })
}

// account is a book that is judged.
type account struct {
	Promise
	*Book
	executions map[string]*Execution // by token
	owners     map[string]*Call      // by token
	byKey      map[string][]*Call
}

// surely and perhaps are the times at which a moment is past for every clock, and
// for some.
func (a *account) surely(m Moment) time.Time  { return a.Time(m - a.Spread) }
func (a *account) perhaps(m Moment) time.Time { return a.Time(m + a.Spread) }

func (a *account) oneResponse() (broken []string) {
	for _, r := range a.requests {
		if r.Before.Completed(a.perhaps(r.To)) && (r.After.Status != idempotency.Completed || r.After.Owner != r.Before.Owner) {
			broken = append(broken, fmt.Sprintf("the recorded response was replaced or removed by %q of %s", r.Label, r.Call))
		}
	}
	told := make(map[string]string) // by receipts
	for _, c := range a.calls {
		if !c.Answer.Acknowledges() {
			continue
		}
		receipts := strings.Join(ReceiptsIn(c.Data), endOfReceipt)
		if receipts == "" {
			broken = append(broken, fmt.Sprintf("%s was answered with damaged data %.60q", c, c.Data))
		}
		if earlier, known := told[receipts]; known && earlier != c.Data {
			broken = append(broken, fmt.Sprintf("%s (%s) was told %.40q in other words than those before", c, c.Answer, receipts))
		}
		told[receipts] = c.Data
		if c.Answer == Replayed && a.Watched {
			if found, onRecord := a.replayed(c); found == nil {
				broken = append(broken, fmt.Sprintf("%s was replayed %.40q, on record is %.40q", c, c.Data, onRecord))
			}
		}
		if other := a.knownWinner(c); other != nil {
			broken = append(broken, fmt.Sprintf("%s answered its own result, although it could know that that of %s is on record", c, other))
		}
	}
	for _, c := range a.calls {
		switch c.Answer {
		case InProgress, Mismatch, OutcomeUnknown, NotKept:
			if len(c.Executions) > 0 && a.Mode == idempotency.Leased && c.Settlement != LeaseLost {
				broken = append(broken, fmt.Sprintf("%s executed and was told %q", c, c.Answer))
			}
		}
	}
	return broken
}

// replayed returns the record whose result a call was given, nil if there was none
// while it asked, and what was on record instead.
func (a *account) replayed(c *Call) (found *State, onRecord string) {
	states := []State{a.record(c.Key, c.Began-a.Spread)}
	for _, r := range a.requests {
		if r.Call.Key == c.Key && r.To >= c.Began-a.Spread && r.To < c.Ended {
			states = append(states, r.After)
		}
	}
	for _, s := range states {
		if e := a.executions[s.Owner]; e != nil && s.Status == idempotency.Completed {
			if onRecord = e.Result; onRecord == c.Data && (found == nil || found.Expires < s.Expires) {
				found = &s
			}
		}
	}
	return found, onRecord
}

// knownWinner returns whose response to the same payload was on record when a call
// that answered its own learned what became of its completion, nil if nobody's was.
func (a *account) knownWinner(c *Call) *Call {
	if c.Answer != Executed || c.Unsealed {
		return nil
	}
	for _, r := range a.requests {
		if r.Call != c || !r.Replied || r.Label != "complete" || r.After.Owner == r.Token || !r.After.Completed(a.perhaps(c.Ended)) {
			continue
		}
		winner, result := a.owners[r.After.Owner], a.executions[r.After.Owner]
		if winner != nil && winner.Payload == c.Payload && !winner.NotKept && result.Result != c.Data {
			return winner
		}
	}
	return nil
}

func (a *account) oneOwner() (broken []string) {
	if a.Mode != idempotency.Leased {
		return nil
	}
	for _, r := range a.requests {
		if r.Before.Leased(a.perhaps(r.To)) && r.After != r.Before && r.Before.Owner != r.Token {
			broken = append(broken, fmt.Sprintf("the running lease of another owner was ended by %q of %s", r.Label, r.Call))
		}
		if r.Before.Owner == r.After.Owner && 0 < r.After.Lease && r.After.Lease < r.Before.Lease {
			broken = append(broken, fmt.Sprintf("the lease was shortened by %q of %s", r.Label, r.Call))
		}
	}
	if !a.SkewHeld {
		return broken
	}
	for _, key := range a.keys() {
		var holder *Call
		for _, c := range inOrder(a.byKey[key]) {
			if len(c.Executions) == 0 {
				continue
			}
			if holder != nil && started(c) < holder.Live() {
				broken = append(broken, fmt.Sprintf("%s began to execute while %s held a lease", c, holder))
			}
			if holder == nil || c.Live() > holder.Live() {
				holder = c
			}
		}
	}
	return broken
}

// inOrder sorts calls by when they executed.
func inOrder(calls []*Call) []*Call {
	return slices.SortedStableFunc(slices.Values(calls), func(x, y *Call) int { return int(min(1, max(-1, started(x)-started(y)))) })
}

func started(c *Call) Moment {
	if len(c.Executions) == 0 {
		return c.Began
	}
	return c.Executions[0].Started
}

func (a *account) noEffectLostOrRepeated() (broken []string) {
	for _, c := range a.calls {
		if !c.Answer.Acknowledges() {
			continue
		}
		receipts := ReceiptsIn(c.Data)
		for i, name := range c.Effects {
			if i < len(receipts) && (a.happened(name, receipts[i]) || strings.HasPrefix(receipts[i], Receipt(NoEffect, ""))) {
				continue
			}
			broken = append(broken, fmt.Sprintf("%s was told %.40q, of which the %s has not happened", c, c.Data, name))
		}
	}
	a.eachEffect(func(_ string, _ bool, effects []*Effect) {
		for i, first := range effects {
			for _, again := range effects[i+1:] {
				if !a.mayFollow(first, again) {
					broken = append(broken, fmt.Sprintf("the effect of %s happened again in %s, although nothing came between it and its record", first.Call, again.Call))
				}
			}
		}
	})
	return broken
}

func (a *account) happened(name, receipt string) bool {
	id, _ := read(receipt)
	return slices.ContainsFunc(a.effects, func(e *Effect) bool { return e.Name == name && e.ID == id })
}

// mayFollow reports whether an effect may happen again in its window.
func (a *account) mayFollow(first, again *Effect) bool {
	return a.late(first) || a.late(again) || first.Call.Interrupted && !a.recorded(first, again.At)
}

// late reports whether an effect happened after its execution's lease, or others
// could believe so.
func (a *account) late(e *Effect) bool {
	if a.Mode != idempotency.Leased {
		return false
	}
	return !a.SkewHeld || e.At >= e.Call.Executions[len(e.Call.Executions)-1].LeaseOver
}

// recorded reports whether an effect, or its step, was on record before the moment.
func (a *account) recorded(e *Effect, at Moment) bool {
	if slices.ContainsFunc(a.steps, func(s Step) bool {
		return s.Recorded && s.Call.Key == e.Call.Key && s.Name == e.Name && e.At < s.At && s.At < at
	}) {
		return true
	}
	if !a.Watched {
		return e.Call.Settlement == Recorded
	}
	return slices.ContainsFunc(a.requests, func(r *Request) bool {
		return r.Call.Key == e.Call.Key && r.To < at && r.After.Status == idempotency.Completed && r.After.Owner == e.Token
	})
}

// eachEffect calls see with the effects of each name in each window of each key.
// alone reports whether the operation has no other.
func (a *account) eachEffect(see func(name string, alone bool, effects []*Effect)) {
	for _, key := range a.keys() {
		windows, names := []map[string][]*Effect{{}}, make(map[string]bool)
		var ends Moment
		for _, c := range inOrder(a.byKey[key]) {
			for _, name := range c.Effects {
				names[name] = true
			}
			had := slices.DeleteFunc(slices.Clone(a.effects), func(e *Effect) bool { return e.Call != c })
			if len(had) == 0 {
				continue
			}
			if started(c) >= ends-a.Spread {
				windows = append(windows, make(map[string][]*Effect))
			}
			ends = max(ends, c.Expires)
			for _, e := range had {
				window := windows[len(windows)-1]
				window[e.Name] = append(window[e.Name], e)
			}
		}
		for _, window := range windows {
			for _, name := range slices.Sorted(maps.Keys(window)) {
				slices.SortFunc(window[name], func(x, y *Effect) int { return int(min(1, max(-1, x.At-y.At))) })
				see(name, len(names) == 1, window[name])
			}
		}
	}
}

func (a *account) exactlyOnce() (broken []string) {
	a.eachEffect(func(name string, alone bool, effects []*Effect) {
		n := len(effects)
		if a.Recovery == idempotency.Reconcile && !a.Deduplicated { // what is on its way when the lease ends cannot be found
			n -= len(slices.DeleteFunc(slices.Clone(effects), func(e *Effect) bool { return !a.late(e) }))
		}
		switch {
		case n <= 1:
		case alone:
			broken = append(broken, fmt.Sprintf("%d effects", n))
		default:
			broken = append(broken, fmt.Sprintf("%d effects of the step %s", n, name))
		}
	})
	if a.Mode != idempotency.Atomic || !a.Watched {
		return broken
	}
	for _, e := range a.effects { // all or nothing
		if s := a.record(e.Call.Key, e.At); s.Owner != e.Token || s.Status != idempotency.Completed {
			broken = append(broken, fmt.Sprintf("the effect %s exists without a record", e.ID))
		}
	}
	return broken
}

func (a *account) closedWithoutStore() (broken []string) {
	for _, c := range a.calls {
		if !a.Watched {
			if c.Answer == Unavailable && len(c.Executions) > 0 && a.Mode == idempotency.Leased {
				broken = append(broken, fmt.Sprintf("%s executed although its claim failed", c))
			}
			continue
		}
		for _, e := range c.Executions {
			claimed := slices.ContainsFunc(a.requests, func(r *Request) bool {
				return r.Call == c && r.To < e.Started && r.Replied && r.After.Owner == e.Token
			})
			if a.Mode == idempotency.Leased && !claimed {
				broken = append(broken, fmt.Sprintf("%s executed without a claim that it knew to have succeeded", c))
			}
		}
		heard := slices.ContainsFunc(a.requests, func(r *Request) bool {
			return r.Call.Process == c.Process && r.Replied && r.To < c.Ended
		})
		if !heard && c.Answer.knows() && (a.Mode == idempotency.Leased || c.Answer != Discarded) { // what is discarded needs no store there
			broken = append(broken, fmt.Sprintf("%s answered %q without having heard of the store", c, c.Answer))
		}
	}
	return broken
}

func (a *account) scopesApart() (broken []string) {
	for _, c := range a.calls {
		for _, receipt := range ReceiptsIn(c.Data) {
			if _, whose := read(receipt); whose != c.For {
				broken = append(broken, fmt.Sprintf("%s asked for %s and was given %q", c, c.For, receipt))
			}
		}
	}
	return append(broken, a.mustHaveRun(G6)...)
}

func (a *account) windowsEnd() (broken []string) {
	for _, c := range a.calls {
		if c.Answer != Replayed {
			continue
		}
		past := c.Began >= c.Expires
		if record, _ := a.replayed(c); record != nil {
			past = past || !record.Live(a.surely(c.Began))
		}
		if past {
			broken = append(broken, fmt.Sprintf("%s was replayed a record past its window", c))
		}
	}
	return append(broken, a.mustHaveRun(G7)...)
}

// mustHaveRun finds calls that were not executed as if nobody had ever used their
// key.
func (a *account) mustHaveRun(g Guarantee) (broken []string) {
	for _, c := range a.calls {
		if c.Free != g || c.Ended == Never {
			continue
		}
		had := slices.ContainsFunc(a.effects, func(e *Effect) bool { return e.Call == c })
		if c.Answer != Executed || !had {
			broken = append(broken, fmt.Sprintf("%s of %s was answered %q, although its key is free", c, c.For, c.Answer))
		}
	}
	return broken
}

// stepsKept finds steps that were recorded and run within the window, in an execution
// that began after that, or in an earlier one whose lease runs. One that has lost its
// lease, and could not know it because of its clock, may still be about to run the
// step; its result is not recorded. It also finds steps that a record has lost.
func (a *account) stepsKept() (broken []string) {
	type name struct{ key, step string }
	recorded := make(map[name]Step)
	for _, s := range a.steps {
		n := name{s.Call.Key, s.Name}
		if s.Recorded {
			recorded[n] = s
			continue
		}
		r, known := recorded[n]
		if !known || s.At >= r.Until-a.Spread {
			continue
		}
		e := s.Call.Executions[0]
		if e.Started >= r.At || a.SkewHeld && s.At < e.LeaseOver {
			broken = append(broken, fmt.Sprintf("the step %s ran in %s, although %s had recorded it", s.Name, s.Call, r.Call))
		}
	}
	for _, r := range a.requests {
		if !r.Before.Live(a.perhaps(r.To)) {
			continue
		}
		if r.After.Status == idempotency.InProgress && !strings.HasPrefix(r.After.Steps, r.Before.Steps) {
			broken = append(broken, fmt.Sprintf("steps were lost by %q of %s", r.Label, r.Call))
		}
		if r.Before.Steps != "" && r.After.Status == "" {
			broken = append(broken, fmt.Sprintf("the record of recorded steps was deleted by %q of %s", r.Label, r.Call))
		}
	}
	return broken
}

func (a *account) everybodyAnswered() (broken []string) {
	last := make(map[string]*Call)
	for _, c := range a.calls {
		if c.Answer == Strange {
			broken = append(broken, fmt.Sprintf("%s was given an undocumented error: %s", c, c.Data))
		}
		if c.Ended != Never {
			last[c.Key] = c
		}
	}
	for _, key := range a.keys() {
		if c := last[key]; c != nil && !c.Answer.Final() {
			broken = append(broken, fmt.Sprintf("%s is still told %q after many attempts", c, c.Answer))
		}
	}
	return broken
}
