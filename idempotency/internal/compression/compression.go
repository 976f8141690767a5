// Package compression makes recorded results smaller if that is worth it. It
// is shared by the stores, which record the encoding beside the data.
package compression

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// DefaultAbove is the size in bytes from which stores compress by default.
const DefaultAbove = 1 << 10

const (
	zstdEncoding = "zstd"
	gzipEncoding = "gzip" // read, and no longer written
)

// maxSize is the size in bytes up to which data is compressed, and to which
// compressed data may expand: a damaged record is an error, and not all of the
// process's memory.
const maxSize = 256 << 20

// Codec compresses and decompresses. It is safe for concurrent use.
type Codec struct {
	// Above is the size in bytes from which data is compressed. Negative for never.
	Above int

	encoders sync.Pool
	decoders sync.Pool
}

// Compress returns data as it is to be stored, and its encoding: "zstd", or ""
// for data itself. It returns data itself if it has at most c.Above bytes, if
// compression does not make it smaller, and if it is larger than 256 MiB.
func (c *Codec) Compress(data []byte) (stored []byte, encoding string, err error) {
	if c.Above < 0 || len(data) <= c.Above || len(data) > maxSize {
		return data, "", nil
	}
	encoder, reused := c.encoders.Get().(*zstd.Encoder)
	if !reused {
		encoder, err = zstd.NewWriter(nil,
			zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderConcurrency(1), // no goroutines, and buffers for one
			zstd.WithWindowSize(512<<10),   // bounds those buffers
		)
		if err != nil {
			return nil, "", err
		}
	}
	defer c.encoders.Put(encoder)
	// A third is what JSON comes to.
	if stored = encoder.EncodeAll(data, make([]byte, 0, len(data)/3)); len(stored) >= len(data) {
		return data, "", nil
	}
	return stored, zstdEncoding, nil
}

// Decompress is the inverse of [Codec.Compress]. It also decompresses the encoding
// "gzip", and refuses those that it does not know.
func (c *Codec) Decompress(stored []byte, encoding string) ([]byte, error) {
	switch encoding {
	case "":
		return stored, nil
	case zstdEncoding:
		if len(stored) == 0 { // which the decoder takes for nothing, compressed
			return nil, io.ErrUnexpectedEOF
		}
		decoder, reused := c.decoders.Get().(*zstd.Decoder)
		if !reused {
			var err error
			if decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxSize)); err != nil {
				return nil, err
			}
		}
		defer c.decoders.Put(decoder)
		return decoder.DecodeAll(stored, []byte{})
	case gzipEncoding:
		return gunzip(stored)
	}
	return nil, fmt.Errorf("the encoding %q is unknown", encoding)
}

func gunzip(stored []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(stored))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err == nil && len(data) > maxSize {
		err = fmt.Errorf("it expands to more than %d bytes", maxSize)
	}
	return data, err
}
