// Package storetest holds the tests that every [idempotency.Store] passes: [Run]
// for all stores, and [RunHanging] for those that make requests to a server.
package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Run runs the whole suite, also for what the store can do as an
// [idempotency.StepStore] and an [idempotency.OperatorStore]. open returns an empty
// store that no other test uses. It registers with t.Cleanup whatever is to be closed.
func Run(t *testing.T, open func(t *testing.T) idempotency.Store) {
	store := open(t)
	tests := slices.Clone(storeTests)
	if keepsSteps(store) {
		tests = append(tests, stepTests...)
	}
	if _, ok := store.(idempotency.OperatorStore); ok {
		tests = append(tests, operatorTests...)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, &suite{t, open(t), time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)})
		})
	}
}

type test struct {
	name string
	run  func(*testing.T, *suite)
}

var storeTests = []test{
	{"a free key is claimed", testClaim},
	{"a claim meets the record in its way", testClaimMeetsRecord},
	{"a repeated claim of the same owner succeeds", testOwnClaim},
	{"a record past its window counts as absent", testExpired},
	{"an observed owner is taken over once", testTakeOver},
	{"a claim whose owner has given up is taken over", testTakeOverGivenUp},
	{"a renewed lease or a completed record is not taken over", testTakeOverOfOther},
	{"a lease is renewed by its owner alone", testRenew},
	{"a renewal moves the end of the window as well", testRenewWindow},
	{"completion replaces the claim", testComplete},
	{"completion without data differs from empty data", testCompleteWithoutData},
	{"a repeated completion succeeds and changes nothing", testCompleteTwice},
	{"a zombie's completion leaves the winner alone", testZombieComplete},
	{"completion where nothing is left records the effect", testCompleteGone},
	{"release frees the key", testRelease},
	{"release leaves every other record alone", testReleaseOther},
	{"keys are independent", testKeysIndependent},
	{"what is stored is not shared with the caller", testAliasing},
	{"binary data survives", testBinary},
	{"of many concurrent claims one wins", testConcurrentClaims},
	{"of many concurrent takeovers one wins", testConcurrentTakeOvers},
	{"of owner and successor one completes", testConcurrentCompletions},
	{"a cancelled context is an error", testCancelled},
}

type suite struct {
	t     *testing.T
	store idempotency.Store
	now   time.Time
}

const id = "payments.create#key"

func (s *suite) record(owner string) idempotency.Record {
	return idempotency.Record{
		ID:          id,
		Status:      idempotency.InProgress,
		Owner:       owner,
		Fingerprint: idempotency.NewFingerprint([]byte("body")),
		Claimed:     s.now.Add(-time.Millisecond),
		LeaseUntil:  s.now.Add(10 * time.Second),
		Expires:     s.now.Add(time.Hour),
	}
}

func completed(r idempotency.Record, data []byte) idempotency.Record {
	r.Status, r.Data = idempotency.Completed, data
	return r
}

func (s *suite) claim(c idempotency.Claim) *idempotency.Record {
	s.t.Helper()
	existing, err := s.store.Claim(s.t.Context(), c)
	if err != nil {
		s.t.Fatalf("Claim: %v", err)
	}
	return existing
}

func (s *suite) mustClaim(r idempotency.Record) {
	s.t.Helper()
	if existing := s.claim(idempotency.Claim{Record: r, Now: s.now}); existing != nil {
		s.t.Fatalf("Claim by %q met a record of %q, want success", r.Owner, existing.Owner)
	}
}

// giveUp gives up the claim of r's owner, and returns the record as it is then.
func (s *suite) giveUp(r idempotency.Record) idempotency.Record {
	s.t.Helper()
	r.LeaseUntil = time.Time{}
	if held, err := s.store.Renew(s.t.Context(), r); !held || err != nil {
		s.t.Fatalf("Renew: %v, %v", held, err)
	}
	return r
}

func (s *suite) complete(r idempotency.Record) *idempotency.Record {
	s.t.Helper()
	existing, err := s.store.Complete(s.t.Context(), r)
	if err != nil {
		s.t.Fatalf("Complete: %v", err)
	}
	return existing
}

func (s *suite) mustComplete(r idempotency.Record) {
	s.t.Helper()
	if existing := s.complete(r); existing != nil {
		s.t.Fatalf("Complete by %q met a record of %q, want success", r.Owner, existing.Owner)
	}
}

func (s *suite) release(owner string) {
	s.t.Helper()
	if err := s.store.Release(s.t.Context(), id, owner); err != nil {
		s.t.Fatalf("Release: %v", err)
	}
}

// stored checks what a load brings; nil stands for no record.
func (s *suite) stored(want *idempotency.Record) {
	s.t.Helper()
	got, err := s.store.Load(s.t.Context(), id)
	if err != nil {
		s.t.Fatalf("Load: %v", err)
	}
	s.same("stored record", got, want)
}

