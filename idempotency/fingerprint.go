package idempotency

import (
	"crypto/sha256"
	"encoding/hex"
)

// Fingerprint identifies the payload of a request: two requests with the same key
// are the same request if their fingerprints are equal. The empty Fingerprint is
// invalid.
type Fingerprint string

// NewFingerprint returns the SHA-256, in hex, of the parts, which together make up
// the request. Each part is prefixed by its length, so the borders between parts
// count.
func NewFingerprint(parts ...[]byte) Fingerprint {
	sum := hashParts(parts...)
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return Fingerprint(text[:])
}
