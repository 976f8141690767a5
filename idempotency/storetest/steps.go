package storetest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

var stepTests = []test{
	{"steps are recorded in order", testSteps},
	{"a repeated step is recorded once", testStepTwice},
	{"a step is recorded by its owner alone", testStepOfOther},
	{"renewals keep steps", testRenewKeepsSteps},
	{"a takeover keeps steps and returns them", testTakeOverKeepsSteps},
	{"a takeover keeps a step that its owner has not seen", testTakeOverKeepsUnseenStep},
	{"a takeover that meets another record changes nothing", testTakeOverRefused},
	{"completion and release remove steps", testStepsRemoved},
	{"a record past its window is replaced, steps and all", testStepsExpire},
	{"steps of any size and content survive a takeover", testStepData},
	{"a zombie's step is not mixed into its successor's", testZombieStepData},
	{"as many steps as a record may have are kept", testManySteps},
	{"what is stored of a step is not shared with the caller", testStepAliasing},
	{"a step and a concurrent takeover agree", testStepAgainstTakeOver},
	{"a cancelled context is an error for steps", testStepCancelled},
}

var hangingStepTests = []hangingTest{
	{"first step", []step{claims}, recordsStep("charge"), wantSteps("charge")},
	{"second step", []step{claims, recordsStep("charge")}, recordsStep("receipt", "charge"), wantSteps("charge", "receipt")},
	{"renewal with steps", []step{claims, recordsStep("charge")}, renews, wantSteps("charge")},
	{"takeover with steps", []step{claims, recordsStep("charge")}, takesOver, wantSteps("charge")},
}

func keepsSteps(store idempotency.Store) bool {
	_, ok := store.(idempotency.StepStore)
	return ok
}

func equalSteps(a, b []idempotency.RecordedStep) bool {
	return slices.EqualFunc(a, b, func(a, b idempotency.RecordedStep) bool {
		return a.Name == b.Name && bytes.Equal(a.Data, b.Data) && (a.Data == nil) == (b.Data == nil)
	})
}

func named(name, data string) idempotency.RecordedStep {
	return idempotency.RecordedStep{Name: name, Data: []byte(data)}
}

func (s *suite) steps() idempotency.StepStore { return s.store.(idempotency.StepStore) }

// recordSteps records steps of r's owner, which knows of those before, and returns
// r with them.
func (s *suite) recordSteps(r idempotency.Record, steps ...idempotency.RecordedStep) idempotency.Record {
	s.t.Helper()
	for _, step := range steps {
		if held, err := s.steps().RecordStep(s.t.Context(), r, step); !held || err != nil {
			s.t.Fatalf("RecordStep %q by %q: %v, %v", step.Name, r.Owner, held, err)
		}
		r.Steps = append(slices.Clip(r.Steps), step)
	}
	return r
}

// takeOver takes observed over and returns the new record with its steps.
func (s *suite) takeOver(heir, observed idempotency.Record) idempotency.Record {
	s.t.Helper()
	steps, existing, err := s.steps().TakeOver(s.t.Context(), idempotency.Claim{Record: heir, Now: s.now, TakeOver: &observed})
	if existing != nil || err != nil {
		s.t.Fatalf("TakeOver by %q: met %+v, %v", heir.Owner, existing, err)
	}
	heir.Steps = steps
	return heir
}

func (s *suite) wantSteps(got idempotency.Record, want ...idempotency.RecordedStep) {
	s.t.Helper()
	if !equalSteps(got.Steps, want) {
		s.t.Errorf("steps %v, want %v", got.Steps, want)
	}
}

func testSteps(t *testing.T, s *suite) {
	r := s.record("a")
	s.mustClaim(r)
	r = s.recordSteps(r, named("charge", "charged"), idempotency.RecordedStep{Name: "not.kept"}, named("empty", ""), named("receipt", "sent"))
	s.stored(&r)
}

func testStepTwice(t *testing.T, s *suite) {
	r := s.record("a")
	s.mustClaim(r)
	charge, receipt := named("charge", "charged"), named("receipt", "sent")
	s.recordSteps(r, charge)
	one := s.recordSteps(r, charge)
	s.stored(&one)
	s.recordSteps(one, receipt)
	two := s.recordSteps(one, receipt)
	s.stored(&two)
	s.recordSteps(r, charge) // a copy of the first that arrives only now
	s.stored(&two)
}

