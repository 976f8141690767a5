package kmsseal_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/kmsseal"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// BenchmarkSeal measures what a sealed result costs a warm process: KMS takes no part.
func BenchmarkSeal(b *testing.B) {
	sealer := idempotency.Must(kmsseal.New(kmsseal.Config{
		Client: oneKey{vector: vector{DataKey: make([]byte, 32), EncryptedDataKey: make([]byte, 184)}}, KeyID: "one",
	}))
	associated := []byte("payments.create#qPMeaTRIbySTE1dW6NQIhmXVzXLWJKwPWw2Fj9tVYBY")
	seal := idempotency.Must(sealer.Seal(b.Context()))
	for name, size := range map[string]int{"150 bytes": 150, "4 KiB": 4 << 10, "1 MiB": 1 << 20} {
		data := make([]byte, size)
		sealed := idempotency.Must(seal(data, associated))
		b.Run("seal "+name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := seal(data, associated); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("open "+name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := sealer.Open(b.Context(), sealed, associated); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCall compares calls of a guard whose results are sealed with calls of one
// whose results are not.
func BenchmarkCall(b *testing.B) {
	for name, sealer := range map[string]idempotency.Sealer{
		"plain": nil,
		"sealed": idempotency.Must(kmsseal.New(kmsseal.Config{
			Client: oneKey{vector: vector{DataKey: make([]byte, 32), EncryptedDataKey: make([]byte, 184)}}, KeyID: "one",
		})),
	} {
		guard := idempotency.Must(idempotency.New(idempotency.Config{Store: memstore.New(), Seal: sealer}))
		run := func(context.Context) (idempotency.Result, error) {
			return idempotency.Result{Data: make([]byte, 150)}, nil
		}
		call := func(b *testing.B, n int) {
			key := idempotency.Must(idempotency.NewKey(idempotency.SharedScope(), "payments.create", strconv.Itoa(n)))
			if _, err := guard.Do(b.Context(), idempotency.Request{Key: key, Fingerprint: "f"}, run); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(name+" first call", func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				call(b, n)
			}
		})
		b.Run(name+" replay", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				call(b, 1)
			}
		})
	}
}
