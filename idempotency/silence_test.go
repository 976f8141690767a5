package idempotency_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// untilItsEnd waits for the end of the execution's context and says nothing.
func untilItsEnd(ctx context.Context) (idempotency.Result, error) {
	<-ctx.Done()
	return idempotency.Result{}, nil
}

// A handler that gives up when its context ends, and returns without a result,
// has failed: nothing is recorded, and the recovery policy decides.
func TestHazardSilenceRecorded(t *testing.T) {
	t.Parallel()
	policies := map[string]struct {
		recovery idempotency.Recovery
		observed idempotency.Observation
		again    error
	}{
		"Reexecute": {idempotency.Reexecute, idempotency.ObservedReleased, nil},
		"Refuse":    {idempotency.Refuse, idempotency.ObservedFailed, idempotency.ErrOutcomeUnknown},
		"Reconcile": {idempotency.Reconcile, idempotency.ObservedFailed, nil},
	}
	for name, policy := range policies {
		for _, how := range []string{"deadline", "lost lease"} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w, b := newWorld(t, func(c *idempotency.Config) { c.Recovery = policy.recovery }), &bank{}
					ctx := t.Context()
					if how == "deadline" {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, 10*time.Second)
						defer cancel()
					} else {
						w.store.renew = func(_ context.Context, r idempotency.Record) (bool, error) {
							if r.LeaseUntil.IsZero() {
								return w.store.Store.Renew(t.Context(), r)
							}
							return false, nil
						}
					}
					_, err := w.guard.Do(ctx, w.reconciling("pay", b), untilItsEnd)
					w.wantError(err, idempotency.ErrLeaseOver)
					w.events.want(t, policy.observed)

					time.Sleep(time.Millisecond)
					outcome, err := w.guard.Do(t.Context(), w.reconciling("pay", b), b.charge)
					w.wantError(err, policy.again)
					if policy.again == nil {
						w.wantOutcome(outcome, err, "charged", false)
					}
				})
			})
		}
	}
	t.Run("while its context lives, an empty result is one", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.guard.Do(t.Context(), w.request("pay"), func(context.Context) (idempotency.Result, error) {
				return idempotency.Result{}, nil
			})
			w.wantError(err, nil)
			again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
			w.wantOutcome(again, err, "", true)
		})
	})
	t.Run("a result after the end is one", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			for _, data := range []string{"paid", ""} {
				w := newWorld(t)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				outcome, err := w.guard.Do(ctx, w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
					<-ctx.Done()
					return idempotency.Result{Data: []byte(data)}, nil
				})
				cancel()
				w.wantOutcome(outcome, err, data, false)
				again, err := w.guard.Do(t.Context(), w.request("pay"), w.mustNotRun)
				w.wantOutcome(again, err, data, true)
			}
		})
	})
	t.Run("a value returned without an error is a result", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			intent := w.intent(1)
			intent.Codec = nilCodec{}
			_, _, err := idempotency.Do(ctx, w.guard, intent, func(ctx context.Context) (struct{}, error) {
				<-ctx.Done()
				return struct{}{}, nil
			})
			w.wantError(err, nil)
			_, outcome, err := idempotency.Do(t.Context(), w.guard, intent, func(context.Context) (struct{}, error) {
				t.Error("executed")
				return struct{}{}, nil
			})
			if err != nil || !outcome.Replayed {
				t.Errorf("%+v, %v", outcome, err)
			}
		})
	})
	t.Run("in atomic mode", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			store := newOpenStore()
			guard := newAtomicGuard(t, store, 0)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if _, err := guard.Do(ctx, atomicRequest(t), untilItsEnd); !errors.Is(err, idempotency.ErrLeaseOver) {
				t.Errorf("error %v, want %v", err, idempotency.ErrLeaseOver)
			}
			outcome, err := guard.Do(t.Context(), atomicRequest(t), answering("paid"))
			if err != nil || string(outcome.Data) != "paid" || outcome.Replayed {
				t.Errorf("%+v, %v", outcome, err)
			}
		})
	})
}

type nilCodec struct{}

func (nilCodec) Marshal(any) ([]byte, error) { return nil, nil }
func (nilCodec) Unmarshal([]byte, any) error { return nil }

// declare runs an execution that says the given of itself and returns a result.
func declare(say func(idempotency.Execution)) func(context.Context) (idempotency.Result, error) {
	return func(ctx context.Context) (idempotency.Result, error) {
		e, _ := idempotency.FromContext(ctx)
		say(e)
		return idempotency.Result{Data: []byte("said")}, nil
	}
}

