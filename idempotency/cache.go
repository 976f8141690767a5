package idempotency

import (
	"bytes"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cache holds completed records for some time, so that a duplicate on a warm process
// costs no request to the store. Within their window only an operator changes them,
// which is seen when that time is over. It drops the least recently used records
// first. A nil cache holds nothing.
type cache struct {
	mu       sync.Mutex
	lru      *simplelru.LRU[string, *cached]
	maxAge   time.Duration
	bytes    int
	maxBytes int
}

// recordOverhead is the approximate size of a record in memory without its data.
const recordOverhead = 512

// cached is a copy of a record and the time at which the store had it.
type cached struct {
	Record
	since time.Time
}

func newCache(entries, maxBytes int, maxAge time.Duration) *cache {
	if entries <= 0 || maxBytes <= 0 {
		return nil
	}
	c := &cache{maxBytes: maxBytes, maxAge: maxAge}
	c.lru, _ = simplelru.NewLRU(entries, func(_ string, r *cached) { c.bytes -= size(&r.Record) }) // fails for no entries only
	return c
}

func size(r *Record) int { return recordOverhead + len(r.Data) }

// get returns a copy of the record if it is held, its window has not passed, and it
// is not too old. By a clock that was set back it is neither.
func (c *cache) get(id string, now time.Time) (r Record, found bool) {
	if c == nil {
		return Record{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	held, found := c.lru.Get(id)
	if !found {
		return Record{}, false
	}
	if age := now.Sub(held.since); age < 0 || age >= c.maxAge || !now.Before(held.Expires) {
		c.lru.Remove(id)
		return Record{}, false
	}
	return clone(&held.Record), true
}

// put keeps a copy of a completed record that the store had at the given time. It
// ignores other records, and one that is larger than the whole cache.
func (c *cache) put(r *Record, since time.Time) {
	if c == nil || r.Status != Completed || size(r) > c.maxBytes {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lru.Contains(r.ID) {
		c.lru.Remove(r.ID) // adding over it would not count its bytes out
	}
	c.lru.Add(r.ID, &cached{clone(r), since})
	c.bytes += size(r)
	for c.bytes > c.maxBytes {
		c.lru.RemoveOldest()
	}
}

// remove drops a record.
func (c *cache) remove(id string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lru.Remove(id)
}

func clone(r *Record) Record {
	copied := *r
	copied.Data = bytes.Clone(r.Data)
	return copied
}
