// Package valkeystore keeps idempotency records in Valkey or Redis, from version
// 6 on, standalone or as a cluster.
//
// Every step of the protocol is one Lua script on one key, so it is atomic and
// goes to one node. A step and a replay cost one round trip each. Each request has
// a time limit, [RequestTimeout], so that one whose reply never comes can be made
// again.
//
// # Requirements on the server
//
// If a server loses a record, the operation may run again. The guarantees therefore
// depend on its configuration:
//
//   - maxmemory-policy must be noeviction. Every other policy removes records
//     when memory is short, those for keys with a time to live too, which all
//     records have. Amazon ElastiCache evicts unless its parameter group says
//     otherwise. With noeviction a full server refuses new claims, so nothing
//     runs, and still takes renewals and completions.
//   - Replication is asynchronous: a failover loses the last writes, those that
//     were acknowledged included. WAIT makes that less likely and not impossible,
//     and this package does not use it. min-replicas-to-write and
//     min-replicas-max-lag bound how much a primary cut off from its replicas can
//     go on to promise.
//   - A crash loses what was not on disk: with appendfsync everysec the last
//     second or two, with appendfsync always nothing that was acknowledged,
//     without an append-only file everything since the last snapshot.
//
// After a lost claim a duplicate may run beside the first call; after a lost
// completion the operation may run again. If that is not acceptable, keep records in
// a store that does not lose what it has acknowledged: DynamoDB (dynamostore), or
// Amazon MemoryDB, whose nodes share a durable log. Records that are not lost are
// fenced as in any store: no late owner overwrites, renews or releases another's
// record.
//
// # Expiry
//
// The callers' clocks decide whether a record has expired. The server removes
// a record an hour after its window.
//
// Field names and status words are those of the DynamoDB record, and so of
// Powertools for AWS Lambda.
package valkeystore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/internal/compression"
)

// Eval runs a Lua script with one key on the server, or on the node of the
// cluster that holds the key, and returns its reply: integers as int64, strings
// as string, arrays as []any, and nothing as nil. With the common clients it is a
// few lines; see the examples. script is one of [Scripts].
//
// It must return when ctx ends, because ctx carries the time limit of the request:
// go-redis needs Options.ContextTimeoutEnabled for that. It may
// repeat a request that failed: a step that was taken already succeeds again.
type Eval func(ctx context.Context, script, key string, args []string) (reply any, err error)

// Store keeps records on one server or cluster. It is safe for concurrent use;
// make one with [New].
type Store struct {
	eval    Eval
	prefix  string
	codec   compression.Codec
	timeout time.Duration
}

var (
	_ idempotency.StepStore     = (*Store)(nil)
	_ idempotency.OperatorStore = (*Store)(nil)
)

// Defaults of the options.
const (
	DefaultPrefix         = "idempotency:"
	DefaultCompressAbove  = compression.DefaultAbove
	DefaultRequestTimeout = time.Second
)

// Option configures a store.
type Option func(*Store)

// Prefix sets the prefix of the records' keys, default "idempotency:". In a cluster
// it should have no part in braces, which would put all records on one node.
func Prefix(prefix string) Option { return func(s *Store) { s.prefix = prefix } }

// CompressAbove sets the size in bytes from which responses are compressed if
// that makes them smaller. Negative for never, default 1 KiB.
func CompressAbove(bytes int) Option { return func(s *Store) { s.codec.Above = bytes } }

// RequestTimeout sets how long a request may take, the repetitions that the
// client makes of it included, before it is given up. The guard then makes
// another, which is safe: a request that was carried out meets itself. A large
// request has as much time again for each 512 KiB that it brings. Negative for no
// limit, at most a day, to which a longer one is shortened, default 1 second.
func RequestTimeout(d time.Duration) Option {
	return func(s *Store) { s.timeout = min(d, longestTimeout) }
}

// longestTimeout keeps the limit of a large request from overflowing.
const longestTimeout = 24 * time.Hour

// New returns a store that reaches its server by eval. It makes no request. It
// refuses a missing eval and a RequestTimeout of 0.
func New(eval Eval, options ...Option) (*Store, error) {
	if eval == nil {
		return nil, errors.New("valkeystore: eval is missing")
	}
	s := &Store{
		eval: eval, prefix: DefaultPrefix, codec: compression.Codec{Above: DefaultCompressAbove}, timeout: DefaultRequestTimeout,
	}
	for _, option := range options {
		option(s)
	}
	if s.timeout == 0 {
		return nil, errors.New("valkeystore: RequestTimeout is 0: want a time, or less than 0 for no limit")
	}
	return s, nil
}

// bytesPerTimeout is how many bytes a request may bring for each of its time
// limits.
const bytesPerTimeout = 512 << 10

