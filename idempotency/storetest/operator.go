package storetest

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// operatorTests are for stores that are an [idempotency.OperatorStore], too.
var operatorTests = []test{
	{"an operator sees the record as it is", testLook},
	{"an interrupted execution is settled once", testSettle},
	{"an execution that has given up is settled", testSettleGivenUp},
	{"a settlement without data differs from one with empty data", testSettleWithoutData},
	{"a settlement fences the execution off", testSettleFences},
	{"only the observed execution is settled", testSettleOther},
	{"a record is forgotten", testForget},
	{"only the observed record is forgotten", testForgetOther},
	{"of settlement and takeover one wins", testConcurrentSettlements},
	{"an operator sees steps, and ends them", testOperatedSteps},
	{"operators heed a cancelled context", testOperatorsCancelled},
}

func (s *suite) operators() idempotency.OperatorStore { return s.store.(idempotency.OperatorStore) }

// settled is the record of a settlement by another owner than r's.
func settled(r idempotency.Record, owner string, data []byte) idempotency.Record {
	r = completed(r, data)
	r.Owner = owner
	return r
}

func (s *suite) settle(observed, settled idempotency.Record, want bool) {
	s.t.Helper()
	done, err := s.operators().Settle(s.t.Context(), observed, settled)
	if done != want || err != nil {
		s.t.Errorf("Settle of %q by %q: %v, %v, want %v", observed.Owner, settled.Owner, done, err, want)
	}
}

func (s *suite) forget(observed idempotency.Record, want bool) {
	s.t.Helper()
	done, err := s.operators().Forget(s.t.Context(), observed)
	if done != want || err != nil {
		s.t.Errorf("Forget of %q: %v, %v, want %v", observed.Owner, done, err, want)
	}
}

func testLook(t *testing.T, s *suite) {
	look := func(want *idempotency.Record) {
		t.Helper()
		got, err := s.operators().Look(t.Context(), id)
		if err != nil {
			t.Fatalf("Look: %v", err)
		}
		s.same("record seen", got, want)
	}
	look(nil)
	r := s.record("a")
	s.mustClaim(r)
	look(&r)
	done := completed(r, []byte("answer"))
	s.mustComplete(done)
	look(&done)
}

func testSettle(t *testing.T, s *suite) {
	r := s.record("crashed")
	done := settled(r, "operator", []byte("answer"))
	s.settle(r, done, false) // nothing there
	s.stored(nil)
	s.mustClaim(r)
	s.settle(r, done, true)
	s.stored(&done)
	s.settle(r, done, true) // the reply was lost
	s.settle(r, settled(r, "another operator", []byte("another answer")), false)
	s.stored(&done)
}

func testSettleGivenUp(t *testing.T, s *suite) {
	r := s.record("failed")
	s.mustClaim(r)
	r = s.giveUp(r)
	observed, err := s.operators().Look(t.Context(), id)
	if observed == nil || err != nil {
		t.Fatalf("Look: %v, %v", observed, err)
	}
	done := settled(r, "operator", []byte("answer"))
	s.settle(*observed, done, true)
	s.stored(&done)
}

func testSettleWithoutData(t *testing.T, s *suite) {
	for _, data := range [][]byte{nil, {}} {
		s.now = s.now.Add(2 * time.Hour) // the former one's window has passed
		r := s.record(fmt.Sprintf("owner at %v", s.now))
		s.mustClaim(r)
		done := settled(r, "operator", data)
		s.settle(r, done, true)
		s.stored(&done)
		s.forget(done, true)
	}
}

func testSettleFences(t *testing.T, s *suite) {
	zombie := s.record("zombie")
	s.mustClaim(zombie)
	done := settled(zombie, "operator", []byte("answer"))
	s.settle(zombie, done, true)
	s.same("record met by the late completion", s.complete(completed(zombie, []byte("late"))), &done)
	if held, err := s.store.Renew(t.Context(), zombie); held || err != nil {
		t.Errorf("Renew by the settled execution: %v, %v", held, err)
	}
	s.release(zombie.Owner)
	s.same("record met by a duplicate", s.claim(idempotency.Claim{Record: s.record("duplicate"), Now: s.now}), &done)
	s.stored(&done)
}

