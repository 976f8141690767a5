package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

func TestRecordedStepNeverRunsAgain(t *testing.T) {
	for name, end := range map[string]func(*shop) error{
		"error":   func(*shop) error { return fails() },
		"panic":   func(*shop) error { return panics() },
		"discard": func(*shop) error { return discards() },
		"crash":   (*shop).dies,
	} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, s *shop) {
				ends := func() error { return end(s) }
				for range 2 { // the second execution records nothing of its own
					s.before["receipt"] = ends
					s.mustFail(errInjected)
					s.wantRuns(1, 0)
					s.restarts()
				}
				s.before["end"] = ends
				s.mustFail(errInjected)
				s.wantRuns(1, 1)
				s.restarts()
				s.wantPaid("charge 1, receipt 1")
				s.wantRuns(1, 1)
			})
		})
	}
}

// What fails after a recorded step stays refused under Refuse.
func TestFailureAfterAStepIsRefused(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func() error{"error": fails, "panic": panics, "discard": discards} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, func(c *idempotency.Config) { c.Recovery = idempotency.Refuse })
				s.before["receipt"] = end
				s.mustFail(errInjected)
				_, err := s.order()
				s.wantError(err, idempotency.ErrOutcomeUnknown)
				s.wantRuns(1, 0)
			})
		})
	}
}

func TestFailureBeforeAStepFreesTheKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		for _, end := range []func() error{fails, discards, panics} {
			s.before["charge"] = end
			s.mustFail(errInjected)
			s.events.want(t, idempotency.ObservedReleased)
		}
		outcome, err := s.do("something else", "done")
		s.wantOutcome(outcome, err, "done", false)
	})
}

func TestStepsAreObserved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.before["receipt"] = discards
		s.mustFail(errInjected)
		s.events.want(t, idempotency.ObservedStep, idempotency.ObservedFailed)
		s.wantPaid("charge 1, receipt 1")
		s.events.want(t, idempotency.ObservedTakenOver, idempotency.ObservedStepReplayed, idempotency.ObservedStep,
			idempotency.ObservedExecuted, idempotency.ObservedReplayed)
	})
}

func TestStepIsGivenAsRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		type charge struct {
			Amount int
			secret string
		}
		for attempt := range 2 {
			_, err := s.guard.Do(t.Context(), s.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
				got, err := idempotency.Step(ctx, "charge", func(context.Context) (charge, error) { return charge{7, "s"}, nil })
				if want := (charge{Amount: 7}); got != want || err != nil {
					t.Errorf("attempt %d: %+v, %v, want %+v", attempt, got, err, want)
				}
				return idempotency.Result{}, errInjected
			})
			s.wantError(err, errInjected)
			time.Sleep(time.Millisecond)
		}
	})
}

func TestStepErrorIsReturnedAndNotRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.before["receipt"] = fails // in the first execution
		failing := true
		run := func(ctx context.Context) (idempotency.Result, error) {
			got, err := idempotency.Step(ctx, "charge", func(context.Context) (string, error) {
				if failing {
					return "half", errInjected
				}
				return "whole", nil
			})
			return idempotency.Result{Data: []byte(got)}, err
		}
		_, err := s.guard.Do(t.Context(), s.request("pay"), run)
		s.wantError(err, errInjected)
		failing = false
		outcome, err := s.guard.Do(t.Context(), s.request("pay"), run)
		s.wantOutcome(outcome, err, "whole", false)
	})
}

// A lease that is lost is told before another step begins.
func TestStepAfterTheLeaseIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.before["receipt"] = func() error {
			s.steps.cutOff.Store(true)
			time.Sleep(idempotency.DefaultLease)
			return nil
		}
		s.mustFail(idempotency.ErrLeaseOver)
		s.wantRuns(1, 0)
		s.restarts()
		s.wantPaid("charge 1, receipt 1")
	})
}

// A process that was frozen finds its lease over by the clock, before its own timers
// have noticed.
func TestStepAfterAFreezeIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var frozen atomic.Int64
		s := newShop(t, func(c *idempotency.Config) {
			c.Clock = func() time.Time { return time.Now().Add(time.Duration(frozen.Load())) }
		})
		s.before["receipt"] = func() error {
			frozen.Store(int64(time.Hour))
			return nil
		}
		s.mustFail(idempotency.ErrLeaseOver)
		s.wantRuns(1, 0)
	})
}

