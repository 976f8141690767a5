package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// A step that is misused is an error that names it, and does not run.
func TestStepMisused(t *testing.T) {
	t.Parallel()
	step := func(ctx context.Context, name string, options ...idempotency.StepOption) error {
		_, err := idempotency.Step(ctx, name, func(context.Context) (string, error) { return name, nil }, options...)
		return err
	}
	for name, misuse := range map[string]func(context.Context) error{
		"same name twice": func(ctx context.Context) error {
			return errors.Join(step(ctx, "first"), step(ctx, "first"))
		},
		"inside another": func(ctx context.Context) error {
			_, err := idempotency.Step(ctx, "outer", func(ctx context.Context) (string, error) { return "", step(ctx, "inner") })
			return err
		},
		"no name":      func(ctx context.Context) error { return step(ctx, "") },
		"long name":    func(ctx context.Context) error { return step(ctx, strings.Repeat("a", 101)) },
		"odd name":     func(ctx context.Context) error { return step(ctx, "a#b") },
		"no execution": func(ctx context.Context) error { return step(context.Background(), "a") },
		"no codec":     func(ctx context.Context) error { return step(ctx, "a", idempotency.StepCodec(nil)) },
		"no reconcile": func(ctx context.Context) error {
			return step(ctx, "a", idempotency.StepRecovery(idempotency.Reconcile))
		},
		"odd recovery": func(ctx context.Context) error { return step(ctx, "a", idempotency.StepRecovery(7)) },
		"too many": func(ctx context.Context) error {
			for i := range idempotency.MaxSteps {
				if err := step(ctx, fmt.Sprint("step-", i)); err != nil {
					t.Error(err)
				}
			}
			return step(ctx, "one-more")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				_, err := s.guard.Do(t.Context(), s.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
					return idempotency.Result{}, misuse(ctx)
				})
				s.wantError(err, idempotency.ErrStep)
			})
		})
	}
	t.Run("store without steps", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		_, err := w.guard.Do(t.Context(), w.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			return idempotency.Result{}, step(ctx, "a")
		})
		w.wantError(err, idempotency.ErrStep)
	})
	t.Run("reconciliation", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newShop(t, reconciles)
			s.before["charge"] = s.dies
			s.mustFail(errInjected)
			s.restarts()
			request := s.request("pay")
			request.Reconcile = func(ctx context.Context) (idempotency.Reconciliation, error) {
				return idempotency.Reconciliation{}, step(ctx, "a")
			}
			_, err := s.guard.Do(t.Context(), request, s.pay)
			s.wantError(err, idempotency.ErrStep)
		})
	})
}

// Concurrent steps are a mistake that is told to one of them.
func TestConcurrentStepsAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		_, err := s.guard.Do(t.Context(), s.request("pay"), func(ctx context.Context) (idempotency.Result, error) {
			errs := make(chan error)
			for i := range 2 {
				go func() {
					_, err := idempotency.Step(ctx, fmt.Sprint("step-", i), func(context.Context) (int, error) {
						time.Sleep(time.Second)
						return i, nil
					})
					errs <- err
				}()
			}
			return idempotency.Result{}, errors.Join(<-errs, <-errs)
		})
		s.wantError(err, idempotency.ErrStep)
		if n := len(slices.Collect(strings.SplitSeq(err.Error(), "\n"))); n != 1 {
			t.Errorf("%d steps were refused, want 1: %v", n, err)
		}
	})
}
