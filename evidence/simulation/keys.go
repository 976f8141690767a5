package simulation

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

var errNoKeys = fmt.Errorf("the keys do not answer: %w", idempotency.ErrSealUnavailable)

// keys seal what is recorded in a part of the runs, and are out of reach now and then.
// What they seal looks the same each time, so that a run can be repeated: nobody
// attacks here.
type keys struct {
	world *world
	aead  cipher.AEAD
}

// newKeys returns the keys of a run, or nil for one in which nothing is sealed.
func newKeys(w *world) idempotency.Sealer {
	if !chance(draw(w.Seed, "sealed"), 0.3) {
		return nil
	}
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return &keys{w, aead}
}

func (k *keys) ask(ctx context.Context) error {
	c := ctx.Value(callKey{}).(*call)
	nth := c.count("keys")
	if !k.world.healed.Load() && chance(draw(k.world.Seed, "keys", c.ID, nth), k.world.set.hostility) {
		k.world.note(c.ID, "keys: %v", errNoKeys)
		c.update(func(entry *ledger.Call) { entry.Unsealed = true })
		return errNoKeys
	}
	return nil
}

// Seal implements [idempotency.Sealer].
func (k *keys) Seal(ctx context.Context) (idempotency.SealFunc, error) {
	if err := k.ask(ctx); err != nil {
		return nil, err
	}
	return func(data, associated []byte) ([]byte, error) {
		hash := sha256.Sum256(slices.Concat(data, associated))
		nonce := hash[:k.aead.NonceSize()]
		return k.aead.Seal(slices.Clone(nonce), nonce, data, associated), nil
	}, nil
}

// Open implements [idempotency.Sealer].
func (k *keys) Open(ctx context.Context, sealed, associated []byte) ([]byte, error) {
	if err := k.ask(ctx); err != nil {
		return nil, err
	}
	n := k.aead.NonceSize()
	if len(sealed) < n {
		return nil, fmt.Errorf("%d bytes are not sealed", len(sealed))
	}
	return k.aead.Open([]byte{}, sealed[:n], sealed[n:], associated)
}
