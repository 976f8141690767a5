package dynamolocal

import (
	"cmp"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/expression"
)

// defaultReadTimeout is how long a request may take to arrive.
const defaultReadTimeout = 30 * time.Second

// parsedExpressions is how many expressions an engine keeps parsed.
const parsedExpressions = 1024

// Config configures an engine. The zero value is an engine in memory.
type Config struct {
	// Clock is the source of the time, for time to live and request tokens.
	// Default: time.Now.
	Clock func() time.Time
	// File is the path of the file in which tables, time to live settings, items
	// and request tokens survive a restart; it is created if it does not exist. One
	// engine at a time can use it, which a second file beside it, with the suffix
	// .lock, sees to. Default: none, everything is in memory.
	File string
	// ReadTimeout is how long a request may take to arrive; a slower one gets 408.
	// Default: 30 s.
	ReadTimeout time.Duration
	// Observe is called after every call, from the goroutine that serves it.
	// Default: nobody observes.
	Observe func(Event)
	// Log is told of what fails and is the error of no call, such as a file that
	// could not be rewritten and so goes on growing. Default: nobody is told.
	Log *slog.Logger
}

// Engine is an embedded DynamoDB. It is an http.Handler; make one with [New].
// Operations are serialisable: each sees the effects of those before it and of
// no others, and transactions apply as a whole.
type Engine struct {
	clock       func() time.Time
	observe     func(Event)
	log         *slog.Logger
	readTimeout time.Duration
	parser      *expression.Parser
	calls       atomic.Int64
	closed      chan struct{} // closed by Close
	closing     sync.Once
	faults      faults

	mu     sync.RWMutex // guards what follows
	tables map[string]*table
	tokens map[string]token
	file   *file // nil if everything is in memory
}

// New returns an engine, with the data of the configured file if there is one.
// It returns an error if the file cannot be opened, is in use by another engine,
// has been written by something else, or is damaged. A record that was cut off at
// the end of the file is none of these: its write was never answered.
func New(config Config) (*Engine, error) {
	parser, err := expression.NewParser(parsedExpressions)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		clock:       config.Clock,
		observe:     config.Observe,
		log:         cmp.Or(config.Log, slog.New(slog.DiscardHandler)),
		readTimeout: cmp.Or(config.ReadTimeout, defaultReadTimeout),
		parser:      parser,
		closed:      make(chan struct{}),
		tables:      make(map[string]*table),
		tokens:      make(map[string]token),
	}
	if e.clock == nil {
		e.clock = time.Now
	}
	if config.File == "" {
		return e, nil
	}
	e.file, err = openFile(config.File, e.tables, e.tokens)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Close closes the file, if there is one, and ends the calls that injected faults
// delay. With a file, calls after it that change something fail. It may be called
// more than once.
func (e *Engine) Close() error {
	e.closing.Do(func() { close(e.closed) })
	if e.file == nil {
		return nil
	}
	e.mu.Lock()
	err := e.file.close()
	e.mu.Unlock()
	e.file.rewriting.Wait()
	return err
}

// table returns the table that operations on items name.
func (e *Engine) table(name string) (*table, error) {
	t, ok := e.tables[name]
	if !ok {
		return nil, notFound()
	}
	return t, nil
}

// change is a change of one item: item is stored, or, if it is nil, the item with
// the key is deleted.
type change struct {
	table *table
	key   primaryKey
	item  attribute.Item
}

// commit makes the changes, all or none, and with them remembers a transaction's
// token if there is one. The caller holds the lock.
func (e *Engine) commit(changes []change, remember *token) error {
	if e.file != nil {
		if err := e.file.write(changes, remember); err != nil {
			return fmt.Errorf("dynamolocal: writing: %w", err)
		}
	}
	for _, c := range changes {
		if c.item == nil {
			c.table.remove(c.key)
		} else {
			c.table.put(c.key, c.item)
		}
	}
	if remember != nil {
		e.tokens[remember.Token] = *remember
	}
	if e.file != nil {
		e.rewriteFile()
	}
	return nil
}
