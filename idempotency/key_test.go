package idempotency_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// The stored form is a contract between versions: a change would forget every
// key in use.
func TestKeyIDIsStable(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("\x00\x00\x00\x00\x00\x00\x00\x05alice\x00\x00\x00\x00\x00\x00\x00\x02k1"))
	want := "payments.create#" + base64.RawURLEncoding.EncodeToString(sum[:])
	if got := newKey(t, "alice", "payments.create", "k1").ID(); got != want {
		t.Errorf("ID %q, want %q", got, want)
	}
}

func TestKeyHidesItsParts(t *testing.T) {
	t.Parallel()
	id := newKey(t, "alice@example.com", "customers.create", "4e1f-secret").ID()
	if !regexp.MustCompile(`^customers\.create#[A-Za-z0-9_-]{43}$`).MatchString(id) {
		t.Errorf("ID %q, want the operation and a digest", id)
	}
}

func TestKeyRefusesEmptyAndMalformedParts(t *testing.T) {
	t.Parallel()
	alice, err := idempotency.NewScope("alice")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := idempotency.NewScope(""); err == nil {
		t.Error("the empty principal was accepted")
	}
	for _, test := range []struct {
		name             string
		scope            idempotency.Scope
		operation, token string
	}{
		{"no scope", idempotency.Scope{}, "op", "k"},
		{"no operation", alice, "", "k"},
		{"no token", alice, "op", ""},
		{"operation with a separator", alice, "op#x", "k"},
		{"operation with a space", alice, "op x", "k"},
		{"operation in another script", alice, "opé", "k"},
		{"operation too long", alice, strings.Repeat("o", 101), "k"},
	} {
		if key, err := idempotency.NewKey(test.scope, test.operation, test.token); err == nil {
			t.Errorf("%s: got key %q", test.name, key.ID())
		}
	}
	if _, err := idempotency.NewKey(idempotency.SharedScope(), strings.Repeat("o", 100), "k"); err != nil {
		t.Errorf("a key in the shared scope: %v", err)
	}
}

func TestDifferentPartsMakeDifferentKeys(t *testing.T) {
	t.Parallel()
	some := func(alphabet string, longest int) string {
		text := make([]byte, 1+rand.IntN(longest))
		for i := range text {
			text[i] = alphabet[rand.IntN(len(alphabet))]
		}
		return string(text)
	}
	draw := func() ([3]string, idempotency.Key) {
		parts := [3]string{some("a#\x00", 2), some("a.", 2), some("a#\x00", 2)}
		return parts, newKey(t, parts[0], parts[1], parts[2])
	}
	for range 10_000 {
		aParts, a := draw()
		bParts, b := draw()
		if (aParts == bParts) != (a == b) || (a == b) != (a.ID() == b.ID()) {
			t.Errorf("%q and %q: keys %q and %q", aParts, bParts, a.ID(), b.ID())
		}
	}
}

func TestSharedScopeIsNobodys(t *testing.T) {
	t.Parallel()
	shared, err := idempotency.NewKey(idempotency.SharedScope(), "op", "k")
	if err != nil {
		t.Fatal(err)
	}
	for _, principal := range []string{"shared", "\x00", "-"} {
		if newKey(t, principal, "op", "k") == shared {
			t.Errorf("principal %q shares the shared scope", principal)
		}
	}
}

// A blank key is the key of everything whose key is missing.
func TestBlankPartsAreRefused(t *testing.T) {
	t.Parallel()
	for _, blank := range []string{"", " ", "\t\n", "\u00a0\u2003"} {
		if _, err := idempotency.NewKey(idempotency.SharedScope(), "op", blank); err == nil {
			t.Errorf("the key %q was accepted", blank)
		}
		if _, err := idempotency.NewScope(blank); err == nil {
			t.Errorf("the principal %q was accepted", blank)
		}
	}
	if newKey(t, "alice", "op", " k") == newKey(t, "alice", "op", "k") {
		t.Error("a space in a key does not count")
	}
}

func TestFingerprintCountsBorders(t *testing.T) {
	t.Parallel()
	if idempotency.NewFingerprint([]byte("ab"), []byte("c")) == idempotency.NewFingerprint([]byte("a"), []byte("bc")) {
		t.Error("parts with other borders share a fingerprint")
	}
	if fp := idempotency.NewFingerprint([]byte("a")); !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(string(fp)) {
		t.Errorf("fingerprint %q, want 64 hex digits", fp)
	}
}

// Fingerprints are stored: a later version must compute the same.
func TestFingerprintIsTheHashOfLengthsAndParts(t *testing.T) {
	t.Parallel()
	for range 1000 {
		var parts [][]byte
		whole := sha256.New()
		for range rand.IntN(8) {
			length := rand.IntN([]int{20, 530, 3000}[rand.IntN(3)])
			part := make([]byte, length)
			for i := range part {
				part[i] = byte(i % 251)
			}
			parts = append(parts, part)
			whole.Write(binary.BigEndian.AppendUint64(nil, uint64(length)))
			whole.Write(part)
		}
		if got, want := idempotency.NewFingerprint(parts...), hex.EncodeToString(whole.Sum(nil)); string(got) != want {
			t.Errorf("fingerprint %s, want %s", got, want)
		}
	}
}
