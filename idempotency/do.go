package idempotency

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Intent names what [Do] executes once.
type Intent struct {
	// Scope, Operation and Key compose the key; see [NewKey]. All are required.
	Scope     Scope
	Operation string
	Key       string

	// Payload is the request's payload. The fingerprint is made from its JSON
	// encoding, so fields that are tagged json:"-" or not exported may differ between
	// a request and its duplicates. Structs, maps and slices always encode alike; raw
	// JSON keeps the order of its members and is better decoded first. If the key says
	// it all, use struct{}{}. A payload that encodes as null is refused, because it is
	// usually a mistake.
	Payload any

	// Fingerprint is used instead of Payload if it is set.
	Fingerprint Fingerprint

	// LikelyDuplicate hints that the key has probably been used before; see [Request].
	LikelyDuplicate bool

	// FirstSent is when the request was first sent, if that is known; see [Request].
	FirstSent time.Time

	// Reconcile finds out what became of an interrupted execution; see [Request]. It
	// returns [CompletedWith] if that has completed.
	Reconcile func(context.Context) (Reconciliation, error)

	// Codec encodes results. Default: JSON, by package encoding/json. Later versions
	// of the program must be able to decode a recorded result for as long as its
	// window lasts.
	Codec Codec
}

// Codec encodes results to be recorded, and decodes recorded ones.
type Codec interface {
	Marshal(value any) ([]byte, error)
	Unmarshal(data []byte, value any) error
}

type jsonCodec struct{}

func (jsonCodec) Marshal(value any) ([]byte, error)      { return json.Marshal(value) }
func (jsonCodec) Unmarshal(data []byte, value any) error { return json.Unmarshal(data, value) }

// Do executes run unless it has been executed for the intent before, in which
// case the recorded result is returned. It is [Guard.Do] for functions that
// return a value:
//
//	receipt, outcome, err := idempotency.Do(ctx, guard, idempotency.Intent{
//		Scope:     scope, // who is asking
//		Operation: "mails.send",
//		Key:       key, // one per intent, chosen by the caller
//		Payload:   mail,
//	}, func(ctx context.Context) (Receipt, error) {
//		return send(ctx, mail)
//	})
//
// Every caller, the first one included, gets the value as it was recorded: what a
// Receipt loses by being encoded and decoded is missing from the start, and not only
// for duplicates. If a value cannot be encoded and decoded at all, the first caller
// gets it as run returned it, duplicates get [ErrResultNotKept], and nothing is
// executed again. Duplicates get that error, too, if a recorded value can no longer
// be decoded.
//
// An error from run is returned as it is and not recorded; what becomes of the
// key is up to the guard's [Recovery] policy, unless it is marked by [Discard].
// A refusal that duplicates should get as well, such as a declined card, is a
// result, for which T needs a field. A function that stops because its context has
// ended must return an error: a value without one is recorded. Errors that come
// without executing are those of [Guard.Do]. An intent that is incomplete is refused
// before anything is claimed.
func Do[T any](ctx context.Context, guard *Guard, intent Intent, run func(context.Context) (T, error)) (T, Outcome, error) {
	var none T
	if run == nil {
		return none, Outcome{}, errors.New("idempotency: there is nothing to run: the function is nil")
	}
	request, err := intent.request()
	if err != nil {
		return none, Outcome{}, err
	}
	codec := intent.Codec
	if codec == nil {
		codec = jsonCodec{}
	}
	if reconcile := intent.Reconcile; reconcile != nil {
		request.Reconcile = decodable[T](codec, reconcile)
	}

	var own *T // what run returned in this call
	outcome, err := guard.Do(ctx, request, func(ctx context.Context) (Result, error) {
		value, err := run(ctx)
		own = &value
		if err != nil {
			return Result{}, err
		}
		value, result := asRecorded(codec, value)
		own = &value
		return result, nil
	})
	switch {
	case own != nil && !outcome.Replayed:
		return *own, outcome, err
	case err != nil:
		return none, outcome, err
	}
	value, err := decode[T](codec, outcome.Data)
	if err != nil {
		return none, outcome, fmt.Errorf("%w: %w", ErrResultNotKept, err)
	}
	return value, outcome, nil
}

// Discard marks an error of an operation as one that came before any effect: the
// key is released under every [Recovery] policy, so that a retry executes. A key with
// recorded or possibly begun steps is left to the retry instead; see [Step]. The
// returned error has the message of err and wraps it. It is nil if err is nil.
func Discard(err error) error {
	if err == nil {
		return nil
	}
	return &discardError{err}
}

type discardError struct{ cause error }

func (e *discardError) Error() string { return e.cause.Error() }
func (e *discardError) Unwrap() error { return e.cause }

// CompletedWith returns the [Reconciliation] of an interrupted execution that has
// had its effect: value is what the operation would have returned. It is encoded as
// JSON; with another [Codec], make the Reconciliation yourself.
func CompletedWith(value any) (Reconciliation, error) {
	data, err := encode(jsonCodec{}, value)
	return Reconciliation{Completed: true, Result: Result{Data: data}}, err
}

func (i Intent) request() (Request, error) {
	key, err := NewKey(i.Scope, i.Operation, i.Key)
	if err != nil {
		return Request{}, err
	}
	fingerprint := i.Fingerprint
	switch {
	case fingerprint != "" && i.Payload != nil:
		return Request{}, errors.New("idempotency: Intent.Payload and Intent.Fingerprint are both set")
	case fingerprint == "":
		text, err := json.Marshal(i.Payload)
		if err != nil {
			return Request{}, fmt.Errorf("idempotency: Intent.Payload: %w", err)
		}
		if bytes.Equal(text, []byte("null")) {
			return Request{}, errors.New("idempotency: Intent.Payload is missing or null: without it, another payload under the same key goes unnoticed; where there is none, say struct{}{}")
		}
		fingerprint = NewFingerprint(text)
	}
	return Request{Key: key, Fingerprint: fingerprint, LikelyDuplicate: i.LikelyDuplicate, FirstSent: i.FirstSent}, nil
}

// asRecorded returns the result that records value, and the value as duplicates
// will decode it, or as it is if it cannot be encoded and decoded.
func asRecorded[T any](codec Codec, value T) (T, Result) {
	data, err := encode(codec, value)
	if err != nil {
		return value, Result{NotKept: err}
	}
	recorded, err := decode[T](codec, data)
	if err != nil {
		return value, Result{NotKept: err}
	}
	if data == nil {
		data = []byte{} // there is a value: that is a result, however it is encoded
	}
	return recorded, Result{Data: data}
}

// decodable returns a reconcile whose result, if it finds one, can be decoded: it
// would be recorded for nobody otherwise.
func decodable[T any](codec Codec, reconcile func(context.Context) (Reconciliation, error)) func(context.Context) (Reconciliation, error) {
	return func(ctx context.Context) (Reconciliation, error) {
		found, err := reconcile(ctx)
		if err == nil && found.Completed && found.Result.NotKept == nil {
			_, err = decode[T](codec, found.Result.Data)
		}
		return found, err
	}
}

// The effect has happened when a result is encoded: a panic then must not pass
// for a failed execution.

func encode(codec Codec, value any) (data []byte, err error) {
	defer recovered("encode", &err)
	return codec.Marshal(value)
}

func decode[T any](codec Codec, data []byte) (value T, err error) {
	defer recovered("decode", &err)
	err = codec.Unmarshal(data, &value)
	return value, err
}

func recovered(what string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("idempotency: %s the result: panic: %v", what, r)
	}
}