// others are records that look like r and are not.
func others(r idempotency.Record) map[string]idempotency.Record {
	owner, lease := r, r
	owner.Owner = "other"
	lease.LeaseUntil = r.LeaseUntil.Add(time.Millisecond)
	return map[string]idempotency.Record{"another owner": owner, "another lease": lease}
}

func testSettleOther(t *testing.T, s *suite) {
	r := s.record("slow")
	s.mustClaim(r)
	for _, seen := range others(r) {
		s.settle(seen, settled(seen, "operator", nil), false)
		s.stored(&r)
	}
	done := completed(r, []byte("answer"))
	s.mustComplete(done)
	s.settle(r, settled(r, "operator", nil), false)
	s.stored(&done)
}

func testForget(t *testing.T, s *suite) {
	r := s.record("a")
	s.forget(r, true) // nothing there
	s.mustClaim(r)
	s.forget(r, true)
	s.stored(nil)

	s.mustClaim(r)
	done := completed(r, []byte("answer"))
	s.mustComplete(done)
	s.forget(done, true)
	s.stored(nil)
	next := s.record("next")
	s.mustClaim(next)
	s.stored(&next)
}

func testForgetOther(t *testing.T, s *suite) {
	r := s.record("a")
	s.mustClaim(r)
	for _, seen := range others(r) {
		s.forget(seen, false)
		s.stored(&r)
	}
	s.forget(completed(r, nil), false) // it was not completed yet
	s.stored(&r)
	done := completed(r, []byte("answer"))
	s.mustComplete(done)
	s.forget(r, false) // it has completed since
	s.forget(settled(r, "other", nil), false)
	s.stored(&done)
}

func testOperatedSteps(t *testing.T, s *suite) {
	store, ok := s.store.(idempotency.StepStore)
	if !ok {
		return
	}
	interrupted := func() *idempotency.Record {
		r := s.record("crashed")
		s.mustClaim(r)
		step := idempotency.RecordedStep{Name: "charge", Data: bytes.Repeat([]byte("x"), 10_000)}
		if held, err := store.RecordStep(t.Context(), r, step); !held || err != nil {
			t.Fatalf("RecordStep: %v, %v", held, err)
		}
		seen, err := s.operators().Look(t.Context(), id)
		if err != nil || seen == nil || len(seen.Steps) != 1 || seen.Steps[0].Name != step.Name || !bytes.Equal(seen.Steps[0].Data, step.Data) {
			t.Fatalf("Look: %+v, %v", seen, err)
		}
		return seen
	}
	seen := interrupted()
	done := settled(s.record("crashed"), "operator", []byte("answer"))
	s.settle(*seen, done, true)
	s.stored(&done)
	if met, err := s.operators().Look(t.Context(), id); err != nil || len(met.Steps) != 0 {
		t.Errorf("after the settlement: %+v, %v", met, err)
	}
	s.forget(done, true)

	s.forget(*interrupted(), true)
	next := s.record("next")
	s.mustClaim(next)
	if met, err := s.operators().Look(t.Context(), id); err != nil || len(met.Steps) != 0 {
		t.Errorf("of a new claim: %+v, %v", met, err)
	}
}

func testConcurrentSettlements(t *testing.T, s *suite) {
	crashed := s.record("crashed")
	s.mustClaim(crashed)
	winners := s.race(func(ctx context.Context, i int) (bool, error) {
		if i%2 == 0 {
			heir := s.record(fmt.Sprint("heir ", i))
			heir.LeaseUntil = heir.LeaseUntil.Add(time.Minute)
			existing, err := s.store.Claim(ctx, idempotency.Claim{Record: heir, Now: s.now, TakeOver: &crashed})
			return existing == nil, err
		}
		return s.operators().Settle(ctx, crashed, settled(crashed, fmt.Sprint("operator ", i), []byte("answer")))
	})
	if winners != 1 {
		t.Errorf("%d settlements and takeovers won, want 1", winners)
	}
}

func testOperatorsCancelled(t *testing.T, s *suite) {
	r := s.record("a")
	s.mustClaim(r)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.operators().Look(ctx, id); err == nil {
		t.Error("Look succeeded with a cancelled context")
	}
	if _, err := s.operators().Settle(ctx, r, settled(r, "operator", nil)); err == nil {
		t.Error("Settle succeeded with a cancelled context")
	}
	if _, err := s.operators().Forget(ctx, r); err == nil {
		t.Error("Forget succeeded with a cancelled context")
	}
	s.stored(&r)
}
