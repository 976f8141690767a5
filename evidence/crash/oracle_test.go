package crash_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// guarantee is a promise of the protocol.
type guarantee string

const (
	g1 guarantee = "G1" // one response is recorded, replays are identical to it
	g2 guarantee = "G2" // one owner at a time holds a running lease
	g3 guarantee = "G3" // acknowledged effects stay, none happens twice without an interruption between effect and record
	g4 guarantee = "G4" // effects happen exactly once
	g5 guarantee = "G5" // store unavailable: nothing executes
	g6 guarantee = "G6" // scopes do not see each other
	g7 guarantee = "G7" // a record past its window is not replayed
	g8 guarantee = "G8" // a recorded step does not run again

	// live is not numbered: whoever keeps asking is told something in the end.
	live guarantee = "a final answer"
)

// guarantees are all, each with what finds its violations in a history.
var guarantees = []struct {
	name guarantee
	test func(*history, policy) []string
}{
	{g1, oneResponse},
	{g2, oneOwner},
	{g3, noEffectLostOrRepeated},
	{g4, exactlyOnce},
	{g5, closedWithoutStore},
	{g6, scopesApart},
	{g7, windowsEnd},
	{g8, stepsKept},
	{live, everybodyAnswered},
}

// violation is a guarantee that did not hold.
type violation struct {
	guarantee guarantee
	what      string
}

func (v violation) String() string { return fmt.Sprintf("%s: %s", v.guarantee, v.what) }

// judge returns every violation, promised or not.
func (h *history) judge(p policy) (violations []violation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range guarantees {
		for _, what := range g.test(h, p) {
			violations = append(violations, violation{g.name, what})
		}
	}
	return violations
}

// promises reports whether a guarantee is promised under the policy. Reexecute
// leaves it to G3 to say when an effect may happen twice. Refuse promises of G4
// that nothing happens twice; see exactlyOnce.
func (p policy) promises(g guarantee) bool {
	switch g {
	case g2, g8:
		return p.mode == idempotency.Leased
	case g4:
		return p.mode == idempotency.Atomic || p.recovery != idempotency.Reexecute
	}
	return true
}

func oneResponse(h *history, _ policy) (broken []string) {
	for _, s := range h.steps {
		if s.before.completed(s.at) && (s.after.status != idempotency.Completed || s.after.owner != s.before.owner) {
			broken = append(broken, fmt.Sprintf("the recorded response was replaced or removed by %q of %s", s.label, s.process.name))
		}
	}
	for _, a := range h.answers {
		record := h.last(a.key, a.seq)
		switch {
		case a.verdict == replayed && record.completed(a.at) && !bytes.Equal(h.results[record.owner], a.data):
			broken = append(broken, fmt.Sprintf("%s was replayed %.40q, on record is %.40q", a.process.name, a.data, h.results[record.owner]))
		case a.verdict == replayed && record.status != idempotency.Completed:
			broken = append(broken, fmt.Sprintf("%s was replayed what is not on record", a.process.name))
		case a.verdict == executed && record.completed(a.at) && record.owner != h.tokenOf(a) && h.completionSeen(a):
			broken = append(broken, fmt.Sprintf("%s answered its own result, although it could know that another is on record", a.process.name))
		}
	}
	return broken
}

// tokenOf is the fencing token of the call that got the answer.
func (h *history) tokenOf(a answer) (token string) {
	for _, e := range h.executions {
		if e.process == a.process && e.key == a.key && e.seq < a.seq {
			token = e.token
		}
	}
	return token
}

// completionSeen reports whether the answering process had the store's reply to
// its completion.
func (h *history) completionSeen(a answer) bool {
	return slices.ContainsFunc(h.steps, func(s *step) bool {
		return s.process == a.process && s.key == a.key && s.token == h.tokenOf(a) && s.label == stepComplete && s.replied
	})
}

func oneOwner(h *history, _ policy) (broken []string) {
	for _, s := range h.steps {
		if s.before.leased(s.at) && s.after != s.before && s.before.owner != s.token {
			broken = append(broken, fmt.Sprintf("the running lease of another owner was ended by %q of %s", s.label, s.process.name))
		}
	}
	for _, e := range h.executions {
		if len(e.rivals) > 0 && e.process.world.policy.mode == idempotency.Leased {
			broken = append(broken, fmt.Sprintf("%s began to execute while %s held a lease", e.process.name, strings.Join(e.rivals, ", ")))
		}
	}
	return broken
}