// One whose record is refused has lost its lease: the execution's context ends.
func TestRefusedStepEndsTheExecution(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, asked := newShop(t), 0
		s.steps.recordStep = func(context.Context, idempotency.Record, idempotency.RecordedStep) (bool, error) {
			asked++
			return false, nil
		}
		_, err := s.guard.Do(t.Context(), s.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			_, err := s.step(ctx, "charge")
			if context.Cause(ctx) != idempotency.ErrLeaseOver {
				t.Errorf("the context has ended by %v, want ErrLeaseOver", context.Cause(ctx))
			}
			_, next := s.step(context.WithoutCancel(ctx), "receipt")
			s.wantError(next, idempotency.ErrLeaseOver)
			return idempotency.Result{}, err
		})
		s.wantError(err, idempotency.ErrLeaseOver)
		s.wantRuns(1, 0)
		if asked != 1 {
			t.Errorf("the store was asked %d times to record a step, want 1", asked)
		}
	})
}

func TestStepHeedsItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		_, err := s.guard.Do(t.Context(), s.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			ctx, cancel := context.WithCancelCause(ctx)
			cancel(errInjected)
			_, err := s.step(ctx, "charge")
			return idempotency.Result{}, err
		})
		s.wantError(err, errInjected)
		s.wantRuns(0, 0)
	})
}

// A zombie's step is not recorded, and its successor's are its own.
func TestZombieRecordsNoStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		zombie := func(ctx context.Context) (idempotency.Result, error) {
			_, err := idempotency.Step(ctx, "charge", func(context.Context) (string, error) {
				s.steps.cutOff.Store(true)
				time.Sleep(time.Hour) // heedless of its context
				s.steps.cutOff.Store(false)
				s.wantPaid("charge 1, receipt 1")
				return "late", nil
			})
			return idempotency.Result{}, err
		}
		_, err := s.guard.Do(t.Context(), s.request("pay"), zombie)
		s.wantError(err, idempotency.ErrLeaseOver)
	})
}

// A result that no longer decodes is an error, and never a second run.
func TestStepThatDoesNotDecode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.before["receipt"] = fails
		s.mustFail(errInjected)
		for range 2 {
			_, err := s.guard.Do(t.Context(), s.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
				_, err := idempotency.Step(ctx, "charge", func(context.Context) (int, error) { // no longer a string
					t.Error("the step ran again")
					return 1, nil
				})
				return idempotency.Result{}, err
			})
			s.wantError(err, idempotency.ErrStepResult)
			time.Sleep(time.Millisecond)
		}
		s.wantPaid("charge 1, receipt 1") // by the version before
	})
}

// A result that cannot be kept serves the execution that made it. The step is
// recorded without it.
func TestStepWhoseResultIsNotKept(t *testing.T) {
	t.Parallel()
	for name, configure := range map[string]func(*shop, *idempotency.Config){
		"not encodable": func(s *shop, _ *idempotency.Config) {
			s.options["charge"] = []idempotency.StepOption{idempotency.StepCodec(brokenCodec{})}
		},
		"over the limit": func(_ *shop, c *idempotency.Config) { c.MaxResult = 3 },
		"too large for the store": func(s *shop, _ *idempotency.Config) {
			s.steps.recordStep = func(ctx context.Context, r idempotency.Record, step idempotency.RecordedStep) (bool, error) {
				if step.Data != nil {
					return false, fmt.Errorf("no room: %w", idempotency.ErrTooLarge)
				}
				return s.steps.StepStore.RecordStep(ctx, r, step)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				s.guard = s.newGuard(func(c *idempotency.Config) {
					c.Store = s.steps
					configure(s, c)
				})
				charge := func(ctx context.Context) (idempotency.Result, error) {
					got, err := s.step(ctx, "charge")
					return idempotency.Result{Data: []byte(got)}, errors.Join(err, errInjected)
				}
				outcome, err := s.guard.Do(t.Context(), s.request("pay"), charge)
				s.wantError(err, errInjected)
				if string(outcome.Data) != "charge 1" {
					t.Errorf("the execution was given %q", outcome.Data)
				}
				time.Sleep(time.Millisecond)
				_, err = s.guard.Do(t.Context(), s.request("pay"), charge)
				s.wantError(err, idempotency.ErrStepResult)
				s.wantRuns(1, 0)
			})
		})
	}
}

