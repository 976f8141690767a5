package idempotency

import (
	"context"
	"errors"
	"fmt"
)

// Sealer encrypts and authenticates what a guard records, so that a store, its
// backups and whoever may read them hold nothing legible. Package kmsseal seals by
// keys of AWS KMS.
//
// Associated data names what is sealed: [Key.ID] for the result of an operation,
// and that ID, a line feed and the step's name for the result of a step. It is not
// secret and is not stored with what is sealed.
//
// A guard calls a Sealer concurrently, and makes an error of a panic. An error that
// wraps [ErrSealUnavailable] or [context.DeadlineExceeded] may pass by itself. Any
// other error does not pass until somebody has mended its cause.
type Sealer interface {
	// Seal returns the function by which what one execution records is sealed. It is
	// called before the operation runs, so that nothing runs whose result could
	// not be sealed. Whatever asks a server belongs here.
	Seal(ctx context.Context) (SealFunc, error)

	// Open returns what was sealed. It returns an error if sealed was not made by a
	// SealFunc with these associated data, if it was changed, or if its key is gone.
	Open(ctx context.Context, sealed, associated []byte) ([]byte, error)
}

// SealFunc returns data in a form that [Sealer.Open] opens. It must not ask a
// server, because the effect has happened when it is called. If it fails all the
// same, the operation is recorded without its result.
type SealFunc func(data, associated []byte) (sealed []byte, err error)

// associated returns the associated data of a result: that of the operation, or of
// the step of the given name. No ID has a line feed.
func associated(id, step string) []byte {
	if step == "" {
		return []byte(id)
	}
	return []byte(id + "\n" + step)
}

// readySeal makes sure that the results of this call can be sealed.
func (c *call) readySeal(ctx context.Context) (err error) {
	if c.cfg.Seal == nil || c.sealing != nil {
		return nil
	}
	c.sealing, err = c.cfg.sealFunc(ctx)
	return err
}

func (c *Config) sealFunc(ctx context.Context) (seal SealFunc, err error) {
	defer func() { err = sealError(ctx, err) }()
	defer recovered("seal", &err)
	if seal, err = c.Seal.Seal(ctx); err == nil && seal == nil {
		err = errors.New("the Sealer returned no function")
	}
	return seal, err
}

// seal returns data as it is recorded.
func (s SealFunc) seal(id, step string, data []byte) (result []byte, err error) {
	if s == nil {
		return data, nil
	}
	defer recovered("seal", &err)
	if result, err = s(data, associated(id, step)); err == nil && result == nil {
		err = errors.New("idempotency: the Sealer returned nothing")
	}
	return result, err
}

// open returns recorded data as it was before it was sealed.
func (c *Config) open(ctx context.Context, id, step string, data []byte) (opened []byte, err error) {
	if c.Seal == nil {
		return data, nil
	}
	defer func() { err = sealError(ctx, err) }()
	defer recovered("open", &err)
	opened, err = c.Seal.Open(ctx, data, associated(id, step))
	if opened == nil {
		opened = []byte{} // it is a result, if there was no error
	}
	return opened, err
}

// sealError says of an error of Config.Seal whether it may pass by itself.
func sealError(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, ErrSealUnavailable):
		return err
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrSealUnavailable, err)
	}
	return fmt.Errorf("%w: %w", ErrSeal, err)
}

// ofSeal reports whether err comes from Config.Seal.
func ofSeal(err error) bool {
	return errors.Is(err, ErrSeal) || errors.Is(err, ErrSealUnavailable)
}

// sealObservation returns how a call ends that is refused by such an error.
func sealObservation(ctx context.Context, err error) Observation {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ObservedCancelled
	case errors.Is(err, ErrSeal):
		return ObservedSealFailed
	}
	return ObservedSealUnavailable
}
