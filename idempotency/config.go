package idempotency

import (
	"errors"
	"fmt"
	"reflect"
	"time"
)

// Defaults of [Config].
const (
	DefaultWindow            = 24 * time.Hour
	DefaultLease             = time.Minute
	DefaultSkew              = 5 * time.Second
	DefaultCompletionTimeout = 5 * time.Second
	DefaultMaxResult         = 6 << 20
	DefaultCacheEntries      = 1000
	DefaultCacheBytes        = 8 << 20
	DefaultCacheAge          = time.Minute
)

// Config configures a [Guard]. Only Store is required.
type Config struct {
	// Store keeps the records.
	Store Store

	// Mode chooses how effects are kept from happening twice. Default [Leased].
	Mode Mode

	// Window is how long a key is remembered, counted from its claim. After it
	// the same key executes again. At most 180 years, to which a longer one is
	// shortened. Default 24 hours.
	Window time.Duration

	// RecordsSince is the time since which the store has every record, if it has lost
	// some that are younger than the window, such as by a restore from a backup. A
	// request that was first sent before, by its Request.FirstSent, is refused with
	// [ErrWindowPassed]. Default: the store has lost none.
	RecordsSince time.Time

	// Lease is how long a key stays claimed when its owner dies. It is renewed
	// until the result of the execution is recorded, but never lasts beyond the
	// deadline of the caller's context, if there is one. At most 90 years, to which
	// a longer one is shortened. Default one minute.
	Lease time.Duration

	// Skew is added to every lease before it may be taken over: clocks of
	// different machines may differ by that much without two owners running at
	// once. Default 5 seconds; a negative value means none.
	Skew time.Duration

	// Wait is how long a duplicate waits for the running execution's result before
	// it is refused with *[InProgressError]. In Atomic mode only a store that finds
	// running executions makes it wait. Default: it does not wait.
	Wait time.Duration

	// Recovery chooses what to do with a key whose owner crashed. Default
	// [Reexecute].
	Recovery Recovery

	// CompletionTimeout bounds the time spent on recording a result, or on
	// releasing a key, retries included. If the caller's context has a deadline, it
	// is also bounded by three quarters of what is left until then, and at least
	// half a second. In Atomic mode it bounds the repetitions after conflicts.
	// Default 5 seconds.
	CompletionTimeout time.Duration

	// MaxResult is the largest result that is recorded, in bytes. A larger one
	// is returned to the first caller, and duplicates get [ErrResultNotKept]. So do
	// they if the store has no room for the result. Default 6 MiB.
	MaxResult int

	// CacheEntries and CacheBytes bound the completed records kept in memory, from
	// which duplicates are answered without asking the store. Default 1000 records
	// and 8 MiB; a negative bound turns the cache off.
	CacheEntries int
	CacheBytes   int

	// CacheAge is how long a record is kept in memory at most. It bounds how long
	// processes go on to replay a result that an operator has removed by
	// [Guard.Forget]. Default one minute.
	CacheAge time.Duration

	// Seal encrypts and authenticates what is recorded. All guards that share records
	// must have it, or none, because a record that was not sealed does not open.
	// Default: results are recorded as they are.
	Seal Sealer

	// Observer receives an event for everything that happens. Default: none.
	Observer Observer

	// Clock returns the time that is written into records and compared with them.
	// Default [time.Now].
	Clock func() time.Time

	// Disabled executes every call, and claims and records nothing. It is for tests
	// of the code that a guard protects.
	Disabled bool
}

// Mode is a way in which effects are kept from happening twice.
type Mode int

const (
	// Leased claims the key, executes, then records the result: for effects
	// anywhere. A crash between effect and record is left to [Recovery].
	Leased Mode = iota
	// Atomic writes effects and result in one transaction, in one round trip: for
	// effects that the store itself can write. The store has to be an
	// [AtomicStore]. There is nothing to recover, and Config's Lease, Skew and
	// Recovery do not apply.
	Atomic
)

// Recovery is a policy for a key whose owner vanished in mid-execution: its lease
// is over and nothing was recorded.
//
// It also applies to an execution that ended by an error or a panic, or without a
// result after its context had ended, because that may have come after the effect:
// under Reexecute the key is released, and under the other policies the execution
// counts as interrupted at once. A Result with Discard set, an error marked by
// [Discard] and [Execution.Discard] release the key under every policy.
type Recovery int

const (
	// Reexecute takes the lease over and executes again: at least once.
	Reexecute Recovery = iota
	// Refuse never executes again: at most once. Duplicates get
	// [ErrOutcomeUnknown] until the window has passed.
	Refuse
	// Reconcile takes the lease over and calls Request.Reconcile, which finds out
	// whether the effect has happened. If so its result is recorded, if not the
	// operation is executed again: exactly once, provided Reconcile reports
	// correctly.
	Reconcile
)

func (c Config) withDefaults() (Config, error) {
	if c.Store == nil || isNil(c.Store) {
		return c, errors.New("idempotency: Config.Store is missing")
	}
	if isNil(c.Observer) || isNil(c.Seal) {
		return c, errors.New("idempotency: Config.Observer or Config.Seal holds a nil pointer: has an error of its constructor been ignored?")
	}
	for _, d := range []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"Window", &c.Window, DefaultWindow},
		{"Lease", &c.Lease, DefaultLease},
		{"Wait", &c.Wait, 0},
		{"CompletionTimeout", &c.CompletionTimeout, DefaultCompletionTimeout},
		{"CacheAge", &c.CacheAge, DefaultCacheAge},
	} {
		if *d.value < 0 {
			return c, fmt.Errorf("idempotency: Config.%s is negative: %v", d.name, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	if c.Skew == 0 {
		c.Skew = DefaultSkew
	}
	c.Skew = min(max(c.Skew, 0), saturated)
	c.Lease = min(c.Lease, saturated)
	c.Window = min(c.Window, 2*saturated)
	if c.Window < c.Lease+c.Skew {
		return c, fmt.Errorf("idempotency: Config.Window (%v) is shorter than a lease and its skew allowance (%v): a key would be forgotten while it runs", c.Window, c.Lease+c.Skew)
	}
	switch c.Mode {
	case Leased:
	case Atomic:
		if _, ok := c.Store.(AtomicStore); !ok {
			return c, errors.New("idempotency: Config.Mode is Atomic, but Config.Store is no AtomicStore")
		}
		if c.Disabled {
			return c, errors.New("idempotency: Config.Disabled would lose the effects planned in Atomic mode")
		}
	default:
		return c, fmt.Errorf("idempotency: Config.Mode %d is unknown", c.Mode)
	}
	if c.Recovery < Reexecute || c.Recovery > Reconcile {
		return c, fmt.Errorf("idempotency: Config.Recovery %d is unknown", c.Recovery)
	}
	if c.MaxResult < 0 {
		return c, fmt.Errorf("idempotency: Config.MaxResult is negative: %d", c.MaxResult)
	}
	if c.MaxResult == 0 {
		c.MaxResult = DefaultMaxResult
	}
	if c.CacheEntries == 0 {
		c.CacheEntries = DefaultCacheEntries
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = DefaultCacheBytes
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c, nil
}

// isNil reports whether an interface holds a nil pointer or function.
func isNil(v any) bool {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer, reflect.Func:
		return r.IsNil()
	}
	return false
}
