package idempotency

import (
	"crypto/sha256"
	"encoding/hex"
)

// Fingerprint tells whether two requests with the same key ask for the same
// thing. It is compared for equality only. The empty Fingerprint is invalid.
type Fingerprint string

// NewFingerprint returns the SHA-256, in hex, of everything that makes the
// request what it is. Parts are length-prefixed, so their borders count.
func NewFingerprint(parts ...[]byte) Fingerprint {
	sum := hashParts(parts...)
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return Fingerprint(text[:])
}