type brokenCodec struct{}

func (brokenCodec) Marshal(any) ([]byte, error) { return nil, errInjected }
func (brokenCodec) Unmarshal([]byte, any) error { return errInjected }

// A step that the store did not record is recorded before the next one begins.
func TestStepIsRecordedBeforeTheNextBegins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.steps.recordStep = func(context.Context, idempotency.Record, idempotency.RecordedStep) (bool, error) {
			return false, errInjected
		}
		s.before["receipt"] = func() error { s.steps.recordStep = nil; return nil }
		s.before["end"] = fails
		s.mustFail(errInjected)
		s.events.want(t, idempotency.ObservedStepUnrecorded, idempotency.ObservedStep, idempotency.ObservedStep, idempotency.ObservedFailed)
		s.wantPaid("charge 1, receipt 1")
		s.wantRuns(1, 1)
	})
}

func TestStepThatIsNotRecordedStopsTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.steps.recordStep = func(context.Context, idempotency.Record, idempotency.RecordedStep) (bool, error) {
			return false, errInjected
		}
		s.mustFail(idempotency.ErrStore)
		s.wantRuns(1, 0)
		s.events.want(t, idempotency.ObservedStepUnrecorded, idempotency.ObservedStepUnrecorded, idempotency.ObservedFailed)
	})
}

// A step that ran while the store did not answer is recorded when the execution ends
// without a result.
func TestStepIsRecordedByAFailedExecution(t *testing.T) {
	for name, end := range map[string]func() error{"error": fails, "panic": panics, "discard": discards} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, s *shop) {
				s.steps.recordStep = func(context.Context, idempotency.Record, idempotency.RecordedStep) (bool, error) {
					return false, errInjected
				}
				s.before["receipt"] = func() error {
					s.steps.recordStep = nil
					return end()
				}
				s.mustFail(errInjected)
				s.wantPaid("charge 1, receipt 1")
				s.wantRuns(1, 1)
			})
		})
	}
}

// An execution whose last step was not recorded completes all the same.
func TestLastStepNeedsNoRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.before["receipt"] = func() error {
			s.steps.recordStep = func(context.Context, idempotency.Record, idempotency.RecordedStep) (bool, error) {
				return false, errInjected
			}
			return nil
		}
		s.wantPaid("charge 1, receipt 1")
	})
}

// A step whose record's reply was lost may be recorded: its key is not freed.
func TestStepWhoseReplyIsLostIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.steps.recordStep = func(ctx context.Context, r idempotency.Record, step idempotency.RecordedStep) (bool, error) {
			_, _ = s.steps.StepStore.RecordStep(ctx, r, step)
			return false, errInjected
		}
		s.before["receipt"] = fails
		s.mustFail(errInjected)
		s.steps.recordStep = nil
		s.wantPaid("charge 1, receipt 1")
		s.wantRuns(1, 1)
	})
}

// A takeover whose reply was lost is given up, and the steps are not.
func TestTakeoverGivenUpKeepsSteps(t *testing.T) {
	inEach(t, func(t *testing.T, s *shop) {
		s.before["receipt"] = fails
		s.mustFail(errInjected)
		s.steps.takeOver = func(ctx context.Context, c idempotency.Claim) ([]idempotency.RecordedStep, *idempotency.Record, error) {
			_, _, _ = s.steps.StepStore.TakeOver(ctx, c)
			return nil, nil, errInjected
		}
		s.mustFail(idempotency.ErrStore)
		s.steps.takeOver = nil
		s.wantPaid("charge 1, receipt 1")
	})
}

