package idemlambda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// entry is one message of a batch.
type entry struct {
	id string // by which Lambda knows it
	// lane is shared by messages that are handled one after the other; "" for none.
	lane string
	// inOrder lets a failure hold up the rest of the lane.
	inOrder bool
	// refused is set if the message could not be read.
	refused error
	// handle handles the message. It does not panic.
	handle func(context.Context) error
}

// minMargin is the least of the function's time that is kept for its response.
const minMargin = 50 * time.Millisecond

// margin returns how much of the function's time is kept, of what is left when it
// is invoked.
func margin(left time.Duration) time.Duration {
	return max(idempotency.DeadlineMargin(left), minMargin)
}

// run handles a batch, at most concurrency messages at a time, and returns their
// errors. If ctx has a deadline, a message is begun only if it can end in time,
// provided that it takes no longer than the longest so far. With leave, run
// returns in time whatever happens: a handler that ignores the end of its context
// is left behind.
func run(ctx context.Context, concurrency int, entries []entry, leave bool) []error {
	r := newRunner(ctx, concurrency, entries, leave)
	defer r.cancel()
	for r.begin(); r.running > 0; r.begin() {
		select {
		case e := <-r.ended:
			r.end(e)
		case <-r.over:
			r.leave()
			return r.errs
		}
	}
	return r.errs
}

// runner is the state of [run].
type runner struct {
	ctx         context.Context // in which messages are handled: it ends at the cutoff
	cancel      context.CancelFunc
	cutoff      time.Time        // from when on nothing is begun; zero for never
	over        <-chan time.Time // when the response has to leave; nil for never
	concurrency int
	entries     []entry

	pending []int           // in the order of the batch
	busy    map[string]bool // lanes of which a message is being handled
	held    map[string]bool // lanes that are held up by a failure
	running int
	longest time.Duration
	ended   chan ending
	errs    []error // idempotency.ErrNoTime until something else is known
}

// ending is how the handling of one entry ended.
type ending struct {
	entry int
	err   error
	took  time.Duration
}

func newRunner(ctx context.Context, concurrency int, entries []entry, leave bool) *runner {
	r := &runner{
		ctx: ctx, cancel: func() {}, concurrency: concurrency, entries: entries,
		busy: make(map[string]bool), held: make(map[string]bool),
		ended: make(chan ending, len(entries)), // nobody may be left to receive
		errs:  make([]error, len(entries)),
	}
	for i := range entries {
		r.pending = append(r.pending, i)
		r.errs[i] = idempotency.ErrNoTime
	}
	if deadline, bounded := ctx.Deadline(); bounded {
		left := time.Until(deadline)
		kept := margin(left)
		r.cutoff = deadline.Add(-kept)
		r.ctx, r.cancel = context.WithDeadlineCause(ctx, r.cutoff, idempotency.ErrNoTime)
		if leave {
			r.over = time.After(left - kept/2)
		}
	}
	return r
}

// begin begins as many messages as may be handled now.
func (r *runner) begin() {
	for r.running < r.concurrency {
		at := slices.IndexFunc(r.pending, func(i int) bool { return !r.busy[r.entries[i].lane] })
		if at < 0 {
			return
		}
		i := r.pending[at]
		r.pending = slices.Delete(r.pending, at, at+1)
		e := r.entries[i]
		switch {
		case r.held[e.lane]:
			r.errs[i] = errHeld
		case !r.timeLeft():
			r.settle(i, idempotency.ErrNoTime)
		default:
			r.running++
			r.errs[i] = errRunning
			if e.lane != "" {
				r.busy[e.lane] = true
			}
			go r.handle(i)
		}
	}
}

// timeLeft reports whether another message can end in time.
func (r *runner) timeLeft() bool {
	return r.ctx.Err() == nil && (r.cutoff.IsZero() || time.Now().Add(r.longest).Before(r.cutoff))
}

func (r *runner) handle(i int) {
	start := time.Now()
	err := errors.New("idemlambda: the handler has left by runtime.Goexit")
	defer func() { r.ended <- ending{i, err, time.Since(start)} }()
	err = r.entries[i].handle(r.ctx)
}

// leave gives up the messages that are still being handled.
func (r *runner) leave() {
	for i, err := range r.errs {
		if err == errRunning {
			r.errs[i] = errLeftBehind
		}
	}
}

var errRunning = errors.New("idemlambda: the message is being handled")

func (r *runner) end(e ending) {
	r.running--
	delete(r.busy, r.entries[e.entry].lane)
	r.longest = max(r.longest, e.took)
	r.settle(e.entry, e.err)
}

func (r *runner) settle(i int, err error) {
	r.errs[i] = err
	if e := r.entries[i]; err != nil && e.inOrder {
		r.held[e.lane] = true
	}
}

// verdict is the error of the function itself.
func (c Config[T]) verdict(failed, all int) error {
	if failed > 0 && c.WholeBatch {
		return fmt.Errorf("idemlambda: %d of %d messages failed", failed, all)
	}
	return nil
}