func testStepOfOther(t *testing.T, s *suite) {
	refused := func(r idempotency.Record) {
		t.Helper()
		if held, err := s.steps().RecordStep(t.Context(), r, named("charge", "charged")); held || err != nil {
			t.Errorf("RecordStep by %q: %v, %v, want false", r.Owner, held, err)
		}
	}
	r := s.record("a")
	refused(r) // nothing there
	s.stored(nil)
	s.mustClaim(r)
	refused(s.record("zombie"))
	s.stored(&r)
	with := s.recordSteps(r, named("receipt", "sent"))
	zombie := s.record("zombie")
	zombie.Steps = with.Steps
	refused(zombie)
	s.stored(&with)
	done := completed(r, []byte("answer"))
	s.mustComplete(done)
	refused(r)
	refused(with)
	s.stored(&done)
}

func testRenewKeepsSteps(t *testing.T, s *suite) {
	r := s.record("a")
	s.mustClaim(r)
	renew := func(r idempotency.Record) {
		t.Helper()
		if held, err := s.store.Renew(t.Context(), r); !held || err != nil {
			t.Fatalf("Renew: %v, %v", held, err)
		}
	}
	with := s.recordSteps(r, named("charge", "charged"))
	for _, known := range [][]idempotency.RecordedStep{with.Steps, nil} { // a renewal may be older than the step
		for _, later := range []time.Duration{time.Minute, 2 * time.Hour} {
			with.LeaseUntil = with.LeaseUntil.Add(later)
			with.Expires = with.Expires.Add(later)
			renewal := with
			renewal.Steps = known
			renew(renewal)
			s.stored(&with)
			renewal.LeaseUntil = renewal.LeaseUntil.Add(-time.Second)
			renew(renewal) // one that arrives late
			s.stored(&with)
		}
	}
	for _, known := range [][]idempotency.RecordedStep{with.Steps, nil} {
		gone := with
		gone.LeaseUntil, gone.Steps = time.Time{}, known
		renew(gone)
		gone.Steps = with.Steps
		s.stored(&gone)
		renew(with)
	}
	zombie := with
	zombie.Owner = "zombie"
	if held, err := s.store.Renew(t.Context(), zombie); held || err != nil {
		t.Errorf("Renew by a zombie: %v, %v, want false", held, err)
	}
	s.stored(&with)
}

func testTakeOverKeepsSteps(t *testing.T, s *suite) {
	crashed := s.record("crashed")
	s.mustClaim(crashed)
	charge, receipt := named("charge", "charged"), named("receipt", "sent")
	crashed = s.recordSteps(crashed, charge)
	s.now = s.now.Add(time.Minute)
	heir := s.takeOver(s.record("heir"), crashed)
	s.wantSteps(heir, charge)
	s.stored(&heir)

	again := s.takeOver(s.record("heir"), crashed) // its reply was lost
	s.wantSteps(again, charge)
	s.stored(&heir)

	if held, err := s.steps().RecordStep(t.Context(), crashed, receipt); held || err != nil {
		t.Errorf("RecordStep by the one that was taken over: %v, %v, want false", held, err)
	}
	heir = s.recordSteps(heir, receipt)
	s.stored(&heir)
	s.now = s.now.Add(time.Minute)
	next := s.record("next")
	if existing := s.claim(idempotency.Claim{Record: next, Now: s.now, TakeOver: &heir}); existing != nil {
		t.Fatalf("Claim met %+v, want success", existing)
	}
	next.Steps = heir.Steps
	s.stored(&next)
}

func testTakeOverKeepsUnseenStep(t *testing.T, s *suite) {
	seen := s.record("slow")
	s.mustClaim(seen)
	charge, receipt := named("charge", "charged"), named("receipt", "sent")
	s.recordSteps(seen, charge)
	s.now = s.now.Add(time.Minute)
	heir := s.takeOver(s.record("heir"), seen)
	s.wantSteps(heir, charge)
	s.stored(&heir)

	seen = heir
	heir = s.recordSteps(heir, receipt)
	s.now = s.now.Add(time.Minute)
	next := s.takeOver(s.record("next"), seen)
	s.wantSteps(next, charge, receipt)
	s.stored(&next)
}