// A renewal while a step is under way, and one after it, keep what is recorded.
func TestLongStepsAreKept(t *testing.T) {
	inEach(t, func(t *testing.T, s *shop) {
		for _, name := range []string{"charge", "receipt", "end"} {
			s.before[name] = func() error { time.Sleep(10 * idempotency.DefaultLease); return nil }
		}
		end := s.before["end"]
		s.before["end"] = func() error { _ = end(); return s.dies() }
		s.mustFail(errInjected)
		s.restarts()
		s.wantPaid("charge 1, receipt 1")
		s.wantRuns(1, 1)
	})
}

// A store is told of the steps that are recorded already.
func TestStoreIsToldOfEarlierSteps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		var told []string
		s.steps.recordStep = func(ctx context.Context, r idempotency.Record, step idempotency.RecordedStep) (bool, error) {
			for _, before := range r.Steps {
				told = append(told, before.Name)
			}
			told = append(told, step.Name+".")
			return s.steps.StepStore.RecordStep(ctx, r, step)
		}
		s.before["receipt"] = fails
		s.mustFail(errInjected)
		s.wantPaid("charge 1, receipt 1")
		if got := strings.Join(told, " "); got != "charge. charge receipt." {
			t.Errorf("told of %q", got)
		}
	})
}

// Steps belong to the window.
func TestStepsEndWithTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.before["receipt"] = fails
		s.mustFail(errInjected)
		time.Sleep(idempotency.DefaultWindow)
		s.wantPaid("charge 2, receipt 1")
	})
}

func TestStepsOfADisabledGuardRun(t *testing.T) {
	t.Parallel()
	s := newShop(t, func(c *idempotency.Config) { c.Disabled = true })
	for i := range 2 {
		outcome, err := s.order()
		s.wantOutcome(outcome, err, fmt.Sprintf("charge %d, receipt %d", i+1, i+1), false)
	}
}

// What is recorded of a step is sealed under its name, and what does not open is not
// run again.
func TestStepsAreSealed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLock(t)
		s := newShop(t, l.configure)
		s.before["receipt"] = fails
		s.mustFail(errInjected)
		sealed := s.stored().Steps[0].Data
		want := fmt.Sprint(s.key.ID(), "\ncharge")
		if opened, err := l.aead.Open(nil, nil, sealed, []byte(want)); string(opened) != `"charge 1"` || err != nil {
			t.Errorf("recorded %q, opened %q, %v", sealed, opened, err)
		}
		l.opening = answers(errKeyGone)
		s.mustFail(idempotency.ErrSeal)
		l.opening = nil
		operator := s.newGuard(l.configure, func(c *idempotency.Config) { c.Store = s.steps.StepStore })
		if r, err := operator.Look(t.Context(), s.key); err != nil || string(r.Steps[0].Data) != `"charge 1"` {
			t.Errorf("an operator sees %+v, %v", r, err)
		}
		s.wantPaid("charge 1, receipt 1")
	})
}

// Executions without steps ask nothing of a store that keeps them.
func TestExecutionsWithoutStepsAskForNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.steps.recordStep = func(context.Context, idempotency.Record, idempotency.RecordedStep) (bool, error) {
			t.Error("a step was recorded")
			return false, nil
		}
		s.steps.takeOver = func(context.Context, idempotency.Claim) ([]idempotency.RecordedStep, *idempotency.Record, error) {
			t.Error("a first call took over")
			return nil, nil, errInjected
		}
		outcome, err := s.do("pay", "paid")
		s.wantOutcome(outcome, err, "paid", false)
		outcome, err = s.do("pay", "paid")
		s.wantOutcome(outcome, err, "paid", true)
	})
}

// Steps of an execution inside another's are its own.
func TestNestedExecutionsHaveTheirOwnSteps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		inner := idempotency.Request{Key: newKey(t, "alice", "receipts.send", "k1"), Fingerprint: idempotency.NewFingerprint(nil)}
		outcome, err := s.guard.Do(t.Context(), s.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			if _, err := s.step(ctx, "charge"); err != nil {
				return idempotency.Result{}, err
			}
			within, err := s.guard.Do(ctx, inner, func(ctx context.Context) (idempotency.Result, error) {
				got, err := s.step(ctx, "charge")
				return idempotency.Result{Data: []byte(got)}, err
			})
			return idempotency.Result{Data: within.Data}, err
		})
		s.wantOutcome(outcome, err, "charge 2", false)
	})
}
