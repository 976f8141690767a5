// Package kmsseal seals what a guard records by keys of AWS KMS. Its [Sealer] is for
// Config.Seal of package idempotency:
//
//	sealer, err := kmsseal.New(kmsseal.Config{Client: kms.NewFromConfig(cfg), KeyID: "alias/idempotency"})
//	guard, err := idempotency.New(idempotency.Config{Store: store, Seal: sealer})
//
// Each process seals by data keys of its own, with AES-256-GCM. KMS makes and encrypts
// them (GenerateDataKey), and what is sealed carries its data key in encrypted form.
// Another process has that decrypted (Decrypt) when it opens the first result that was
// sealed by it. Both use a data key for Config.MaxAge at most, so that KMS
// takes no part in most calls. A data key also has a limit of use, which keeps the
// random nonces of AES-GCM from repeating.
//
// A key that is disabled, scheduled for deletion or not permitted makes calls fail
// with [idempotency.ErrSeal], and KMS that is out of reach or throttles makes them
// fail with [idempotency.ErrSealUnavailable]. Either executes nothing.
//
// A function's role needs kms:GenerateDataKey and kms:Decrypt on the key, and
// kms:Decrypt on former ones.
//
// What remains visible without the key, and how keys are changed, is in
// docs/sealing.md of the repository.
package kmsseal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Client is the part of *[kms.Client] that a Sealer uses.
type Client interface {
	GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error)
	Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error)
}

var _ Client = (*kms.Client)(nil)

// Defaults and limits of [Config].
const (
	DefaultMaxUses        = 1 << 20
	DefaultMaxAge         = 5 * time.Minute
	DefaultCachedKeys     = 1000
	DefaultRequestTimeout = time.Second

	MostUses = 1 << 31
	MostAge  = 24 * time.Hour
)

// Config configures a [Sealer]. Client and KeyID are required.
type Config struct {
	// Client is the SDK's client for KMS.
	Client Client

	// KeyID is the id, the ARN, the alias or the alias' ARN of a symmetric encryption
	// key. An alias may be pointed at another key at any time, as long as FormerKeys
	// has the one before.
	KeyID string

	// FormerKeys are keys by which results were sealed that are still recorded, for as
	// long as their windows last. The automatic rotation of a key needs no entry,
	// because the key stays the same.
	FormerKeys []string

	// Context is the encryption context of the data keys: names and values that KMS
	// writes into its log, and that policies may ask for. It is not secret. What was
	// sealed under another context does not open. Default: {"purpose": "idempotency"}.
	Context map[string]string

	// MaxUses is how many results a data key seals before executions that begin get
	// another one. Default 2^20, at most 2^31.
	MaxUses int64

	// MaxAge is how long a data key is used from memory. A key that was disabled in KMS
	// is no longer used after that time. Default 5 minutes, at most 24 hours.
	MaxAge time.Duration

	// CachedKeys is how many data keys are kept to open results. There are about as
	// many as processes that seal, times Window by MaxAge. Default 1000.
	CachedKeys int

	// RequestTimeout is how long a request to KMS may take, the repetitions that the
	// SDK makes of it included, before it is given up. Another two attempts follow.
	// Default 1 second.
	RequestTimeout time.Duration

	// SealFrom and PlainUntil are for turning sealing on while the program runs on
	// several machines. Before SealFrom results are recorded as they are, so that
	// every process can open what is sealed before the first one seals. Until
	// PlainUntil, recorded results that are not sealed are accepted: SealFrom and the
	// guard's Window later there are none. Default: everything is sealed, and what is
	// not sealed is refused.
	SealFrom, PlainUntil time.Time

	// Clock returns the time by which data keys age. Default [time.Now].
	Clock func() time.Time
}

// New returns a Sealer, or an error that names the field of cfg that is wrong. It
// makes no request.
func New(cfg Config) (*Sealer, error) {
	switch {
	case cfg.Client == nil:
		return nil, errors.New("kmsseal: Config.Client is missing")
	case cfg.KeyID == "":
		return nil, errors.New("kmsseal: Config.KeyID is missing")
	case slices.Contains(cfg.FormerKeys, ""):
		return nil, errors.New("kmsseal: Config.FormerKeys has an empty key")
	case cfg.PlainUntil.Before(cfg.SealFrom):
		return nil, errors.New("kmsseal: Config.PlainUntil is before Config.SealFrom: what is recorded in between would not be read")
	}
	for _, number := range []struct {
		name                  string
		value                 *int64
		fallback, least, most int64
	}{
		{"MaxUses", &cfg.MaxUses, DefaultMaxUses, 1, MostUses},
		{"MaxAge", (*int64)(&cfg.MaxAge), int64(DefaultMaxAge), 1, int64(MostAge)},
		{"RequestTimeout", (*int64)(&cfg.RequestTimeout), int64(DefaultRequestTimeout), 1, int64(time.Minute)},
	} {
		if *number.value == 0 {
			*number.value = number.fallback
		}
		if *number.value < number.least || *number.value > number.most {
			return nil, fmt.Errorf("kmsseal: Config.%s is out of bounds", number.name)
		}
	}
	if cfg.CachedKeys == 0 {
		cfg.CachedKeys = DefaultCachedKeys
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if len(cfg.Context) == 0 {
		cfg.Context = map[string]string{"purpose": "idempotency"}
	}
	cfg.Context = maps.Clone(cfg.Context)
	cfg.FormerKeys = slices.Clone(cfg.FormerKeys)
	return newSealer(cfg)
}

// Seal implements [idempotency.Sealer]. It asks KMS for a data key if the one at
// hand is used up or too old.
func (s *Sealer) Seal(ctx context.Context) (idempotency.SealFunc, error) {
	if s.cfg.Clock().Before(s.cfg.SealFrom) {
		return func(data, _ []byte) ([]byte, error) { return data, nil }, nil
	}
	key, err := s.sealingKey(ctx)
	if err != nil {
		return nil, err
	}
	return key.seal, nil
}

// Open implements [idempotency.Sealer]. It asks KMS for a data key that is not at hand.
func (s *Sealer) Open(ctx context.Context, sealed, associated []byte) ([]byte, error) {
	wrapped, isSealed, err := wrappedKey(sealed)
	switch {
	case err != nil:
		return nil, err
	case !isSealed && s.cfg.Clock().Before(s.cfg.PlainUntil):
		return sealed, nil
	case !isSealed:
		return nil, errors.New("kmsseal: the result is not sealed")
	}
	key, err := s.openingKey(ctx, wrapped)
	if err != nil {
		return nil, err
	}
	return key.open(sealed, associated)
}
