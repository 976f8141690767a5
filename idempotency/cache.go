package idempotency

import (
	"bytes"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cache holds completed records, which never change within their window, so
// that a duplicate on a warm process costs no request to the store. It drops
// the least recently used records first. A nil cache holds nothing.
type cache struct {
	mu       sync.Mutex
	lru      *simplelru.LRU[string, *Record]
	bytes    int
	maxBytes int
}

// recordOverhead is the approximate size of a record in memory without its data.
const recordOverhead = 512

func newCache(entries, maxBytes int) *cache {
	if entries <= 0 || maxBytes <= 0 {
		return nil
	}
	c := &cache{maxBytes: maxBytes}
	c.lru, _ = simplelru.NewLRU(entries, func(_ string, r *Record) { c.bytes -= size(r) }) // fails for no entries only
	return c
}

func size(r *Record) int { return recordOverhead + len(r.Data) }

// get returns a copy of the record if it is held and its window has not passed.
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
	if !now.Before(held.Expires) {
		c.lru.Remove(id)
		return Record{}, false
	}
	return clone(held), true
}

// put keeps a copy of a completed record. It ignores other records, and one that is
// larger than the whole cache.
func (c *cache) put(r *Record) {
	if c == nil || r.Status != Completed || size(r) > c.maxBytes {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lru.Contains(r.ID) {
		c.lru.Remove(r.ID) // adding over it would not count its bytes out
	}
	held := clone(r)
	c.lru.Add(r.ID, &held)
	c.bytes += size(r)
	for c.bytes > c.maxBytes {
		c.lru.RemoveOldest()
	}
}

func clone(r *Record) Record {
	copied := *r
	copied.Data = bytes.Clone(r.Data)
	return copied
}