func testTakeOverRefused(t *testing.T, s *suite) {
	for _, steps := range [][]idempotency.RecordedStep{nil, {named("charge", "charged")}} {
		observed := s.record(fmt.Sprint("owner with steps: ", len(steps)))
		s.mustClaim(observed)
		observed = s.recordSteps(observed, steps...)
		refused := func(takeOver idempotency.Record, met *idempotency.Record) {
			t.Helper()
			got, existing, err := s.steps().TakeOver(t.Context(), idempotency.Claim{Record: s.record("heir"), Now: s.now, TakeOver: &takeOver})
			if existing == nil || existing.Owner != met.Owner || existing.Status != met.Status || len(got) > 0 || err != nil {
				t.Errorf("TakeOver: steps %v, met %+v, error %v; want to meet %+v", got, existing, err, met)
			}
			s.stored(met)
		}
		otherOwner, otherLease := observed, observed
		otherOwner.Owner = "other"
		otherLease.LeaseUntil = observed.LeaseUntil.Add(-time.Second)
		refused(otherOwner, &observed)
		refused(otherLease, &observed)
		done := completed(observed, []byte("answer"))
		done.Steps = nil
		s.mustComplete(done)
		refused(observed, &done)
		s.now = observed.Expires
	}
}

func testStepsRemoved(t *testing.T, s *suite) {
	r := s.record("a")
	s.mustClaim(r)
	s.recordSteps(r, named("charge", "charged"))
	s.release("a")
	s.stored(nil)

	next := s.record("b")
	s.mustClaim(next)
	s.stored(&next)
	s.recordSteps(next, named("charge", "charged"))
	done := completed(next, []byte("answer"))
	s.mustComplete(done)
	s.stored(&done)
}

func testStepsExpire(t *testing.T, s *suite) {
	for name, observe := range map[string]bool{"claim": false, "takeover": true} {
		old := s.record("old " + name)
		s.mustClaim(old)
		old = s.recordSteps(old, named("charge", "charged"))
		s.now = old.Expires
		next := s.record("next " + name)
		if observe {
			s.wantSteps(s.takeOver(next, old))
		} else {
			s.mustClaim(next)
		}
		s.stored(&next)
		s.release(next.Owner)
	}
	gone := s.record("gone")
	gone.Steps = []idempotency.RecordedStep{named("charge", "charged")}
	next := s.record("next")
	s.wantSteps(s.takeOver(next, gone))
	s.stored(&next)
}

func testStepData(t *testing.T, s *suite) {
	r := s.record("first")
	s.mustClaim(r)
	for i, size := range []int{0, 1, 3 << 10, 5 << 10, 100 << 10, 900 << 10} {
		r = s.recordSteps(r, idempotency.RecordedStep{Name: fmt.Sprint("step-", size), Data: incompressible(size, uint64(i))})
		s.stored(&r)
		s.now = s.now.Add(time.Minute)
		heir := s.takeOver(s.record(fmt.Sprint("heir ", i)), r)
		s.wantSteps(heir, r.Steps...)
		r = heir
	}
	s.stored(&r)
}

// incompressible returns so many bytes, others for each seed.
func incompressible(size int, seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 2))
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

// Both run the same step, and its result is so large that a store may keep it beside
// the record, where it is written before the step is.
func testZombieStepData(t *testing.T, s *suite) {
	zombie := s.record("zombie")
	s.mustClaim(zombie)
	s.now = s.now.Add(time.Minute)
	heir := s.takeOver(s.record("heir"), zombie)
	const size = 500 << 10
	late := idempotency.RecordedStep{Name: "charge", Data: incompressible(size, 1)}
	if held, err := s.steps().RecordStep(t.Context(), zombie, late); held || err != nil {
		t.Errorf("RecordStep by a zombie: %v, %v, want false", held, err)
	}
	heir = s.recordSteps(heir, idempotency.RecordedStep{Name: "charge", Data: incompressible(size, 2)})
	s.stored(&heir)
}

