package compression_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency/internal/compression"
)

// TestReuseSharesNothing: what writers and readers are reused for never changes
// what was made before.
func TestReuseSharesNothing(t *testing.T) {
	t.Parallel()
	codec := compression.Codec{Above: 10}
	texts := []string{strings.Repeat("coffee ", 500), strings.Repeat("tea ", 700), strings.Repeat("milk ", 600)}
	var stored, asStored, read [][]byte
	for _, text := range texts {
		s, encoding, err := codec.Compress([]byte(text))
		if err != nil || encoding != "zstd" {
			t.Fatalf("%q, %v", encoding, err)
		}
		stored, asStored = append(stored, s), append(asStored, bytes.Clone(s))
	}
	for _, s := range asStored {
		r, err := codec.Decompress(s, "zstd")
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, r)
	}
	for i, text := range texts {
		if !bytes.Equal(stored[i], asStored[i]) {
			t.Errorf("the compressed text %d has changed", i)
		}
		if string(read[i]) != text {
			t.Errorf("the decompressed text %d has changed", i)
		}
	}
}

// Records of earlier versions are compressed by gzip.
func TestGzipIsRead(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("coffee ", 500)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var codec compression.Codec
	if read, err := codec.Decompress(b.Bytes(), "gzip"); err != nil || string(read) != text {
		t.Errorf("%d bytes, %v", len(read), err)
	}
}

// What is damaged is an error and never another result, and takes no more memory
// than it is worth.
func TestDamagedData(t *testing.T) {
	t.Parallel()
	codec := compression.Codec{Above: 10}
	data := jsonLike(150_000)
	stored, _, err := codec.Compress(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 4, 10, len(stored) / 2, len(stored) - 1} {
		if read, err := codec.Decompress(stored[:n], "zstd"); err == nil {
			t.Errorf("the first %d of %d bytes are read as %d bytes", n, len(stored), len(read))
		}
	}
	for i := 0; i < len(stored); i += 499 {
		damaged := bytes.Clone(stored)
		damaged[i] ^= 0x10
		if read, err := codec.Decompress(damaged, "zstd"); err == nil && !bytes.Equal(read, data) {
			t.Fatalf("byte %d was changed, and %d others are read", i, len(read))
		}
	}
	// A frame that says it holds 2^40 bytes.
	huge := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0}
	if _, err := codec.Decompress(huge, "zstd"); err == nil {
		t.Error("a terabyte was read")
	}
	for _, encoding := range []string{"gzip", "br", "ZSTD"} {
		if _, err := codec.Decompress(stored, encoding); err == nil {
			t.Errorf("zstd was read as %q", encoding)
		}
	}
}

func TestWhatIsNotCompressed(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 5000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for name, test := range map[string]struct {
		above int
		data  []byte
	}{
		"small":   {5000, jsonLike(5000)},
		"never":   {-1, jsonLike(100_000)},
		"random":  {10, noise},
		"nothing": {0, []byte{}},
	} {
		codec := compression.Codec{Above: test.above}
		if stored, encoding, err := codec.Compress(test.data); err != nil || encoding != "" || !bytes.Equal(stored, test.data) {
			t.Errorf("%s: %d bytes of encoding %q, %v", name, len(stored), encoding, err)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	codec := compression.Codec{Above: 10}
	var group sync.WaitGroup
	for i := range 4 * runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for j := range 20 {
				data := jsonLike(1000 * (1 + i + 8*(j%4)))
				stored, encoding, err := codec.Compress(data)
				if err != nil || encoding != "zstd" {
					t.Errorf("%q, %v", encoding, err)
				}
				if read, err := codec.Decompress(stored, encoding); err != nil || !bytes.Equal(read, data) {
					t.Errorf("%d bytes are read as %d others, %v", len(data), len(read), err)
				}
			}
		})
	}
	group.Wait()
}

// jsonLike returns data that is about as compressible as responses are.
func jsonLike(size int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	b := []byte(`{"lines":[`)
	for len(b) < size {
		b = fmt.Appendf(b, `{"id":"%016x","quantity":%d,"price":%d},`, random.Uint64(), random.IntN(10), random.IntN(10000))
	}
	return b[:size]
}

func Benchmark(b *testing.B) {
	codec := compression.Codec{Above: compression.DefaultAbove}
	for _, size := range []int{4 << 10, 100 << 10} {
		data := jsonLike(size)
		stored, encoding, err := codec.Compress(data)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("compress %d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = codec.Compress(data)
			}
			b.ReportMetric(float64(len(stored))/float64(size), "ratio")
		})
		b.Run(fmt.Sprintf("decompress %d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = codec.Decompress(stored, encoding)
			}
		})
	}
}
