package storetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// RunHanging tests that a store gives up a request whose reply never comes, by a
// time limit of its own, and that the same step then succeeds. The steps of an
// [idempotency.OperatorStore] are among them if it is one.
//
// open returns an empty store that no other test uses, and a function hang: the
// next request that the store makes to its server is not answered before the
// request's context ends. If lost is set it does not reach the server either. limit
// is the store's time limit, for which the tests wait in real time.
func RunHanging(t *testing.T, limit time.Duration, open func(t *testing.T) (store idempotency.Store, hang func(lost bool))) {
	for name, lost := range map[string]bool{"lost": true, "carried out": false} {
		tests := []hangingTest{
			{"claim", nil, claims, func(_ *testing.T, s *suite) { r := s.record("a"); s.stored(&r) }},
			{"renewal", []step{claims}, renews, func(_ *testing.T, s *suite) { r := s.renewed(); s.stored(&r) }},
			{"completion", []step{claims}, completes, func(_ *testing.T, s *suite) { r := completed(s.record("a"), []byte("answer")); s.stored(&r) }},
			{"release", []step{claims}, releases, func(_ *testing.T, s *suite) { s.stored(nil) }},
			{"load", []step{claims}, loads, func(*testing.T, *suite) {}},
			{"operator's look", []step{claims}, looks, func(*testing.T, *suite) {}},
			{"operator's settlement", []step{claims}, settles, func(_ *testing.T, s *suite) { r := settled(s.record("a"), "operator", []byte("answer")); s.stored(&r) }},
			{"operator's forgetting", []step{claims}, forgets, func(_ *testing.T, s *suite) { s.stored(nil) }},
		}
		if store, _ := open(t); keepsSteps(store) {
			tests = append(tests, hangingStepTests...)
		}
		for _, test := range tests {
			t.Run(test.name+", "+name, func(t *testing.T) {
				t.Parallel()
				store, hang := open(t)
				if _, ok := store.(idempotency.OperatorStore); !ok && strings.HasPrefix(test.name, "operator's") {
					return
				}
				s := &suite{t, store, time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)}
				for _, step := range test.before {
					if err := step(t.Context(), s); err != nil {
						t.Fatal(err)
					}
				}
				hang(lost)
				began := time.Now()
				// The store may make the request again by itself, or leave that to the guard.
				ctx, cancel := context.WithTimeout(t.Context(), 20*limit)
				defer cancel()
				if err := test.hangs(ctx, s); err != nil {
					if took := time.Since(began); ctx.Err() != nil || took > 10*limit {
						t.Fatalf("given up after %v, though the limit is %v: %v", took, limit, err)
					}
					if err := test.hangs(t.Context(), s); err != nil {
						t.Fatalf("the step that hung does not succeed any more: %v", err)
					}
				}
				test.after(t, s)
			})
		}
	}
}

// hangingTest is a test of a request that hangs after others that did not.
type hangingTest struct {
	name   string
	before []step
	hangs  step
	after  func(*testing.T, *suite)
}

// step is a step of the protocol, which owner "a" takes.
type step func(context.Context, *suite) error

func (s *suite) renewed() idempotency.Record {
	r := s.record("a")
	r.LeaseUntil = r.LeaseUntil.Add(time.Minute)
	return r
}

func claims(ctx context.Context, s *suite) error {
	existing, err := s.store.Claim(ctx, idempotency.Claim{Record: s.record("a"), Now: s.now})
	if existing != nil {
		s.t.Errorf("the claim met a record of %q, want success", existing.Owner)
	}
	return err
}

func renews(ctx context.Context, s *suite) error {
	held, err := s.store.Renew(ctx, s.renewed())
	if err == nil && !held {
		s.t.Error("the renewal found no record of its owner")
	}
	return err
}

func completes(ctx context.Context, s *suite) error {
	existing, err := s.store.Complete(ctx, completed(s.record("a"), []byte("answer")))
	if existing != nil {
		s.t.Errorf("the completion met a record of %q, want success", existing.Owner)
	}
	return err
}

func releases(ctx context.Context, s *suite) error { return s.store.Release(ctx, id, "a") }

func looks(ctx context.Context, s *suite) error {
	r, err := s.operators().Look(ctx, id)
	if err == nil && r == nil {
		s.t.Error("the operator sees no record")
	}
	return err
}

func settles(ctx context.Context, s *suite) error {
	done, err := s.operators().Settle(ctx, s.record("a"), settled(s.record("a"), "operator", []byte("answer")))
	if err == nil && !done {
		s.t.Error("the settlement met another record, want success")
	}
	return err
}

func forgets(ctx context.Context, s *suite) error {
	done, err := s.operators().Forget(ctx, s.record("a"))
	if err == nil && !done {
		s.t.Error("the record to forget was another, want success")
	}
	return err
}

func loads(ctx context.Context, s *suite) error {
	r, err := s.store.Load(ctx, id)
	if err == nil && r == nil {
		s.t.Error("the record was not loaded")
	}
	return err
}