func noEffectLostOrRepeated(h *history, _ policy) (broken []string) {
	for _, a := range h.answers {
		if !a.verdict.acknowledges() {
			continue
		}
		receipts := receiptsIn(a.data)
		for i, name := range a.process.world.path.effects() {
			if !slices.ContainsFunc(h.effects, func(e effect) bool { return e.name == name && i < len(receipts) && e.receipt == receipts[i] }) {
				broken = append(broken, fmt.Sprintf("%s was told %.40q, of which the %s has not happened", a.process.name, a.data, name))
			}
		}
	}
	for _, key := range h.keys() {
		for _, window := range h.effectsOf(key) {
			for _, effects := range byName(window) {
				for i := 1; i < len(effects); i++ {
					if first, again := effects[i-1], effects[i]; !h.interrupted(first, again.seq) {
						broken = append(broken, fmt.Sprintf("the effect of %s happened again in %s, although nothing came between it and its record", first.process.name, again.process.name))
					}
				}
			}
		}
	}
	return broken
}

// interrupted reports whether something came between the effect and its record: its
// process failed, and until the moment seq no completion had reached the store.
func (h *history) interrupted(e effect, seq int) bool {
	recorded := slices.ContainsFunc(h.steps, func(s *step) bool {
		return s.key == e.key && s.seq < seq && s.after.status == idempotency.Completed && s.after.owner == e.token
	})
	return e.process.failed.Load() && !recorded && !h.recordedStep(e, seq)
}

func exactlyOnce(h *history, p policy) (broken []string) {
	for _, key := range h.keys() {
		for window, effects := range h.effectsOf(key) {
			acknowledged := slices.ContainsFunc(h.answers, func(a answer) bool {
				return a.key == key && a.verdict.acknowledges() && h.window(key, a.at) == window
			})
			for _, name := range h.names(key) {
				switch n := len(byName(effects)[name]); {
				case n == 1 || n == 0 && !acknowledged:
				case len(h.names(key)) == 1:
					broken = append(broken, fmt.Sprintf("%d effects", n))
				default:
					broken = append(broken, fmt.Sprintf("%d effects of the step %s", n, name))
				}
			}
		}
	}
	if p.mode != idempotency.Atomic {
		return broken
	}
	for _, e := range h.effects { // all or nothing
		if s := h.last(e.key, e.seq); s.owner != e.token || s.status != idempotency.Completed {
			broken = append(broken, fmt.Sprintf("%s exists without a record", e.receipt))
		}
	}
	return broken
}

func closedWithoutStore(h *history, p policy) (broken []string) {
	for _, e := range h.executions {
		claimed := slices.ContainsFunc(h.steps, func(s *step) bool {
			return s.seq < e.seq && s.process == e.process && s.replied && s.after.owner == e.token
		})
		if p.mode == idempotency.Leased && !claimed {
			broken = append(broken, fmt.Sprintf("%s executed without a claim that it knew to have succeeded", e.process.name))
		}
	}
	for _, a := range h.answers {
		heard := slices.ContainsFunc(h.steps, func(s *step) bool { return s.process == a.process && s.replied && s.seq < a.seq })
		if !heard && a.verdict != unavailable && a.tried {
			broken = append(broken, fmt.Sprintf("%s answered %q without having heard of the store", a.process.name, a.verdict))
		}
	}
	return broken
}

func scopesApart(h *history, _ policy) (broken []string) {
	for _, a := range h.answers {
		for _, receipt := range receiptsIn(a.data) {
			if !strings.HasSuffix(receipt, " for "+a.caller) {
				broken = append(broken, fmt.Sprintf("%s was given %q", a.caller, receipt))
			}
		}
	}
	return append(broken, mustHaveRun(h, g6)...)
}

func windowsEnd(h *history, _ policy) (broken []string) {
	for _, a := range h.answers {
		if record := h.last(a.key, a.seq); a.verdict == replayed && record.status == idempotency.Completed && !record.live(a.at) {
			broken = append(broken, fmt.Sprintf("%s was replayed a record past its window", a.process.name))
		}
	}
	return append(broken, mustHaveRun(h, g7)...)
}

// mustHaveRun finds calls that were not executed as if nobody had ever used
// their key.
func mustHaveRun(h *history, g guarantee) (broken []string) {
	for _, a := range h.answers {
		if a.mustRun == g && a.verdict != executed {
			broken = append(broken, fmt.Sprintf("a call of %s in %s was answered %q, although its key is free", a.caller, a.process.name, a.verdict))
		}
	}
	return broken
}

func everybodyAnswered(h *history, _ policy) (broken []string) {
	last := make(map[string]answer)
	for _, a := range h.answers {
		if a.verdict == strange {
			broken = append(broken, fmt.Sprintf("%s was given an undocumented error: %s", a.process.name, a.data))
		}
		last[a.key] = a
	}
	for _, key := range h.keys() {
		if a := last[key]; !a.verdict.final() {
			broken = append(broken, fmt.Sprintf("%s is still told %q after many attempts", a.caller, a.verdict))
		}
	}
	return broken
}

// names returns the names of the effects that an operation with the key has.
func (h *history) names(key string) []string {
	for _, a := range h.answers {
		if a.key == key {
			return a.process.world.path.effects()
		}
	}
	return nil
}
