package compression_test

import (
	"bytes"
	"strings"
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
		if err != nil || encoding != "gzip" {
			t.Fatalf("%q, %v", encoding, err)
		}
		stored, asStored = append(stored, s), append(asStored, bytes.Clone(s))
	}
	for _, s := range asStored {
		r, err := codec.Decompress(s, "gzip")
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
