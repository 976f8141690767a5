package idempotency_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"log"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// A Sealer with one key of the program's own, such as a secret that it was started
// with.
type ownKey struct{ cipher.AEAD }

func (k ownKey) Seal(context.Context) (idempotency.SealFunc, error) {
	return func(data, associated []byte) ([]byte, error) {
		return k.AEAD.Seal(nil, nil, data, associated), nil
	}, nil
}

func (k ownKey) Open(_ context.Context, sealed, associated []byte) ([]byte, error) {
	return k.AEAD.Open(nil, nil, sealed, associated)
}

// What is recorded cannot be read in the store, and duplicates get it all the same.
// Package kmsseal has a Sealer with keys of AWS KMS.
func ExampleSealer() {
	secret := []byte("32 bytes that come from elsewhere")[:32]
	block := idempotency.Must(aes.NewCipher(secret))
	key := ownKey{idempotency.Must(cipher.NewGCMWithRandomNonce(block))}

	store := memstore.New()
	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: store, Seal: key}))
	intent := idempotency.Intent{
		Scope:     idempotency.Must(idempotency.NewScope("alice")),
		Operation: "statements.create",
		Key:       "november",
		Payload:   struct{}{},
	}
	for range 2 {
		balance, outcome, err := idempotency.Do(context.Background(), guard, intent, func(context.Context) (string, error) {
			return "12.50", nil
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(balance, outcome.Replayed)
	}
	id := idempotency.Must(idempotency.NewKey(intent.Scope, intent.Operation, intent.Key)).ID()
	record := idempotency.Must(store.Load(context.Background(), id))
	fmt.Println("legible:", bytes.Contains(record.Data, []byte("12.50")))
	// Output:
	// 12.50 false
	// 12.50 true
	// legible: false
}

// Each key has a home. A Region passes requests on to it.
func ExampleKey_Home() {
	scope := idempotency.Must(idempotency.NewScope("alice"))
	for _, key := range []string{"k1", "k2"} {
		k := idempotency.Must(idempotency.NewKey(scope, "payments.create", key))
		fmt.Println(key, k.Home("eu-central-1", "us-east-1"), k.Home("us-east-1", "eu-central-1"))
	}
	// Output:
	// k1 eu-central-1 eu-central-1
	// k2 us-east-1 us-east-1
}
