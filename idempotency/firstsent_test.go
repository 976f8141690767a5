package idempotency_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

// A retry after the window is refused, although nothing is left of the first call.
func TestLateRetryIsRefused(t *testing.T) {
	t.Parallel()
	for name, configure := range map[string]func(*idempotency.Config){
		"leased":            func(*idempotency.Config) {},
		"atomic":            func(c *idempotency.Config) { c.Store, c.Mode = newPlanned(), idempotency.Atomic },
		"leased and cached": func(c *idempotency.Config) { c.CacheEntries, c.CacheAge = 0, idempotency.DefaultWindow },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, configure)
				request := w.request("pay")
				request.FirstSent = time.Now()
				time.Sleep(time.Hour) // on its way
				outcome, err := w.guard.Do(t.Context(), request, answering("paid"))
				w.wantOutcome(outcome, err, "paid", false)

				time.Sleep(time.Until(request.FirstSent.Add(idempotency.DefaultWindow - 1)))
				outcome, err = w.guard.Do(t.Context(), request, w.mustNotRun)
				w.wantOutcome(outcome, err, "paid", true)
				w.events.want(t, idempotency.ObservedExecuted, idempotency.ObservedReplayed)
				time.Sleep(time.Nanosecond)
				_, err = w.guard.Do(t.Context(), request, w.mustNotRun) // there is a record still
				w.wantError(err, idempotency.ErrWindowPassed)
				time.Sleep(idempotency.DefaultWindow)
				_, err = w.guard.Do(t.Context(), request, w.mustNotRun)
				w.wantError(err, idempotency.ErrWindowPassed)
				w.events.want(t, idempotency.ObservedWindowPassed, idempotency.ObservedWindowPassed)

				request.FirstSent = time.Time{} // as before
				outcome, err = w.guard.Do(t.Context(), request, answering("paid again"))
				w.wantOutcome(outcome, err, "paid again", false)
			})
		})
	}
}

// A call that waits while its window passes does not execute in the end.
func TestRetryThatBecomesLateIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		short := func(c *idempotency.Config) {
			c.Window, c.Lease, c.Skew, c.Wait = 10*time.Second, 9*time.Second, -1, 10*time.Second
		}
		w := newWorld(t, short)
		first := time.Now()
		time.Sleep(time.Second)
		w.slow(8*time.Second, idempotency.Result{}, errInjected)
		request := w.request("pay")
		request.FirstSent = first.Add(-2 * time.Second)
		_, err := w.guard.Do(t.Context(), request, w.mustNotRun)
		w.wantError(err, idempotency.ErrWindowPassed)
		time.Sleep(time.Minute)
	})
}

// A plan that takes long is not written after the window.
func TestPlanThatBecomesLateIsNotWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newPlanned()
		w := newWorld(t, func(c *idempotency.Config) { c.Store, c.Mode = store, idempotency.Atomic })
		request := w.request("pay")
		request.FirstSent = time.Now()
		_, err := w.guard.Do(t.Context(), request, func(ctx context.Context) (idempotency.Result, error) {
			time.Sleep(idempotency.DefaultWindow)
			return idempotency.Result{Data: []byte("paid")}, nil
		})
		w.wantError(err, idempotency.ErrWindowPassed)
		if store.Len() != 0 {
			t.Error("it was written")
		}
	})
}

// After a loss of records a request is refused that may have been executed before.
func TestRequestFromBeforeTheLossIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		request := w.request("pay")
		request.FirstSent = time.Now()
		outcome, err := w.guard.Do(t.Context(), request, answering("paid"))
		w.wantOutcome(outcome, err, "paid", false)

		time.Sleep(time.Hour)
		w.store.Store = memstore.New() // all is lost
		restored := w.newGuard(func(c *idempotency.Config) { c.RecordsSince = time.Now() })
		_, err = restored.Do(t.Context(), request, w.mustNotRun)
		w.wantError(err, idempotency.ErrWindowPassed)
		request.FirstSent = time.Now()
		outcome, err = restored.Do(t.Context(), request, answering("paid anew"))
		w.wantOutcome(outcome, err, "paid anew", false)
	})
}

func TestFirstSentInTheFutureIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		request := w.request("pay")
		request.FirstSent = time.Now().Add(1)
		_, err := w.guard.Do(t.Context(), request, w.mustNotRun)
		w.wantError(err, idempotency.ErrFirstSentFuture)
		w.events.want(t, idempotency.ObservedRefused)
		_, _, err = idempotency.Do(t.Context(), w.guard, idempotency.Intent{
			Scope: idempotency.SharedScope(), Operation: "pay", Key: "k", Payload: "p", FirstSent: time.Now().Add(-idempotency.DefaultWindow),
		}, func(context.Context) (string, error) { return "", errors.New("executed") })
		w.wantError(err, idempotency.ErrWindowPassed)
		time.Sleep(time.Nanosecond)
		outcome, err := w.guard.Do(t.Context(), request, answering("paid"))
		w.wantOutcome(outcome, err, "paid", false)
	})
}

// planned is an atomic store whose executions have no effects but their record.
type planned struct{ *memstore.Store }

func newPlanned() planned { return planned{memstore.New()} }

func (s planned) Begin(ctx context.Context, a idempotency.Attempt) (context.Context, *idempotency.Record, error) {
	r, err := s.Load(ctx, a.Record.ID)
	if err != nil || r != nil && a.Now.Before(r.Expires) {
		return nil, r, err
	}
	return ctx, nil, nil
}

func (s planned) Commit(ctx context.Context, completed idempotency.Record, now time.Time) (*idempotency.Record, error) {
	claim := completed
	claim.Status = idempotency.InProgress
	if existing, err := s.Claim(ctx, idempotency.Claim{Record: claim, Now: now}); existing != nil || err != nil {
		return existing, err
	}
	return s.Complete(ctx, completed)
}

func (planned) End(context.Context) {}
