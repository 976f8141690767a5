package dynamolocal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// entry is the content of one record of a data file: one change of the engine's
// state, which is made as a whole. It has one of the members, or Changes and
// Token together.
type entry struct {
	Define  *tableDefinition `json:",omitempty"` // a table that is new or has changed
	Drop    string           `json:",omitempty"` // the name of a table that is gone
	Changes []storedChange   `json:",omitempty"`
	Token   *token           `json:",omitempty"`
	Forget  []string         `json:",omitempty"` // tokens
}

// storedChange is a change of an item: Item is stored, or the item with the key
// Delete is deleted.
type storedChange struct {
	Table  string
	Item   attribute.Item `json:",omitempty"`
	Delete attribute.Item `json:",omitempty"`
}

const (
	// minRewrite is the size of a data file, in bytes, below which it is left to
	// grow; rewriteGrowth is how many times its size after the last rewriting it
	// grows to before it is rewritten without what is gone.
	minRewrite    = 16 << 20
	rewriteGrowth = 3
	// rewriteBatch is how many items a record of a rewritten file has.
	rewriteBatch = 100
)

// file keeps an engine's data in a log. Every change is appended before it is
// made and answered. The engine's lock guards it.
type file struct {
	log       *log
	rewritten int64 // its size after the last rewriting
	rewriting sync.WaitGroup
	busy      bool // whether it is being rewritten
}

// openFile opens the data file at path and brings tables and tokens to the state
// that it describes.
func openFile(path string, tables map[string]*table, tokens map[string]token) (*file, error) {
	opened, err := openLog(path, replayInto(tables, tokens))
	if err != nil {
		return nil, fmt.Errorf("dynamolocal: data file %s: %w", path, err)
	}
	return &file{log: opened}, nil
}

// replayInto returns what makes the change of a record in tables and tokens.
func replayInto(tables map[string]*table, tokens map[string]token) func(payload []byte) error {
	return func(payload []byte) error {
		var e entry
		if err := json.Unmarshal(payload, &e); err != nil {
			return err
		}
		return e.apply(tables, tokens)
	}
}

// apply makes the change in tables and tokens, or returns what is wrong with it.
func (e entry) apply(tables map[string]*table, tokens map[string]token) error {
	if e.Define != nil {
		if err := e.Define.check(); err != nil {
			return err
		}
		if t, exists := tables[e.Define.Name]; exists {
			t.define(*e.Define)
		} else {
			tables[e.Define.Name] = newTable(*e.Define)
		}
	}
	delete(tables, e.Drop)
	for _, c := range e.Changes {
		t, exists := tables[c.Table]
		if !exists {
			return fmt.Errorf("there is no table %q", c.Table)
		}
		if c.Item != nil {
			key, err := t.keyOfItem(c.Item)
			if err != nil {
				return err
			}
			t.put(key, c.Item)
			continue
		}
		key, err := t.keyOf(c.Delete)
		if err != nil {
			return err
		}
		t.remove(key)
	}
	if e.Token != nil {
		tokens[e.Token.Token] = *e.Token
	}
	for _, name := range e.Forget {
		delete(tokens, name)
	}
	return nil
}

// check refuses a definition that no table has.
func (d tableDefinition) check() error {
	schemas := [][]keyElement{d.Keys}
	for _, index := range slices.Concat(d.Local, d.Global) {
		schemas = append(schemas, index.KeySchema)
		if index.Projection == nil {
			return fmt.Errorf("index %q of table %q has no projection", index.IndexName, d.Name)
		}
	}
	for _, schema := range schemas {
		if len(schema) == 0 || len(schema) > maxKeyElements {
			return fmt.Errorf("table %q has a key of %d attributes", d.Name, len(schema))
		}
		for i, element := range schema {
			if (element.KeyType == keyHash) != (i == 0) || !slices.ContainsFunc(d.Attributes, func(a attributeDefinition) bool {
				return a.AttributeName == element.AttributeName && isKeyKind(attribute.Kind(a.AttributeType))
			}) {
				return fmt.Errorf("table %q has the key attribute %q", d.Name, element.AttributeName)
			}
		}
	}
	return nil
}

func (f *file) append(e entry) error {
	payload, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return f.log.append(payload)
}

// write stores changes and, if there is one, a token.
func (f *file) write(changes []change, remember *token) error {
	if len(changes) == 0 && remember == nil {
		return nil
	}
	stored := make([]storedChange, len(changes))
	for i, c := range changes {
		stored[i] = storedChange{Table: c.table.name(), Item: c.item}
		if c.item == nil {
			stored[i].Delete = c.table.schema.attributesOf(c.table.get(c.key).item)
		}
	}
	return f.append(entry{Changes: stored, Token: remember})
}

// close closes the file; writes fail afterwards.
func (f *file) close() error { return f.log.close() }

// rewriteFile starts to rewrite the data file, in the background, if it has grown
// enough. The caller holds the lock. If the rewriting fails nothing is lost: the
// file goes on growing until the next attempt, and the log is told.
func (e *Engine) rewriteFile() {
	f := e.file
	if f.busy || f.log.size < max(minRewrite, rewriteGrowth*f.rewritten) {
		return
	}
	rewritten := func(err error) {
		f.busy, f.rewritten = false, f.log.size
		if err != nil {
			e.log.Error("the data file could not be rewritten without what is gone, and goes on growing",
				"file", f.log.path, "bytes", f.log.size, "error", err)
		}
	}
	fresh, err := f.log.startRewrite()
	if err != nil {
		rewritten(err)
		return
	}
	f.busy = true
	state := e.snapshot()
	f.rewriting.Go(func() {
		err := state.writeTo(fresh, e.mu.RLocker())
		e.mu.Lock()
		defer e.mu.Unlock()
		if err == nil && !errors.Is(f.log.broken, os.ErrClosed) {
			err = fresh.finish()
		}
		rewritten(errors.Join(err, fresh.abandon()))
	})
}

// snapshot is an engine's state at a moment, except that records may since have
// got other items.
type snapshot struct {
	tables []tableSnapshot
	tokens []token
}

type tableSnapshot struct {
	definition tableDefinition
	records    order
}

// snapshot returns the engine's state, without copying it. The caller holds the
// lock.
func (e *Engine) snapshot() snapshot {
	var s snapshot
	for _, t := range e.tables {
		s.tables = append(s.tables, tableSnapshot{t.definition, t.records.clone()})
	}
	for _, remembered := range e.tokens {
		s.tokens = append(s.tokens, remembered)
	}
	return s
}

// writeTo writes the state to a new log. It takes the lock only to look what the
// items of a batch of records are. These may be newer than the state: the log
// that follows changes such items once more.
func (s snapshot) writeTo(fresh *rewrite, lock sync.Locker) error {
	write := func(e entry) error {
		payload, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return fresh.append(payload)
	}
	for _, t := range s.tables {
		if err := write(entry{Define: &t.definition}); err != nil {
			return err
		}
		for batch := range t.records.batches(rewriteBatch) {
			changes := make([]storedChange, 0, len(batch))
			lock.Lock()
			for _, r := range batch {
				if r.item != nil {
					changes = append(changes, storedChange{Table: t.definition.Name, Item: r.item})
				}
			}
			lock.Unlock()
			if err := write(entry{Changes: changes}); err != nil {
				return err
			}
		}
	}
	for _, remembered := range s.tokens {
		if err := write(entry{Token: &remembered}); err != nil {
			return err
		}
	}
	return nil
}
