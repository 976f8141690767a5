package dynamolocal

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/attribute"
)

// The buckets of a file.
var (
	bucketTables = []byte("tables") // definitions by table name
	bucketItems  = []byte("items")  // a bucket by table name: items by encoded key
	bucketTokens = []byte("tokens") // transactions' tokens
)

// lockTimeout is how long to wait for another engine to close its file.
const lockTimeout = time.Second

// file keeps an engine's data on disk. Each write is one transaction of the
// database and is complete before the request is answered; it is handed to the
// operating system but not forced to the disk, so that data survive the process
// but not necessarily a power cut.
type file struct {
	db     *bbolt.DB
	closed bool
}

func openFile(path string) (*file, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, NoSync: true})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("dynamolocal: %s is in use by another process: stop it or use another file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("dynamolocal: opening %s: %w", path, err)
	}
	return &file{db: db}, nil
}

// close closes the file; writes fail afterwards.
func (f *file) close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	return errors.Join(f.db.Sync(), f.db.Close())
}

// load fills tables and tokens with what the file has.
func (f *file) load(tables map[string]*table, tokens map[string]token) error {
	return f.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketTables, bucketItems, bucketTokens} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		if err := tx.Bucket(bucketTables).ForEach(func(name, data []byte) error {
			var definition tableDefinition
			if err := json.Unmarshal(data, &definition); err != nil {
				return fmt.Errorf("table %s: %w", name, err)
			}
			t := newTable(definition)
			tables[definition.Name] = t
			return loadItems(t, tx.Bucket(bucketItems).Bucket(name))
		}); err != nil {
			return err
		}
		return tx.Bucket(bucketTokens).ForEach(func(name, data []byte) error {
			var remembered token
			if err := json.Unmarshal(data, &remembered); err != nil {
				return fmt.Errorf("token %s: %w", name, err)
			}
			tokens[remembered.Token] = remembered
			return nil
		})
	})
}

func loadItems(t *table, items *bbolt.Bucket) error {
	if items == nil {
		return fmt.Errorf("table %s has no items' bucket", t.name())
	}
	return items.ForEach(func(_, data []byte) error {
		var item attribute.Item
		if err := json.Unmarshal(data, &item); err != nil {
			return fmt.Errorf("an item of table %s: %w", t.name(), err)
		}
		t.put(t.schema.of(item), item)
		return nil
	})
}

// write stores changes and, if there is one, a token.
func (f *file) write(changes []change, remember *token) error {
	return f.db.Update(func(tx *bbolt.Tx) error {
		for _, c := range changes {
			items := tx.Bucket(bucketItems).Bucket([]byte(c.table.name()))
			key := []byte(c.key.encode())
			if c.item == nil {
				if err := items.Delete(key); err != nil {
					return err
				}
				continue
			}
			if err := putJSON(items, key, c.item); err != nil {
				return err
			}
		}
		if remember == nil {
			return nil
		}
		return putJSON(tx.Bucket(bucketTokens), []byte(remember.Token), remember)
	})
}

// define stores a table's definition, and makes room for its items if the table
// is new.
func (f *file) define(definition tableDefinition) error {
	return f.db.Update(func(tx *bbolt.Tx) error {
		name := []byte(definition.Name)
		if _, err := tx.Bucket(bucketItems).CreateBucketIfNotExists(name); err != nil {
			return err
		}
		return putJSON(tx.Bucket(bucketTables), name, definition)
	})
}

// drop removes a table and its items.
func (f *file) drop(name string) error {
	return f.db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(
			tx.Bucket(bucketTables).Delete([]byte(name)),
			tx.Bucket(bucketItems).DeleteBucket([]byte(name)),
		)
	})
}

// forget removes tokens.
func (f *file) forget(tokens []string) error {
	return f.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range tokens {
			if err := tx.Bucket(bucketTokens).Delete([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
}

func putJSON(bucket *bbolt.Bucket, key []byte, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return bucket.Put(key, data)
}