// same compares records; a completed one has no lease any more, so that is not
// compared.
func (s *suite) same(what string, got, want *idempotency.Record) {
	s.t.Helper()
	if (got == nil) != (want == nil) {
		s.t.Errorf("%s: %+v, want %+v", what, got, want)
		return
	}
	if got == nil {
		return
	}
	equal := got.ID == want.ID && got.Status == want.Status && got.Owner == want.Owner && got.Fingerprint == want.Fingerprint &&
		got.Claimed.Equal(want.Claimed) && got.Expires.Equal(want.Expires) && (want.Status == idempotency.Completed || got.LeaseUntil.Equal(want.LeaseUntil)) &&
		bytes.Equal(got.Data, want.Data) && (got.Data == nil) == (want.Data == nil) && equalSteps(got.Steps, want.Steps)
	if !equal {
		s.t.Errorf("%s: %+v, want %+v", what, *got, *want)
	}
}

func testClaim(t *testing.T, s *suite) {
	s.stored(nil)
	r := s.record("a")
	s.mustClaim(r)
	s.stored(&r)
}

func testClaimMeetsRecord(t *testing.T, s *suite) {
	first := s.record("a")
	s.mustClaim(first)
	s.same("record met in progress", s.claim(idempotency.Claim{Record: s.record("b"), Now: s.now}), &first)
	s.stored(&first)

	done := completed(first, []byte("answer"))
	s.mustComplete(done)
	s.same("record met completed", s.claim(idempotency.Claim{Record: s.record("b"), Now: s.now}), &done)

	// The lease decides nothing by itself: only an explicit takeover does.
	late := s.now.Add(30 * time.Minute)
	s.same("record met late", s.claim(idempotency.Claim{Record: s.record("b"), Now: late}), &done)
	s.stored(&done)
}

func testOwnClaim(t *testing.T, s *suite) {
	r := s.record("a")
	s.mustClaim(r)
	s.mustClaim(r)
	s.stored(&r)

	later := r
	later.LeaseUntil = r.LeaseUntil.Add(time.Millisecond)
	s.same("record met by another claim of the owner", s.claim(idempotency.Claim{Record: later, Now: s.now}), &r)
	s.stored(&r)
}

func testExpired(t *testing.T, s *suite) {
	for _, status := range []idempotency.Status{idempotency.InProgress, idempotency.Completed} {
		old := s.record("old " + string(status))
		s.mustClaim(old)
		if status == idempotency.Completed {
			s.mustComplete(completed(old, []byte("old answer")))
		}
		atEnd := old.Expires
		if existing := s.claim(idempotency.Claim{Record: s.record("early"), Now: atEnd.Add(-time.Second)}); existing == nil {
			t.Fatalf("%s: the key was free before the end of its window", status)
		}
		s.now = atEnd
		next := s.record("next " + string(status))
		s.mustClaim(next)
		s.stored(&next)
		s.release(next.Owner)
	}
}

func testTakeOver(t *testing.T, s *suite) {
	crashed := s.record("crashed")
	s.mustClaim(crashed)
	s.now = s.now.Add(time.Minute)

	heir := s.record("heir")
	if existing := s.claim(idempotency.Claim{Record: heir, Now: s.now, TakeOver: &crashed}); existing != nil {
		t.Fatalf("takeover met %q, want success", existing.Owner)
	}
	s.stored(&heir)
	late := s.claim(idempotency.Claim{Record: s.record("late heir"), Now: s.now, TakeOver: &crashed})
	s.same("record met by the second takeover", late, &heir)
	s.stored(&heir)
}

// The lease of a claim whose owner has given up is the zero time. It has to come
// back from the store as what it was, and to be found again.
func testTakeOverGivenUp(t *testing.T, s *suite) {
	failed := s.record("failed")
	s.mustClaim(failed)
	failed = s.giveUp(failed)
	observed := s.claim(idempotency.Claim{Record: s.record("heir"), Now: s.now})
	s.same("record met", observed, &failed)
	if observed == nil {
		return
	}
	if !s.now.After(observed.LeaseUntil) {
		t.Errorf("the lease ends at %v, want a time that has passed", observed.LeaseUntil)
	}
	heir := s.record("heir")
	if existing := s.claim(idempotency.Claim{Record: heir, Now: s.now, TakeOver: observed}); existing != nil {
		t.Fatalf("the takeover met %q, want success", existing.Owner)
	}
	s.stored(&heir)
}

