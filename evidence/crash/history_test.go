package crash_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// history is what happened in a run, seen from outside of the package under
// test: a ledger of effects, the records before and after each request, and what
// callers were told.
type history struct {
	mu         sync.Mutex
	seq        int
	steps      []*step
	executions []*execution
	effects    []effect
	results    map[string][]byte // by fencing token: what an execution answered
	answers    []answer
	windowEnds map[string][]time.Time // by key: the windows that have passed
}

// moment orders what happened.
type moment struct {
	seq int
	at  time.Time
}

// state is a record as it stands in the store. The zero value is that of none.
type state struct {
	status         idempotency.Status
	owner          string
	lease, expires int64  // Unix milliseconds
	steps          string // the names of those recorded
}

// live reports whether the record counts at all.
func (s state) live(at time.Time) bool { return s.status != "" && at.UnixMilli() < s.expires }

func (s state) completed(at time.Time) bool { return s.live(at) && s.status == idempotency.Completed }

// leased reports whether an owner may believe to hold the key.
func (s state) leased(at time.Time) bool {
	return s.live(at) && s.status == idempotency.InProgress && at.UnixMilli() <= s.lease
}

// step is a request that reached the store.
type step struct {
	moment
	process       *process
	key           string
	label         string
	token         string // the fencing token of the process's call
	before, after state
	replied       bool // the process has seen the reply
}

// execution is a run of the operation.
type execution struct {
	moment
	process *process
	key     string
	token   string
	ctx     context.Context
	ended   bool
	rivals  []string // executions of the same key that held a lease when it began
}

// effect is something that happened in the world outside.
type effect struct {
	moment
	process *process
	key     string
	token   string
	derived string // the downstream key
	name    string // which of the operation's effects it is
	receipt string
}

// answer is what a caller was told.
type answer struct {
	moment
	process *process
	key     string
	caller  string
	verdict verdict
	data    []byte
	tried   bool      // the process had made requests to the store
	mustRun guarantee // the guarantee broken if the call was not executed, "" for none
	pause   time.Duration
	text    string // the answer in words, if it is not one of the verdicts
}

func newHistory() *history {
	return &history{results: make(map[string][]byte), windowEnds: make(map[string][]time.Time)}
}

// now is the next moment. The caller holds the lock.
func (h *history) now() moment {
	h.seq++
	return moment{h.seq, time.Now()}
}

// stepped notes a request that reached the store, and returns what tells that
// its reply was seen.
func (h *history) stepped(p *process, label string, after state) (replied func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &step{moment: h.now(), process: p, key: p.key.ID(), label: label, token: p.token, before: h.last(p.key.ID(), h.seq), after: after}
	h.steps = append(h.steps, s)
	p.tell("%v", s)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		s.replied = true
	}
}

// last is the key's record as it was before the moment seq.
func (h *history) last(key string, seq int) state {
	for i := len(h.steps) - 1; i >= 0; i-- {
		if s := h.steps[i]; s.key == key && s.seq < seq {
			return s.after
		}
	}
	return state{}
}

// began notes an execution, and which others of its key are under way.
func (h *history) began(p *process, ctx context.Context, e idempotency.Execution) *execution {
	h.mu.Lock()
	defer h.mu.Unlock()
	began := &execution{moment: h.now(), process: p, key: e.ID(), token: e.FencingToken(), ctx: ctx}
	for _, other := range h.executions {
		if other.key == began.key && other.token != began.token && !other.ended && !other.process.dead.Load() && other.ctx.Err() == nil {
			began.rivals = append(began.rivals, other.process.name)
		}
	}
	h.executions = append(h.executions, began)
	p.tell("executes")
	return began
}

// ended notes the end of an execution and what it answers, nil for nothing.
func (h *history) ended(e *execution, data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.ended = true
	if data != nil {
		h.results[e.token] = bytes.Clone(data) // the caller may write over its own
	}
}

// happened enters an effect of that name and returns its receipt.
func (h *history) happened(p *process, e idempotency.Execution, name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	receipt := receiptOf(len(h.effects)+1, p.caller)
	h.effects = append(h.effects, effect{h.now(), p, e.ID(), e.FencingToken(), e.DerivedKey(name), name, receipt})
	if p.world.path.steps > 0 {
		p.tell("effect of the step %s: %s", name, receipt)
	} else {
		p.tell("effect: %s", receipt)
	}
	return receipt
}

// discovered enters effects that the store itself has written.
func (h *history) discovered(p *process, rows []planned) {
	h.mu.Lock()
	defer h.mu.Unlock()
	known := make(map[string]bool)
	for _, e := range h.effects {
		known[e.receipt] = true
	}
	for _, row := range rows {
		if !known[row.receipt] {
			h.effects = append(h.effects, effect{moment: h.now(), process: p, name: stepNames[0], key: row.key, token: row.token, receipt: row.receipt})
			p.tell("effect, in the same transaction: %s", row.receipt)
		}
	}
}

// find is how the world outside answers the question what became of a downstream
// key.
func (h *history) find(derived string) (receipt string, found bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.effects {
		if e.derived == derived && h.window(e.key, e.at) == len(h.windowEnds[e.key]) {
			return e.receipt, true
		}
	}
	return "", false
}

func (h *history) answered(a answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a.moment = h.now()
	h.answers = append(h.answers, a)
	a.process.tell("%v", a)
}

// endWindow notes that from now on the key's record does not count any more.
func (h *history) endWindow(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.windowEnds[key] = append(h.windowEnds[key], time.Now())
}

// window numbers the windows of a key.
func (h *history) window(key string, at time.Time) (n int) {
	for _, end := range h.windowEnds[key] {
		if !at.Before(end) {
			n++
		}
	}
	return n
}

// effectsOf returns the key's effects, window by window.
func (h *history) effectsOf(key string) [][]effect {
	windows := make([][]effect, len(h.windowEnds[key])+1)
	for _, e := range h.effects {
		if e.key == key {
			n := h.window(key, e.at)
			windows[n] = append(windows[n], e)
		}
	}
	return windows
}

// keys returns the keys that were asked for, each once, in the order of their
// first answer.
func (h *history) keys() (keys []string) {
	seen := make(map[string]bool)
	for _, a := range h.answers {
		if !seen[a.key] {
			seen[a.key] = true
			keys = append(keys, a.key)
		}
	}
	return keys
}

// A receipt names an effect and whose it is. Results begin with it.
func receiptOf(n int, caller string) string { return fmt.Sprintf("receipt %d for %s", n, caller) }

const endOfReceipt = "\n"

// receiptsIn returns the receipts that a result begins with.
func receiptsIn(data []byte) (receipts []string) {
	for line := range bytes.Lines(data) {
		receipt, found := bytes.CutSuffix(line, []byte(endOfReceipt))
		if !found {
			break
		}
		receipts = append(receipts, string(receipt))
	}
	return receipts
}

// receiptIn returns the receipt that a result begins with, "" if there is none.
func receiptIn(data []byte) string {
	receipt, _, found := bytes.Cut(data, []byte(endOfReceipt))
	if !found {
		return ""
	}
	return string(receipt)
}
