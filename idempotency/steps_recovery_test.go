package idempotency_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// finds makes the charge ask whether it has happened. It returns the number of
// times that it was asked.
func (s *shop) finds(answer func() (idempotency.Reconciliation, error)) *int {
	asked := new(int)
	s.options["charge"] = []idempotency.StepOption{idempotency.StepReconcile(func(context.Context) (idempotency.Reconciliation, error) {
		*asked++
		return answer()
	})}
	return asked
}

func charged() (idempotency.Reconciliation, error) { return idempotency.CompletedWith("found") }

func notCharged() (idempotency.Reconciliation, error) { return idempotency.Reconciliation{}, nil }

func inBubble(t *testing.T, test func(*testing.T, *shop)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, newShop(t)) })
}

func TestStepIsReconciled(t *testing.T) {
	inEach(t, func(t *testing.T, s *shop) {
		asked := s.finds(charged)
		s.before["charge"] = s.dies
		s.mustFail(errInjected)
		s.restarts()
		s.before["receipt"] = fails
		s.mustFail(errInjected)
		if *asked != 1 {
			t.Errorf("asked %d times, want 1", *asked)
		}
		s.wantPaid("found, receipt 1")
		if *asked != 1 {
			t.Errorf("asked %d times, want 1: what was found is recorded", *asked)
		}
		s.wantRuns(0, 1)
	})
}

func TestStepThatHasNotHappenedRuns(t *testing.T) {
	inEach(t, func(t *testing.T, s *shop) {
		s.finds(notCharged)
		s.before["charge"] = s.dies
		s.mustFail(errInjected)
		s.restarts()
		s.wantPaid("charge 1, receipt 1")
	})
}

func TestStepIsNotReconciledOnTheFirstCall(t *testing.T) {
	inBubble(t, func(t *testing.T, s *shop) {
		asked := s.finds(charged)
		s.wantPaid("charge 1, receipt 1")
		if *asked > 0 {
			t.Errorf("asked %d times, want none", *asked)
		}
	})
}

func TestStepWhoseReconciliationFailsIsAskedAgain(t *testing.T) {
	for name, answer := range map[string]func() (idempotency.Reconciliation, error){
		"error":              func() (idempotency.Reconciliation, error) { return idempotency.Reconciliation{}, errInjected },
		"undecodable result": func() (idempotency.Reconciliation, error) { return idempotency.CompletedWith(7) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *shop) {
				s.finds(answer)
				s.before["charge"] = s.dies
				s.mustFail(errInjected)
				s.restarts()
				s.mustFail(idempotency.ErrReconcile)
				s.finds(charged)
				s.wantPaid("found, receipt 1")
				s.wantRuns(0, 1)
			})
		})
	}
}

// A lease that ends while the step is looked up is somebody else's to run under.
func TestStepDoesNotRunAfterALateReconciliation(t *testing.T) {
	inBubble(t, func(t *testing.T, s *shop) {
		s.before["charge"] = s.dies
		s.mustFail(errInjected)
		s.restarts()
		s.finds(func() (idempotency.Reconciliation, error) {
			s.steps.cutOff.Store(true)
			time.Sleep(time.Hour)
			return idempotency.Reconciliation{}, nil
		})
		s.mustFail(idempotency.ErrLeaseOver)
		s.wantRuns(0, 0)
	})
}

// A step that can be looked up and has failed is looked up by the retry, though
// nothing is recorded.
func TestFailedStepIsReconciled(t *testing.T) {
	for name, end := range map[string]func() error{"error": fails, "panic": panics} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *shop) {
				s.finds(charged)
				func() {
					defer func() { _ = recover() }()
					_, err := s.guard.Do(t.Context(), s.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
						_, err := idempotency.Step(ctx, "charge", func(context.Context) (string, error) { return "", end() }, s.options["charge"]...)
						return idempotency.Result{}, err
					})
					s.wantError(err, errInjected)
				}()
				time.Sleep(time.Millisecond)
				s.wantPaid("found, receipt 1")
			})
		})
	}
}