func testTakeOverOfOther(t *testing.T, s *suite) {
	observed := s.record("slow")
	s.mustClaim(observed)
	for _, change := range []struct {
		name string
		now  idempotency.Record
	}{
		{"the lease differs", func() idempotency.Record { r := observed; r.LeaseUntil = r.LeaseUntil.Add(time.Millisecond); return r }()},
		{"the owner differs", func() idempotency.Record { r := observed; r.Owner = "other"; return r }()},
	} {
		seen := change.now
		if existing := s.claim(idempotency.Claim{Record: s.record("heir"), Now: s.now, TakeOver: &seen}); existing == nil {
			t.Errorf("%s: a record other than the observed one was taken over", change.name)
		}
		s.stored(&observed)
	}
	done := completed(observed, []byte("answer"))
	s.mustComplete(done)
	s.same("record met", s.claim(idempotency.Claim{Record: s.record("heir"), Now: s.now, TakeOver: &observed}), &done)
	s.stored(&done)
}

func testRenew(t *testing.T, s *suite) {
	renew := func(r idempotency.Record, want bool) {
		t.Helper()
		if held, err := s.store.Renew(t.Context(), r); held != want || err != nil {
			t.Errorf("Renew by %q: %v, %v, want %v", r.Owner, held, err, want)
		}
	}
	r := s.record("a")
	renew(r, false) // nothing there
	s.stored(nil)

	s.mustClaim(r)
	r.LeaseUntil = r.LeaseUntil.Add(time.Minute)
	renew(r, true)
	s.stored(&r)
	renew(s.record("zombie"), false)
	s.stored(&r)

	late := r
	late.LeaseUntil = r.LeaseUntil.Add(-time.Millisecond)
	renew(late, true) // a copy of an earlier renewal that arrives only now
	s.stored(&r)
	renew(r, true)
	s.stored(&r)
	r.LeaseUntil = time.Time{}
	renew(r, true) // given up
	s.stored(&r)

	done := completed(r, []byte("answer"))
	s.mustComplete(done)
	renew(r, false)
	s.stored(&done)
}

// A record never expires before its lease, so a renewal may bring a later end of
// the window, which then counts.
func testRenewWindow(t *testing.T, s *suite) {
	r := s.record("a")
	s.mustClaim(r)
	end := r.Expires
	r.LeaseUntil, r.Expires = end.Add(time.Minute), end.Add(2*time.Minute)
	if held, err := s.store.Renew(t.Context(), r); !held || err != nil {
		t.Fatalf("Renew: %v, %v", held, err)
	}
	s.stored(&r)
	if existing := s.claim(idempotency.Claim{Record: s.record("early"), Now: end}); existing == nil {
		t.Error("a key was free while its lease ran")
	}
	done := completed(r, []byte("answer"))
	s.mustComplete(done)
	s.stored(&done)
}

func testComplete(t *testing.T, s *suite) {
	r := s.record("a")
	s.mustClaim(r)
	done := completed(r, []byte("answer"))
	s.mustComplete(done)
	s.stored(&done)
}

func testCompleteWithoutData(t *testing.T, s *suite) {
	for _, data := range [][]byte{nil, {}} {
		s.now = s.now.Add(2 * time.Hour) // the former one's window has passed
		r := s.record(fmt.Sprintf("owner at %v", s.now))
		s.mustClaim(r)
		done := completed(r, data)
		s.mustComplete(done)
		s.stored(&done)
	}
}

func testCompleteTwice(t *testing.T, s *suite) {
	r := s.record("a")
	s.mustClaim(r)
	done := completed(r, []byte("answer"))
	s.mustComplete(done)
	s.mustComplete(completed(r, []byte("another answer")))
	s.stored(&done)
}

func testZombieComplete(t *testing.T, s *suite) {
	zombie := s.record("zombie")
	s.mustClaim(zombie)
	winner := s.record("winner")
	winner.LeaseUntil = winner.LeaseUntil.Add(time.Minute)
	if existing := s.claim(idempotency.Claim{Record: winner, Now: s.now, TakeOver: &zombie}); existing != nil {
		t.Fatal("takeover failed")
	}
	s.same("record met while the winner runs", s.complete(completed(zombie, []byte("late"))), &winner)
	s.stored(&winner)

	done := completed(winner, []byte("answer"))
	s.mustComplete(done)
	s.same("record met after the winner completed", s.complete(completed(zombie, []byte("late"))), &done)
	s.stored(&done)
}

func testCompleteGone(t *testing.T, s *suite) {
	done := completed(s.record("a"), []byte("answer"))
	s.mustComplete(done)
	s.stored(&done)
}

func testRelease(t *testing.T, s *suite) {
	s.mustClaim(s.record("a"))
	s.release("a")
	s.stored(nil)
	next := s.record("b")
	s.mustClaim(next)
	s.stored(&next)
}

