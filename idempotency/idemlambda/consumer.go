package idemlambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Message is a message, record or event of type E together with its content,
// which has been decoded as JSON into a T. A typed consumer such as [SQSJSON]
// hands it over instead of the content alone if its type parameter is a Message:
//
//	idemlambda.SQSJSON(idemlambda.Config[idemlambda.Message[events.SQSMessage, Order]]{…
type Message[E, T any] struct {
	Event   E
	Content T
}

// receive is what makes a consumer of JSON hand over the whole message.
func (m *Message[E, T]) receive(event E, content []byte) error {
	m.Event = event
	return json.Unmarshal(content, &m.Content)
}

func (*Message[E, T]) isMessage() {}

// OfEvent returns a function that chooses something of a [Message] by its event:
//
//	Scope: idemlambda.OfEvent[Order](idemlambda.QueueScope),
func OfEvent[T, E, R any](choose func(E) (R, error)) func(Message[E, T]) (R, error) {
	return func(m Message[E, T]) (R, error) { return choose(m.Event) }
}

// source describes messages of type E.
type source[E any] struct {
	name    string
	payload func(E) ([]byte, error) // the default
	// content and replace read and replace what is inside; nil if there is no such
	// thing.
	content func(E) []byte
	replace func(E, []byte) E
	// retried reports whether a message says of itself that it was delivered before;
	// nil if none does.
	retried func(E) bool
}

// consumer handles messages of type E, each of which is read as a T.
type consumer[E, T any] struct {
	Config[T]
	source source[E]
	read   func(E) (T, error)
	handle func(context.Context, T) error
}

// newConsumer returns a consumer whose messages are handled as they are.
func newConsumer[E any](cfg Config[E], s source[E], handle func(context.Context, E) error) (*consumer[E, E], error) {
	return newConsumerOf(cfg, s, func(event E) (E, error) { return event, nil }, handle)
}

// newJSONConsumer returns a consumer whose messages' content is decoded as JSON.
func newJSONConsumer[E, T any](cfg Config[T], s source[E], handle func(context.Context, T) error) (*consumer[E, T], error) {
	var probe any = new(T)
	_, isMessage := probe.(interface{ isMessage() })
	if _, fits := probe.(interface{ receive(E, []byte) error }); isMessage && !fits {
		return nil, fmt.Errorf("idemlambda: %v is not a message of %s", reflect.TypeFor[T](), s.name)
	}
	return newConsumerOf(cfg, s, func(event E) (T, error) {
		var value T
		var err error
		if whole, ok := any(&value).(interface{ receive(E, []byte) error }); ok {
			err = whole.receive(event, s.content(event))
		} else {
			err = json.Unmarshal(s.content(event), &value)
		}
		if err != nil {
			return value, fmt.Errorf("%w: not the JSON that was expected: %w", ErrMalformed, err)
		}
		return value, nil
	}, handle)
}

func newConsumerOf[E, T any](cfg Config[T], s source[E], read func(E) (T, error), handle func(context.Context, T) error) (*consumer[E, T], error) {
	if handle == nil {
		return nil, errNoHandler
	}
	if cfg.Unwrap != nil && s.content == nil {
		return nil, fmt.Errorf("idemlambda: Config.Unwrap is set, but %s has no content that could be in an envelope", s.name)
	}
	cfg, err := cfg.withDefaults()
	return &consumer[E, T]{cfg, s, read, handle}, err
}

// entry reads a message. One that cannot be read is an entry that fails.
func (c *consumer[E, T]) entry(id string, event E) entry {
	e := entry{id: id}
	err := contain(func() error { return c.prepare(&e, event) })
	if err != nil {
		e.refused, e.handle = err, func(context.Context) error { return err }
	}
	return e
}

func (c *consumer[E, T]) prepare(e *entry, event E) error {
	if c.Unwrap != nil {
		content, err := c.Unwrap(c.source.content(event))
		if err != nil {
			return malformed("envelope", err)
		}
		event = c.source.replace(event, content)
	}
	message, err := c.read(event)
	if err != nil {
		return err
	}
	intent, err := c.intent(message, func() ([]byte, error) { return c.source.payload(event) })
	if errors.Is(err, errNoKey) && c.OptionalKey {
		e.handle = func(ctx context.Context) error {
			return contain(func() error { return c.handle(c.Context(ctx, message), message) })
		}
		return nil
	}
	if err != nil {
		return err
	}
	key, err := idempotency.NewKey(intent.Scope, intent.Operation, intent.Key)
	if err != nil {
		return malformed("key", err)
	}
	intent.LikelyDuplicate = c.source.retried != nil && c.source.retried(event)
	e.lane = key.ID() // a duplicate in the same batch need not come again
	e.handle = func(ctx context.Context) error {
		return contain(func() error { return c.doEffect(c.Context(ctx, message), intent, message, c.handle) })
	}
	return nil
}

// runAll handles a batch and reports what failed. It returns the entries' errors.
func (c *consumer[E, T]) runAll(ctx context.Context, entries []entry) []error {
	c.observe(ctx, entries)
	errs := run(ctx, c.Concurrency, entries, true)
	for i, err := range errs {
		if err != nil {
			c.report(ctx, entries[i].id, err)
		}
	}
	return errs
}

// one handles a single event, or the records of one invocation that is delivered
// again as a whole.
func (c *consumer[E, T]) one(ctx context.Context, events ...E) error {
	entries := make([]entry, 0, len(events))
	for _, event := range events {
		entries = append(entries, c.entry("", event))
	}
	// To leave a handler behind would gain nothing, because all of it fails anyway.
	c.observe(ctx, entries)
	errs := run(ctx, c.Concurrency, entries, false)
	return errors.Join(errs...)
}

// observe tells the guard's observer of the messages that could not be read.
func (c *consumer[E, T]) observe(ctx context.Context, entries []entry) {
	for _, e := range entries {
		if e.refused != nil {
			c.Guard.ObserveRefusal(ctx, c.Operation, e.refused)
		}
	}
}
