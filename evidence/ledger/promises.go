package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Promise is what a configuration promises, as far as it depends on it.
type Promise struct {
	Mode     idempotency.Mode
	Recovery idempotency.Recovery
	// SkewHeld reports that clocks differed by no more than the allowance, and that
	// the moments in the book are exact enough to compare leases by.
	SkewHeld bool
	// Spread is how far clocks differed, and so how unsharp the end of a window is.
	Spread time.Duration
	// Deduplicated reports that the outside world itself has an effect only once
	// for each derived key.
	Deduplicated bool
}

// Check returns what in the book breaks the promise, nothing if it was kept. It
// checks what takes no history to see.
func (b *Book) Check(p Promise) (broken []error) {
	calls, effects := b.Calls(), b.Effects()
	a := account{Promise: p, calls: calls, effects: effects, byID: make(map[string]Effect)}
	for _, e := range effects {
		a.byID[e.ID] = e
	}
	a.checkAnswers()
	a.checkLeases()
	a.checkEffects()
	a.checkSteps(b.Steps())
	return a.broken
}

type account struct {
	Promise
	calls   []*Call
	effects []Effect
	byID    map[string]Effect
	broken  []error
}

func (a *account) report(format string, args ...any) {
	a.broken = append(a.broken, fmt.Errorf(format, args...))
}

// Result is how an operation answers: with the effect it stands for.
func Result(effect, key, payload string) string {
	return fmt.Sprintf("effect=%s key=%s payload=%s ", effect, key, payload)
}

// NoEffect is what the result of an operation that ran and had no effect refers
// to.
const NoEffect = "none"

// checkAnswers checks G1 (whoever is told of an effect is told the same), G3 (an
// acknowledged effect is never lost), G5 (nothing executes where the claim
// failed) and G6 (nobody is given what belongs to another key or payload). That
// all replays of a window are of one result takes a history to check.
func (a *account) checkAnswers() {
	told := make(map[string]string) // by effect and payload
	for _, c := range a.calls {
		switch c.Answer {
		case Executed, Replayed:
			var effect, key, payload string
			if _, err := fmt.Sscanf(c.Data, "effect=%s key=%s payload=%s ", &effect, &key, &payload); err != nil {
				a.report("G1: call %d (%s) was answered with damaged data %.60q", c.ID, c.Answer, c.Data)
				continue
			}
			if key != c.Key || payload != c.Payload {
				a.report("G6: call %d asked for %s/%s and was given %s/%s", c.ID, c.Key, c.Payload, key, payload)
			}
			if _, happened := a.byID[effect]; !happened && effect != NoEffect {
				a.report("G3: call %d (%s) was told of effect %s, which is not in the ledger", c.ID, c.Answer, effect)
			}
			if earlier, known := told[effect+" "+payload]; known && effect != NoEffect && earlier != c.Data {
				a.report("G1: call %d (%s) was told of effect %s in other words than those before", c.ID, c.Answer, effect)
			}
			told[effect+" "+payload] = c.Data
		case Unavailable:
			if len(c.Executions) > 0 && a.Mode == idempotency.Leased {
				a.report("G5: call %d executed although its claim failed", c.ID)
			}
		case InProgress, Mismatch, OutcomeUnknown, NotKept:
			if len(c.Executions) > 0 && a.Mode == idempotency.Leased && c.Settlement != LeaseLost {
				a.report("call %d executed and was told %q", c.ID, c.Answer)
			}
		}
	}
}

// checkLeases checks G2: no two executions of a key are under a running lease
// at once.
func (a *account) checkLeases() {
	if a.Mode != idempotency.Leased || !a.SkewHeld {
		return
	}
	for key, calls := range a.byKey() {
		var holder *Call
		for _, c := range calls {
			if len(c.Executions) == 0 {
				continue
			}
			if holder != nil && c.Executions[0].Started < holder.Live() {
				a.report("G2: key %s: call %d started at %v under a lease, and call %d held one until %v",
					key, c.ID, c.Executions[0].Started, holder.ID, holder.Live())
			}
			if holder == nil || c.Live() > holder.Live() {
				holder = c
			}
		}
	}
}

