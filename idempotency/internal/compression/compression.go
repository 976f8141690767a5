// Package compression makes recorded results smaller where that is worth it. It
// is shared by the stores, which record the encoding beside the data.
package compression

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"sync"
)

// DefaultAbove is the size in bytes from which stores compress by default.
const DefaultAbove = 1 << 10

const gzipEncoding = "gzip"

// Codec compresses and decompresses. It is safe for concurrent use.
type Codec struct {
	// Above is the size in bytes from which data is compressed. Negative for never.
	Above int

	writers sync.Pool // each of its members holds some 800 KB
	readers sync.Pool // some 40 KB
}

// Compress returns data as it is to be stored, and its encoding: "gzip", or ""
// for data itself, which is what it returns where data has at most c.Above bytes
// and where compression does not make it smaller.
func (c *Codec) Compress(data []byte) (stored []byte, encoding string, err error) {
	if c.Above < 0 || len(data) <= c.Above {
		return data, "", nil
	}
	var b bytes.Buffer
	w, reused := c.writers.Get().(*gzip.Writer)
	if !reused {
		w = gzip.NewWriter(nil)
	}
	defer c.writers.Put(w)
	w.Reset(&b)
	if _, err := w.Write(data); err != nil {
		return nil, "", err
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	if b.Len() >= len(data) {
		return data, "", nil
	}
	return b.Bytes(), gzipEncoding, nil
}

// Decompress is the inverse of [Codec.Compress]. It refuses an encoding that it
// does not know.
func (c *Codec) Decompress(stored []byte, encoding string) ([]byte, error) {
	switch encoding {
	case "":
		return stored, nil
	case gzipEncoding:
		r, reused := c.readers.Get().(*gzip.Reader)
		if !reused {
			r = new(gzip.Reader)
		}
		defer c.readers.Put(r)
		if err := r.Reset(bytes.NewReader(stored)); err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	}
	return nil, fmt.Errorf("the encoding %q is unknown", encoding)
}
