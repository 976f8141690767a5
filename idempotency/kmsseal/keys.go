package kmsseal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Sealer is an [idempotency.Sealer]. It is safe for concurrent use; make one with
// [New].
type Sealer struct {
	cfg     Config
	mu      sync.Mutex
	current *dataKey                     // seals, or nil
	known   *lru.Cache[string, *dataKey] // opens, by the encrypted form
	asking  singleflight.Group
}

var _ idempotency.Sealer = (*Sealer)(nil)

// maxAttempts bounds the requests for one data key to which KMS does not reply in time.
const maxAttempts = 3

func newSealer(cfg Config) (*Sealer, error) {
	known, err := lru.New[string, *dataKey](cfg.CachedKeys)
	if err != nil {
		return nil, errors.New("kmsseal: Config.CachedKeys is negative")
	}
	return &Sealer{cfg: cfg, known: known}, nil
}

// now is without the monotonic clock, which stands still while a function is frozen.
func (s *Sealer) now() time.Time { return s.cfg.Clock().Round(0) }

func (s *Sealer) fresh(k *dataKey) bool {
	age := s.now().Sub(k.made)
	return age >= 0 && age < s.cfg.MaxAge
}

// sealingKey returns the data key by which executions that begin now seal.
func (s *Sealer) sealingKey(ctx context.Context) (*dataKey, error) {
	if k := s.usable(); k != nil {
		return k, nil
	}
	return s.ask(ctx, "", func(ctx context.Context) (*dataKey, error) {
		if k := s.usable(); k != nil {
			return k, nil // another call has just got it
		}
		made := s.now()
		output, err := s.cfg.Client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
			KeyId: &s.cfg.KeyID, KeySpec: types.DataKeySpecAes256, EncryptionContext: s.cfg.Context,
		})
		if err != nil {
			return nil, err
		}
		k, err := newDataKey(output.Plaintext, output.CiphertextBlob, made)
		if err != nil {
			return nil, err
		}
		s.known.Add(string(output.CiphertextBlob), k)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.current = k
		return k, nil
	})
}

// usable returns the current data key, if it may still be used.
func (s *Sealer) usable() *dataKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && (!s.fresh(s.current) || s.current.uses.Load() >= s.cfg.MaxUses) {
		s.current = nil
	}
	return s.current
}

// openingKey returns the data key of that encrypted form.
func (s *Sealer) openingKey(ctx context.Context, wrapped []byte) (*dataKey, error) {
	if len(wrapped) == 0 || len(wrapped) > maxWrapped {
		return nil, errOpen
	}
	name := string(wrapped)
	if k, found := s.known.Get(name); found && s.fresh(k) {
		return k, nil
	}
	s.known.Remove(name)
	return s.ask(ctx, name, func(ctx context.Context) (*dataKey, error) {
		if k, found := s.known.Get(name); found && s.fresh(k) {
			return k, nil
		}
		made := s.now()
		plain, err := s.decrypt(ctx, []byte(name))
		if err != nil {
			return nil, err
		}
		k, err := newDataKey(plain, []byte(name), made)
		if err != nil {
			return nil, err
		}
		s.known.Add(name, k)
		return k, nil
	})
}

// decrypt names the key to KMS, current or former. Without a name KMS would decrypt by
// any key that the caller may use, one of a stranger's account included.
func (s *Sealer) decrypt(ctx context.Context, wrapped []byte) (plain []byte, err error) {
	for _, id := range slices.Concat([]string{s.cfg.KeyID}, s.cfg.FormerKeys) {
		var output *kms.DecryptOutput
		output, err = s.cfg.Client.Decrypt(ctx, &kms.DecryptInput{
			KeyId: &id, CiphertextBlob: wrapped, EncryptionContext: s.cfg.Context,
		})
		if err == nil {
			return output.Plaintext, nil
		}
		if _, other := errors.AsType[*types.IncorrectKeyException](err); !other {
			break
		}
	}
	return nil, err
}

// ask makes the request of the given name, or waits for the one that is under way. A
// caller that leaves does not end it for the others.
func (s *Sealer) ask(ctx context.Context, name string, request func(context.Context) (*dataKey, error)) (*dataKey, error) {
	detached := context.WithoutCancel(ctx)
	reply := s.asking.DoChan(name, func() (any, error) {
		return s.inTime(detached, request)
	})
	select {
	case r := <-reply:
		if r.Err != nil {
			return nil, classified(r.Err)
		}
		return r.Val.(*dataKey), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("kmsseal: %w: %w", idempotency.ErrSealUnavailable, context.Cause(ctx))
	}
}

// inTime repeats a request that KMS does not reply to in time. A panic would end
// the process, because the request has a goroutine of its own.
func (s *Sealer) inTime(ctx context.Context, request func(context.Context) (*dataKey, error)) (k *dataKey, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = mistake{fmt.Errorf("panic: %v", r)}
		}
	}()
	for range maxAttempts {
		k, err = func() (*dataKey, error) {
			ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
			defer cancel()
			return request(ctx)
		}()
		if !errors.Is(err, context.DeadlineExceeded) {
			break
		}
	}
	return k, err
}

// mistake is an error of the client that Config has.
type mistake struct{ error }

// classified says of an error whether it may pass by itself.
func classified(err error) error {
	if final(err) {
		return fmt.Errorf("kmsseal: %w", err)
	}
	return fmt.Errorf("kmsseal: %w: %w", idempotency.ErrSealUnavailable, err)
}

// final reports whether err is a mistake, or KMS has refused a request that it will
// refuse again: the key is not there, disabled, to be deleted or forbidden, or the data
// key was not encrypted by it in this context. Throttling is no such refusal.
func final(err error) bool {
	if _, ok := errors.AsType[mistake](err); ok {
		return true
	}
	refusal, replied := errors.AsType[smithy.APIError](err)
	if !replied || retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary {
		return false
	}
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return response.HTTPStatusCode() >= http.StatusBadRequest && response.HTTPStatusCode() < http.StatusInternalServerError
	}
	return refusal.ErrorFault() == smithy.FaultClient
}
