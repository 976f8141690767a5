package idempotency

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Scope is the party on whose behalf a key is used: an authenticated principal, an
// API key, a tenant. Two scopes never share a record, so one caller is never
// replayed another caller's response.
//
// The zero Scope is invalid. Make one with [NewScope] or, to give up the
// separation knowingly, with [SharedScope].
type Scope struct {
	principal string
	shared    bool
}

// NewScope returns the scope of one principal. It refuses a principal that is empty
// or blank, because callers that cannot be told apart must not share records by
// accident.
func NewScope(principal string) (Scope, error) {
	if strings.TrimSpace(principal) == "" {
		return Scope{}, errors.New("idempotency: scope: the principal is empty or blank")
	}
	return Scope{principal: principal}, nil
}

// SharedScope returns the one scope in which all callers share their keys: any
// caller that sends a known key gets its recorded response. It is only safe if there
// is a single caller, or if the idempotency key itself is a secret or is assigned by
// a trusted party, such as an SQS message id.
func SharedScope() Scope { return Scope{shared: true} }

func (s Scope) valid() bool { return s.shared || s.principal != "" }

// Key identifies one intent of one caller. It is composed of scope, operation and
// idempotency key: equal parts make equal keys, and different parts different ones.
//
// The zero Key is invalid; make one with [NewKey].
type Key struct {
	operation string
	id        string
}

const maxNameLength = 100

// NewKey composes a key from its three parts: the scope of the caller; the
// operation, a fixed name such as "payments.create" (1 to 100 letters, digits,
// dots, hyphens and underscores); and the client's idempotency key, usually the
// value of its Idempotency-Key header. It refuses an empty, blank or malformed part.
// There are no defaults.
func NewKey(scope Scope, operation, key string) (Key, error) {
	if !scope.valid() {
		return Key{}, errors.New("idempotency: key: the scope is empty; use NewScope or, knowingly, SharedScope")
	}
	if err := checkName(operation); err != nil {
		return Key{}, fmt.Errorf("idempotency: operation %w", err)
	}
	if strings.TrimSpace(key) == "" {
		return Key{}, errors.New("idempotency: key: the idempotency key is empty or blank")
	}
	// Each part is preceded by its length, so that moving a character from one
	// part to the next makes another key. The shared scope is the empty string, which
	// is no principal.
	sum := hashParts(scope.principal, key) // condition: scope
	id := make([]byte, 0, maxNameLength+len("#")+sha256.Size*4/3+1)
	id = append(append(id, operation...), '#')
	return Key{operation, string(base64.RawURLEncoding.AppendEncode(id, sum[:]))}, nil
}

// KeyFromID returns the key whose [Key.ID] is id, which logs and metrics name. It is
// for operators, who have the id and not the parts.
func KeyFromID(id string) (Key, error) {
	operation, sum, _ := strings.Cut(id, "#")
	digest, err := base64.RawURLEncoding.Strict().DecodeString(sum)
	if err != nil || len(digest) != sha256.Size || checkName(operation) != nil {
		return Key{}, fmt.Errorf("idempotency: key: %q is no id: want an operation, #, and 43 base64url characters", id)
	}
	return Key{operation, id}, nil
}

// ID returns the partition key under which the record is stored: the operation,
// "#", and the base64url SHA-256 of scope and idempotency key. It holds no personal
// data and may be logged.
func (k Key) ID() string { return k.id }

// Operation returns the operation's name.
func (k Key) Operation() string { return k.operation }

func (k Key) valid() bool { return k.id != "" }

// derive returns a key for a downstream system: the same for every execution of
// k, different for every other key and purpose.
func (k Key) derive(purpose string) string {
	sum := hashParts("downstream", k.id, purpose)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// checkName refuses what cannot name an operation or a step.
func checkName(name string) error {
	if name == "" || len(name) > maxNameLength || strings.ContainsFunc(name, notNameRune) {
		return fmt.Errorf("%q: want 1 to %d letters, digits, dots, hyphens or underscores", name, maxNameLength)
	}
	return nil
}

func notNameRune(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '-', r == '_':
		return false
	}
	return true
}

// hashParts is the SHA-256 of the parts, each preceded by its length in bytes
// as a 64-bit big-endian integer.
func hashParts[T ~string | ~[]byte](parts ...T) (sum [sha256.Size]byte) {
	// Parts are gathered in a block, because a call of Write costs about as much as
	// hashing a short part. Strings need not be copied to the heap either.
	const full = 8 * sha256.BlockSize
	block := make([]byte, 0, full+8)
	h := sha256.New()
	for _, part := range parts {
		block = binary.BigEndian.AppendUint64(block, uint64(len(part)))
		for len(part) > 0 {
			if len(block) >= full {
				h.Write(block)
				block = block[:0]
			}
			n := min(len(part), full-len(block))
			block = append(block, part[:n]...)
			part = part[n:]
		}
	}
	h.Write(block)
	h.Sum(sum[:0])
	return sum
}