// run runs a script and counts it. One that the client repeated counts as one
// round trip.
func (s *Store) run(ctx context.Context, script, id string, args ...string) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	idempotency.AddCost(ctx, idempotency.Cost{RoundTrips: 1})
	if s.timeout > 0 {
		size := 0
		for _, arg := range args {
			size += len(arg)
		}
		limit := s.timeout * time.Duration(1+size/bytesPerTimeout)
		limited, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		reply, err := s.eval(limited, script, s.prefix+id, args)
		if err != nil && limited.Err() != nil && ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
			// Not every client says that its context has ended.
			err = fmt.Errorf("valkeystore: no reply in %v: %w: %w", limit, context.DeadlineExceeded, err)
		}
		return reply, err
	}
	return s.eval(ctx, script, s.prefix+id, args)
}

// write runs a script that writes r. own are the arguments between those that all
// such scripts have and the fields.
func (s *Store) write(ctx context.Context, script string, r idempotency.Record, own ...string) (any, error) {
	const most = 4 + 4 + 2*3
	args := append(make([]string, 0, most), r.Owner, string(r.Fingerprint), timeToLive(r), strconv.FormatInt(r.Expires.Unix(), 10))
	args, err := s.withFields(append(args, own...), r)
	if err != nil {
		return nil, err
	}
	return s.run(ctx, script, r.ID, args...)
}

// Claim implements [idempotency.Store].
func (s *Store) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Record, error) {
	_, existing, err := s.TakeOver(ctx, c)
	return existing, err
}

// TakeOver implements [idempotency.StepStore].
func (s *Store) TakeOver(ctx context.Context, c idempotency.Claim) ([]idempotency.RecordedStep, *idempotency.Record, error) {
	var observedOwner, observedLease string
	if c.TakeOver != nil {
		observedOwner, observedLease = c.TakeOver.Owner, lease(*c.TakeOver)
	}
	now := strconv.FormatInt(c.Now.Unix(), 10)
	reply, err := s.write(ctx, claimScript, c.Record, lease(c.Record), now, observedOwner, observedLease)
	if err != nil {
		return nil, nil, err
	}
	existing, err := s.toRecord(c.Record.ID, reply)
	if err != nil || existing != nil {
		return nil, existing, err
	}
	if values := reply.([]any); len(values) > 0 {
		steps, err := s.toSteps(values[0])
		return steps, nil, err
	}
	return nil, nil, nil
}

// Renew implements [idempotency.Store].
func (s *Store) Renew(ctx context.Context, r idempotency.Record) (held bool, err error) {
	end := ""
	if r.LeaseUntil.IsZero() {
		end = "end"
	}
	return isOne(s.write(ctx, renewScript, r, lease(r), end))
}

// isOne reports whether a script has replied with 1, and not with 0.
func isOne(reply any, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, ok := reply.(int64)
	if !ok {
		return false, fmt.Errorf("valkeystore: a reply of the type %T, want an integer", reply)
	}
	return n == 1, nil
}

// RecordStep implements [idempotency.StepStore].
func (s *Store) RecordStep(ctx context.Context, r idempotency.Record, step idempotency.RecordedStep) (bool, error) {
	fields, err := s.toStep(len(r.Steps), step)
	if err != nil {
		return false, err
	}
	args := append([]string{r.Owner, strconv.Itoa(len(r.Steps))}, fields...)
	return isOne(s.run(ctx, stepScript, r.ID, args...))
}

// Complete implements [idempotency.Store].
func (s *Store) Complete(ctx context.Context, completed idempotency.Record) (*idempotency.Record, error) {
	reply, err := s.write(ctx, completeScript, completed)
	if err != nil {
		return nil, err
	}
	return s.toRecord(completed.ID, reply)
}

// Release implements [idempotency.Store].
func (s *Store) Release(ctx context.Context, id, owner string) error {
	_, err := s.run(ctx, releaseScript, id, owner)
	return err
}

// Load implements [idempotency.Store].
func (s *Store) Load(ctx context.Context, id string) (*idempotency.Record, error) {
	reply, err := s.run(ctx, loadScript, id)
	if err != nil {
		return nil, err
	}
	return s.toRecord(id, reply)
}

// Look implements [idempotency.OperatorStore].
func (s *Store) Look(ctx context.Context, id string) (*idempotency.Record, error) {
	return s.Load(ctx, id)
}

// Settle implements [idempotency.OperatorStore].
func (s *Store) Settle(ctx context.Context, observed, settled idempotency.Record) (bool, error) {
	return isOne(s.write(ctx, settleScript, settled, observed.Owner, lease(observed)))
}

// Forget implements [idempotency.OperatorStore].
func (s *Store) Forget(ctx context.Context, observed idempotency.Record) (bool, error) {
	return isOne(s.run(ctx, forgetScript, observed.ID, observed.Owner, string(observed.Status), lease(observed)))
}
