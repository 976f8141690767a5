package idempotency

import (
	"context"
	"fmt"
	"sync"
)

// Execution describes the running execution to the code that it runs.
type Execution struct {
	key      Key
	owner    string
	declared *declared
	lease    context.Context // ends with the execution
	call     *call           // whose execution it is; nil if it has no steps
}

// FromContext returns the execution that ctx belongs to, and reports whether it
// belongs to one.
func FromContext(ctx context.Context) (Execution, bool) {
	if e, ok := ctx.Value(executionKey{}).(*Execution); ok {
		return *e, true
	}
	return Execution{}, false
}

// FencingToken returns the random value that names this one execution. A
// downstream system that remembers the last token it saw can refuse an
// execution that was taken over.
func (e Execution) FencingToken() string { return e.owner }

// DerivedKey returns an idempotency key for a downstream system, 43 base64url
// characters: the same for every execution of the same key, different for
// every other key and purpose. Purpose keeps several effects of one request
// apart, such as "charge" and "receipt".
func (e Execution) DerivedKey(purpose string) string { return e.key.derive(purpose) }

// ID returns the record's partition key; see [Key.ID].
func (e Execution) ID() string { return e.key.ID() }

// Discard declares that nothing has happened that should be kept: when the
// execution ends, its key is released under every [Recovery] policy, whatever it
// returns, and a retry executes again. A key with recorded or possibly begun steps is
// left to the retry instead; see [Step]. It has the same effect as Result.Discard
// and is meant for code that does not make the result itself, such as an HTTP
// handler behind a middleware. [Execution.Fail] overrides it.
func (e Execution) Discard() {
	if e.declared != nil {
		e.declared.mu.Lock()
		defer e.declared.mu.Unlock()
		e.declared.discard = true
	}
}

// Fail declares that the execution has failed although it may have had its
// effect: its result is not recorded, whatever it returns, and the [Recovery]
// policy decides what becomes of the key. [Guard.Do] then returns an error that
// wraps [ErrFailed] and cause, beside the result's data. Fail is meant for code
// that does not return the execution's error itself.
func (e Execution) Fail(cause error) {
	if e.declared != nil {
		e.declared.mu.Lock()
		defer e.declared.mu.Unlock()
		if cause == nil {
			e.declared.failure = ErrFailed
		} else {
			e.declared.failure = fmt.Errorf("%w: %w", ErrFailed, cause)
		}
	}
}

// declared is what an execution has said of itself before it ended.
type declared struct {
	mu      sync.Mutex
	discard bool
	failure error
}

func (d *declared) read() (discard bool, failure error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.discard, d.failure
}

// reset makes d that of another execution.
func (d *declared) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.discard, d.failure = false, nil
}

type executionKey struct{}

// executing is a context that carries an execution.
type executing struct {
	context.Context
	execution Execution
}

func (c *executing) Value(key any) any {
	if key == (executionKey{}) {
		return &c.execution
	}
	return c.Context.Value(key)
}

func withExecution(ctx context.Context, e Execution) context.Context {
	var c executing
	c.carry(ctx, e)
	return &c
}

// carry makes c the context of the execution, which ends with ctx.
func (c *executing) carry(ctx context.Context, e Execution) {
	e.lease = ctx
	c.Context, c.execution = ctx, e
}