// byKey groups the calls by key, in the order in which they executed.
func (a *account) byKey() map[string][]*Call {
	keys := make(map[string][]*Call)
	for _, c := range a.calls {
		keys[c.Key] = append(keys[c.Key], c)
	}
	for _, calls := range keys {
		slices.SortStableFunc(calls, func(x, y *Call) int { return int(min(1, max(-1, started(x)-started(y)))) })
	}
	return keys
}

func started(c *Call) Moment {
	if len(c.Executions) == 0 {
		return c.Began
	}
	return c.Executions[0].Started
}

// checkEffects checks G3 and G4: within a window at most one effect of a key
// lacks an excuse, and where excuses do not count there is at most one effect.
func (a *account) checkEffects() {
	effectsOf := make(map[int][]Effect)
	for _, e := range a.effects {
		effectsOf[e.Call] = append(effectsOf[e.Call], e)
	}
	for key, calls := range a.byKey() {
		var happened, unexcused []string
		var windowEnds Moment
		flush := func() {
			switch {
			case len(unexcused) > 1:
				a.report("G3/G4: key %s has the effects %s, of which %s lack an excuse",
					key, strings.Join(happened, ", "), strings.Join(unexcused, ", "))
			case len(happened) > 1 && a.exactlyOnce():
				a.report("G4: key %s has the effects %s", key, strings.Join(happened, ", "))
			}
			happened, unexcused = nil, nil
		}
		for _, c := range calls {
			if len(effectsOf[c.ID]) == 0 {
				continue
			}
			if started(c) >= windowEnds-a.Spread {
				flush()
			}
			windowEnds = max(windowEnds, c.Expires)
			for _, e := range effectsOf[c.ID] {
				happened = append(happened, e.ID)
				if !a.excused(c, e) {
					unexcused = append(unexcused, e.ID)
				}
			}
		}
		flush()
	}
}

// exactlyOnce reports whether there is no excuse for a second effect.
func (a *account) exactlyOnce() bool {
	return a.Mode == idempotency.Atomic || a.Recovery == idempotency.Refuse || a.Deduplicated
}

// excused reports whether another effect of the same key may stand beside e.
func (a *account) excused(c *Call, e Effect) bool {
	if a.exactlyOnce() {
		return false
	}
	execution := c.Executions[len(c.Executions)-1]
	switch {
	case !a.SkewHeld, e.At >= execution.LeaseOver:
		return true // it acted after its lease, or others could believe so
	case a.Recovery == idempotency.Reconcile:
		return false // whatever became of it, the effect would have been found
	}
	return c.Crashed != Never || c.Settlement != Recorded || execution.LeaseOver != Never
}

// checkSteps checks G8: a step that was recorded does not run within its window in
// an execution that began after that, nor in an earlier one whose lease runs. One
// that has lost its lease, and could not know it because of its clock, may still be
// about to run the step; its result is not recorded.
func (a *account) checkSteps(steps []Step) {
	type name struct{ key, step string }
	recorded := make(map[name]Step)
	for _, s := range steps {
		n := name{s.Key, s.Name}
		if s.Recorded {
			recorded[n] = s
			continue
		}
		r, known := recorded[n]
		if !known || s.At >= r.Until-a.Spread {
			continue
		}
		e := a.call(s.Call).Executions[0]
		if e.Started >= r.At || a.SkewHeld && s.At < e.LeaseOver {
			a.report("G8: call %d ran the step %s of key %s, which call %d had recorded at %v", s.Call, s.Name, s.Key, r.Call, r.At)
		}
	}
}

func (a *account) call(id int) *Call {
	return a.calls[slices.IndexFunc(a.calls, func(c *Call) bool { return c.ID == id })]
}