func testReleaseOther(t *testing.T, s *suite) {
	s.release("nobody") // nothing there
	r := s.record("a")
	s.mustClaim(r)
	s.release("zombie")
	s.stored(&r)
	done := completed(r, []byte("answer"))
	s.mustComplete(done)
	s.release("a") // a completed record is for keeps
	s.stored(&done)
}

func testKeysIndependent(t *testing.T, s *suite) {
	one, other := s.record("a"), s.record("b")
	other.ID = "payments.create#other"
	s.mustClaim(one)
	s.mustClaim(other)
	s.mustComplete(completed(other, []byte("other")))
	s.stored(&one)
}

func testAliasing(t *testing.T, s *suite) {
	r := s.record("a")
	s.mustClaim(r)
	data := []byte("answer")
	s.mustComplete(completed(r, data))
	data[0] = 'X'
	met := s.claim(idempotency.Claim{Record: s.record("b"), Now: s.now})
	if met == nil || !bytes.Equal(met.Data, []byte("answer")) {
		t.Fatalf("the caller's later change reached the store: %+v", met)
	}
	met.Data[0] = 'Y'
	want := completed(r, []byte("answer"))
	s.stored(&want)
}

func testBinary(t *testing.T, s *suite) {
	data := make([]byte, 0, 3*256)
	for i := range 3 * 256 {
		data = append(data, byte(i))
	}
	r := s.record("a")
	s.mustClaim(r)
	done := completed(r, data)
	s.mustComplete(done)
	s.stored(&done)
}

const contenders = 32

// race runs step once per contender at the same time and returns how many it
// says have won.
func (s *suite) race(step func(ctx context.Context, contender int) (won bool, err error)) int {
	s.t.Helper()
	results := make([]bool, contenders)
	var (
		start = make(chan struct{})
		done  sync.WaitGroup
	)
	for i := range contenders {
		done.Go(func() {
			<-start
			won, err := step(s.t.Context(), i)
			if err != nil {
				s.t.Errorf("contender %d: %v", i, err)
			}
			results[i] = won
		})
	}
	close(start)
	done.Wait()
	winners := 0
	for _, won := range results {
		if won {
			winners++
		}
	}
	return winners
}

func testConcurrentClaims(t *testing.T, s *suite) {
	winners := s.race(func(ctx context.Context, i int) (bool, error) {
		existing, err := s.store.Claim(ctx, idempotency.Claim{Record: s.record(fmt.Sprint("owner ", i)), Now: s.now})
		return existing == nil, err
	})
	if winners != 1 {
		t.Errorf("%d claims won, want 1", winners)
	}
}

func testConcurrentTakeOvers(t *testing.T, s *suite) {
	crashed := s.record("crashed")
	s.mustClaim(crashed)
	winners := s.race(func(ctx context.Context, i int) (bool, error) {
		existing, err := s.store.Claim(ctx, idempotency.Claim{
			Record: s.record(fmt.Sprint("heir ", i)), Now: s.now, TakeOver: &crashed,
		})
		return existing == nil, err
	})
	if winners != 1 {
		t.Errorf("%d takeovers won, want 1", winners)
	}
}

func testConcurrentCompletions(t *testing.T, s *suite) {
	zombie := s.record("zombie")
	s.mustClaim(zombie)
	heir := s.record("heir")
	if existing := s.claim(idempotency.Claim{Record: heir, Now: s.now, TakeOver: &zombie}); existing != nil {
		t.Fatal("takeover failed")
	}
	done := completed(heir, []byte("heir"))
	s.race(func(ctx context.Context, i int) (bool, error) {
		r := done
		if i%2 == 0 {
			r = completed(zombie, []byte("zombie"))
		}
		existing, err := s.store.Complete(ctx, r)
		if won := existing == nil; won != (i%2 == 1) {
			t.Errorf("contender %d completed as %q: won %v", i, r.Owner, won)
		}
		return existing == nil, err
	})
	s.stored(&done)
}

func testCancelled(t *testing.T, s *suite) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := s.record("a")
	if _, err := s.store.Claim(ctx, idempotency.Claim{Record: r, Now: s.now}); err == nil {
		t.Error("Claim succeeded with a cancelled context")
	}
	if _, err := s.store.Renew(ctx, r); err == nil {
		t.Error("Renew succeeded with a cancelled context")
	}
	if _, err := s.store.Complete(ctx, completed(r, nil)); err == nil {
		t.Error("Complete succeeded with a cancelled context")
	}
	if err := s.store.Release(ctx, id, "a"); err == nil {
		t.Error("Release succeeded with a cancelled context")
	}
	if _, err := s.store.Load(ctx, id); err == nil {
		t.Error("Load succeeded with a cancelled context")
	}
	s.stored(nil)
}
