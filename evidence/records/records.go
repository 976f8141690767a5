// Package records has the records, and the steps with them, from which tests of
// stores begin.
package records

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Now is the time at which the records are claimed.
var Now = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// InProgress returns the record of an owner who has just claimed the key.
func InProgress(owner string) idempotency.Record {
	return idempotency.Record{
		ID: "payments.create#k", Status: idempotency.InProgress, Owner: owner,
		Fingerprint: idempotency.NewFingerprint([]byte("body")),
		Claimed:     Now.Add(-time.Millisecond),
		LeaseUntil:  Now.Add(10*time.Second + 123*time.Millisecond), Expires: Now.Add(time.Hour),
	}
}

// Completed returns the record as its owner completes it.
func Completed(r idempotency.Record, data []byte) idempotency.Record {
	r.Status, r.Data = idempotency.Completed, data
	return r
}

// MustClaim claims a key that is free.
func MustClaim(t testing.TB, s idempotency.Store, r idempotency.Record) {
	t.Helper()
	if existing, err := s.Claim(t.Context(), idempotency.Claim{Record: r, Now: Now}); existing != nil || err != nil {
		t.Fatalf("Claim: %+v, %v", existing, err)
	}
}

// MustComplete completes a record that is its owner's.
func MustComplete(t testing.TB, s idempotency.Store, r idempotency.Record) {
	t.Helper()
	if existing, err := s.Complete(t.Context(), r); existing != nil || err != nil {
		t.Fatalf("Complete: %+v, %v", existing, err)
	}
}

// Random returns bytes that no compression makes fewer, the same each time.
func Random(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	return data
}