// One that fails before its effect says so, and its key is free.
func TestDiscardedStepIsNotReconciled(t *testing.T) {
	inBubble(t, func(t *testing.T, s *shop) {
		s.finds(charged)
		_, err := s.guard.Do(t.Context(), s.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			_, err := idempotency.Step(ctx, "charge", func(context.Context) (string, error) { return "", discards() }, s.options["charge"]...)
			return idempotency.Result{}, err
		})
		s.wantError(err, errInjected)
		s.wantPaid("charge 1, receipt 1")
	})
}

// An execution that takes over and ends before it comes to the step leaves the step to
// be asked about, however it ends: it cannot speak for the one before it.
func TestEndBeforeAReconciledStepIsNotItsEnd(t *testing.T) {
	for name, end := range map[string]func() error{"error": fails, "panic": panics, "discard": discards} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, s *shop) {
				s.finds(charged)
				s.before["charge"] = s.dies
				s.mustFail(errInjected)
				s.restarts()
				for range 2 { // it is not asked about by the next one but one either
					s.before["charge"] = end
					s.mustFail(errInjected)
				}
				s.wantPaid("found, receipt 1")
				s.wantRuns(0, 1)
			})
		})
	}
}

// A program that discards whatever a step's reconciliation returns, as an HTTP
// handler does that answers by a 4xx, loses nothing by it.
func TestDiscardAfterAReconciliationIsNotItsEnd(t *testing.T) {
	for name, answer := range map[string]func() (idempotency.Reconciliation, error){
		"it failed":     func() (idempotency.Reconciliation, error) { return idempotency.Reconciliation{}, errInjected },
		"found nothing": notCharged, // yet
	} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, s *shop) {
				s.finds(charged)
				s.before["charge"] = s.dies
				s.mustFail(errInjected)
				s.restarts()
				asked := s.finds(answer)
				request := s.request("pay")
				request.Reconcile = func(context.Context) (idempotency.Reconciliation, error) { return idempotency.Reconciliation{}, nil }
				_, err := s.guard.Do(t.Context(), request, func(ctx context.Context) (idempotency.Result, error) {
					_, _ = idempotency.Step(ctx, "charge", func(context.Context) (string, error) { return "", discards() }, s.options["charge"]...)
					return idempotency.Result{Discard: true}, nil
				})
				s.wantError(err, nil)
				if *asked != 1 {
					t.Errorf("asked %d times, want 1", *asked)
				}
				time.Sleep(time.Millisecond)
				s.finds(charged)
				s.wantPaid("found, receipt 1")
			})
		})
	}
}

// The same of a step that may not be repeated.
func TestDiscardAfterARefusedStepIsNotItsEnd(t *testing.T) {
	inEach(t, func(t *testing.T, s *shop) {
		refuses(s, "charge")
		s.before["charge"] = s.dies
		s.mustFail(errInjected)
		s.restarts()
		s.before["charge"] = discards
		s.mustFail(errInjected)
		s.mustFail(idempotency.ErrOutcomeUnknown)
		s.wantRuns(0, 0)
	})
}

func refuses(s *shop, name string) {
	s.options[name] = []idempotency.StepOption{idempotency.StepRecovery(idempotency.Refuse)}
}

func TestStepThatMayHaveBegunIsRefused(t *testing.T) {
	inEach(t, func(t *testing.T, s *shop) {
		refuses(s, "receipt")
		s.before["receipt"] = s.dies
		s.mustFail(errInjected)
		s.restarts()
		for range 2 {
			s.mustFail(idempotency.ErrOutcomeUnknown)
		}
		s.wantRuns(1, 0)
	})
}

// Of the steps that are not recorded only the first can have begun.
func TestStepThatHasNotBegunIsNotRefused(t *testing.T) {
	inEach(t, func(t *testing.T, s *shop) {
		refuses(s, "receipt")
		s.before["charge"] = s.dies
		s.mustFail(errInjected)
		s.restarts()
		s.wantPaid("charge 1, receipt 1")
	})
}

func TestFailedStepIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, s *shop) {
		refuses(s, "charge")
		_, err := s.guard.Do(t.Context(), s.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			_, err := idempotency.Step(ctx, "charge", func(context.Context) (string, error) { return "", errInjected }, s.options["charge"]...)
			return idempotency.Result{}, err
		})
		s.wantError(err, errInjected)
		time.Sleep(time.Millisecond)
		s.mustFail(idempotency.ErrOutcomeUnknown)
		s.wantRuns(0, 0)
	})
}