func testManySteps(t *testing.T, s *suite) {
	r := s.record("a")
	s.mustClaim(r)
	for i := range idempotency.MaxSteps {
		r = s.recordSteps(r, idempotency.RecordedStep{Name: fmt.Sprintf("step-%0*d", 95, i), Data: incompressible(6000, uint64(i))})
	}
	s.stored(&r)
	s.takeOver(s.record("b"), r)
}

func testStepAliasing(t *testing.T, s *suite) {
	r := s.record("a")
	s.mustClaim(r)
	data := []byte("charged")
	s.recordSteps(r, idempotency.RecordedStep{Name: "charge", Data: data})
	data[0] = 'X'
	r = s.takeOver(s.record("b"), r)
	s.wantSteps(r, named("charge", "charged"))
	r.Steps[0].Data[0] = 'Y'
	r = s.takeOver(s.record("c"), r)
	s.wantSteps(r, named("charge", "charged"))
	loaded, err := s.store.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	loaded.Steps[0].Data[0] = 'Z'
	s.stored(&r)
}

// Whichever is first, the heir has the step exactly if its owner was told that it is
// recorded.
func testStepAgainstTakeOver(t *testing.T, s *suite) {
	for round := range 20 {
		owner := s.record(fmt.Sprint("owner ", round))
		s.mustClaim(owner)
		if round%2 == 1 {
			owner = s.recordSteps(owner, named("before", "done"))
		}
		var (
			race sync.WaitGroup
			held bool
			heir idempotency.Record
			errs [2]error
		)
		race.Go(func() { held, errs[0] = s.steps().RecordStep(t.Context(), owner, named("charge", "charged")) })
		race.Go(func() {
			heir = s.record(fmt.Sprint("heir ", round))
			var existing *idempotency.Record
			heir.Steps, existing, errs[1] = s.steps().TakeOver(t.Context(), idempotency.Claim{Record: heir, Now: s.now, TakeOver: &owner})
			if existing != nil {
				t.Errorf("TakeOver met %+v", existing)
			}
		})
		race.Wait()
		if errs != [2]error{} {
			t.Fatal(errs)
		}
		want := slices.Clip(owner.Steps)
		if held {
			want = append(want, named("charge", "charged"))
		}
		s.wantSteps(heir, want...)
		s.stored(&heir)
		s.release(heir.Owner)
	}
}

func testStepCancelled(t *testing.T, s *suite) {
	r := s.record("a")
	s.mustClaim(r)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.steps().RecordStep(ctx, r, named("charge", "charged")); err == nil {
		t.Error("RecordStep succeeded with a cancelled context")
	}
	if _, _, err := s.steps().TakeOver(ctx, idempotency.Claim{Record: s.record("b"), Now: s.now, TakeOver: &r}); err == nil {
		t.Error("TakeOver succeeded with a cancelled context")
	}
	s.stored(&r)
}

// recordsStep returns a step of the protocol that records a step of owner "a", after
// those of the other names.
func recordsStep(name string, before ...string) step {
	return func(ctx context.Context, s *suite) error {
		r := s.record("a")
		for _, name := range before {
			r.Steps = append(r.Steps, named(name, "result"))
		}
		held, err := s.steps().RecordStep(ctx, r, named(name, "result"))
		if err == nil && !held {
			s.t.Errorf("the step %q found no record of its owner", name)
		}
		return err
	}
}

func takesOver(ctx context.Context, s *suite) error {
	observed := s.record("a")
	observed.Steps = []idempotency.RecordedStep{named("charge", "result")}
	steps, existing, err := s.steps().TakeOver(ctx, idempotency.Claim{Record: s.record("b"), Now: s.now, TakeOver: &observed})
	if err == nil && (existing != nil || !equalSteps(steps, observed.Steps)) {
		s.t.Errorf("the takeover met %+v and steps %v", existing, steps)
	}
	return err
}

// wantSteps returns a check that the stored record has the steps of those names.
func wantSteps(names ...string) func(*testing.T, *suite) {
	return func(t *testing.T, s *suite) {
		r, err := s.store.Load(t.Context(), id)
		if err != nil || r == nil {
			t.Fatalf("Load: %+v, %v", r, err)
		}
		var want []idempotency.RecordedStep
		for _, name := range names {
			want = append(want, named(name, "result"))
		}
		s.wantSteps(*r, want...)
	}
}