// Code that does not make the result itself can say how the execution ends.
func TestAnExecutionDeclaresHowItEnds(t *testing.T) {
	t.Parallel()
	fail := func(e idempotency.Execution) { e.Fail(errInjected) }
	discard := func(e idempotency.Execution) { e.Discard() }
	both := func(e idempotency.Execution) { e.Fail(errInjected); e.Discard() }
	for _, test := range []struct {
		name     string
		recovery idempotency.Recovery
		run      func(context.Context) (idempotency.Result, error)
		observed idempotency.Observation
		err      error
		again    error
	}{
		{"discard", idempotency.Refuse, declare(discard), idempotency.ObservedReleased, nil, nil},
		{"failure", idempotency.Refuse, declare(fail), idempotency.ObservedFailed, idempotency.ErrFailed, idempotency.ErrOutcomeUnknown},
		{"failure that is executed again", idempotency.Reexecute, declare(fail), idempotency.ObservedReleased, errInjected, nil},
		{"failure without a cause", idempotency.Refuse, declare(func(e idempotency.Execution) { e.Fail(nil) }), idempotency.ObservedFailed, idempotency.ErrFailed, idempotency.ErrOutcomeUnknown},
		{"failure and discard", idempotency.Refuse, declare(both), idempotency.ObservedFailed, idempotency.ErrFailed, idempotency.ErrOutcomeUnknown},
		{"discard and an error", idempotency.Refuse, func(ctx context.Context) (idempotency.Result, error) {
			_, _ = declare(discard)(ctx)
			return idempotency.Result{}, errInjected
		}, idempotency.ObservedReleased, errInjected, nil},
		{"a marked error", idempotency.Refuse, func(context.Context) (idempotency.Result, error) {
			return idempotency.Result{}, idempotency.Discard(errInjected)
		}, idempotency.ObservedReleased, errInjected, nil},
		{"failure and a discarded result", idempotency.Refuse, func(ctx context.Context) (idempotency.Result, error) {
			_, _ = declare(fail)(ctx)
			return idempotency.Result{Discard: true}, nil
		}, idempotency.ObservedFailed, idempotency.ErrFailed, idempotency.ErrOutcomeUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(c *idempotency.Config) { c.Recovery = test.recovery })
				outcome, err := w.guard.Do(t.Context(), w.request("pay"), test.run)
				if !errors.Is(err, test.err) {
					t.Errorf("error %v, want %v", err, test.err)
				}
				if test.err != errInjected && string(outcome.Data) != "said" && test.name != "failure and a discarded result" {
					t.Errorf("data %q, want what was returned", outcome.Data)
				}
				w.events.want(t, test.observed)
				time.Sleep(time.Millisecond)
				_, err = w.guard.Do(t.Context(), w.request("pay"), answering("paid"))
				w.wantError(err, test.again)
			})
		})
	}
	t.Run("discard and a panic", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(c *idempotency.Config) { c.Recovery = idempotency.Refuse })
			func() {
				defer func() { _ = recover() }()
				_, _ = w.guard.Do(t.Context(), w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
					_, _ = declare(discard)(ctx)
					panic("boom")
				})
			}()
			outcome, err := w.do("pay", "paid")
			w.wantOutcome(outcome, err, "paid", false)
		})
	})
	t.Run("in atomic mode", func(t *testing.T) {
		t.Parallel()
		guard := newAtomicGuard(t, newOpenStore(), 0)
		_, err := guard.Do(t.Context(), atomicRequest(t), declare(fail))
		if !errors.Is(err, idempotency.ErrFailed) || !errors.Is(err, errInjected) {
			t.Errorf("error %v", err)
		}
		outcome, err := guard.Do(t.Context(), atomicRequest(t), declare(discard))
		if err != nil || string(outcome.Data) != "said" {
			t.Errorf("%+v, %v", outcome, err)
		}
		outcome, err = guard.Do(t.Context(), atomicRequest(t), answering("paid"))
		if err != nil || string(outcome.Data) != "paid" || outcome.Replayed {
			t.Errorf("%+v, %v", outcome, err)
		}
	})
	t.Run("outside of a guard", func(t *testing.T) {
		t.Parallel()
		e, _ := idempotency.FromContext(t.Context())
		e.Discard() // has no effect
		e.Fail(errInjected)
	})
}
