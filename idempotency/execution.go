package idempotency

import "context"

// Execution describes the running execution to the code it runs.
type Execution struct {
	key   Key
	owner string
}

// FromContext returns the execution that ctx belongs to, if any.
func FromContext(ctx context.Context) (Execution, bool) {
	e, ok := ctx.Value(executionKey{}).(Execution)
	return e, ok
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

type executionKey struct{}

func withExecution(ctx context.Context, e Execution) context.Context {
	return context.WithValue(ctx, executionKey{}, e)
}
