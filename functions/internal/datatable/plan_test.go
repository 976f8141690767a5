package datatable_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable/datatabletest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// shop plans in executions of its own keys.
type shop struct {
	*datatabletest.Fixture
	guard *idempotency.Guard
	clock *clock
	keys  int
}

func newShop(t *testing.T) *shop {
	t.Helper()
	c := newClock()
	f := datatabletest.New(t, c.Now)
	return &shop{Fixture: f, guard: f.AtomicGuard(t, 0), clock: c}
}

func (s *shop) execute(t *testing.T, run func(ctx context.Context) error) error {
	t.Helper()
	s.keys++
	key, err := idempotency.NewKey(idempotency.SharedScope(), "orders.create", fmt.Sprint(s.keys))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.guard.Do(t.Context(), idempotency.Request{Key: key, Fingerprint: idempotency.NewFingerprint(nil)},
		func(ctx context.Context) (idempotency.Result, error) { return idempotency.Result{}, run(ctx) })
	return err
}

// take takes from a stock of ten and says what became of it: "taken", or how
// much is left.
func (s *shop) take(t *testing.T, owner session.ID, article string, quantity int) string {
	t.Helper()
	err := s.execute(t, func(ctx context.Context) error { return s.Table.PlanTake(ctx, owner, article, quantity, 10) })
	if short, ok := errors.AsType[*datatable.ShortageError](err); ok {
		return fmt.Sprint(short.Available)
	}
	if err != nil {
		t.Fatal(err)
	}
	return "taken"
}

func TestPlanTake(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for i, step := range []struct {
		owner    session.ID
		article  string
		quantity int
		want     string
	}{
		{alice, "mug", 11, "10"}, // never touched: it holds the initial ten
		{alice, "mug", 4, "taken"},
		{alice, "mug", 7, "6"},
		{alice, "mug", 11, "6"},
		{alice, "mug", 6, "taken"},
		{alice, "mug", 1, "0"},
		{alice, "teapot", 10, "taken"},
		{bob, "mug", 10, "taken"}, // a stock of his own
		{bob, "mug", 1, "0"},
	} {
		if got := s.take(t, step.owner, step.article, step.quantity); got != step.want {
			t.Errorf("step %d: got %s, want %s: %+v", i, got, step.want, step)
		}
	}
}

func TestExpiredStockCountsAnewThoughNotYetDeleted(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	if got := s.take(t, alice, "mug", 9); got != "taken" {
		t.Fatal(got)
	}
	s.clock.advance(datatabletest.Retention - time.Second)
	if got := s.take(t, alice, "mug", 2); got != "1" {
		t.Errorf("just before it expires: %s left, want 1", got)
	}
	s.clock.advance(time.Second)
	if got := s.take(t, alice, "mug", 11); got != "10" {
		t.Errorf("expired: %s left, want 10", got)
	}
	if got := s.take(t, alice, "mug", 9); got != "taken" {
		t.Errorf("expired: %s left, want 10", got)
	}
	if got := s.take(t, alice, "mug", 2); got != "1" {
		t.Errorf("begun anew: %s left, want 1", got)
	}
	s.clock.advance(datatabletest.Retention / 2)
	if got := s.take(t, alice, "mug", 1); got != "taken" {
		t.Error(got)
	}
	s.clock.advance(datatabletest.Retention / 2)
	if got := s.take(t, alice, "mug", 1); got != "0" {
		t.Errorf("%s left, want 0: each order keeps the stock for longer", got)
	}
}

func TestPlannedEntriesAreWrittenTogetherOrNotAtAll(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	plan := func(id string, quantity int) error {
		return s.execute(t, func(ctx context.Context) error {
			return errors.Join(
				s.Table.PlanExecution(ctx, alice, "orders.create"),
				s.Table.PlanPut(ctx, alice, datatable.Entry{Kind: datatable.Order, ID: id, Operation: "orders.create", Resource: id, At: s.clock.Now()}, thing{Name: id}),
				s.Table.PlanTake(ctx, alice, "mug", quantity, 10),
			)
		})
	}
	if err := plan("1", 1); err != nil {
		t.Fatal(err)
	}
	if _, short := errors.AsType[*datatable.ShortageError](plan("2", 10)); !short {
		t.Error("the second order is not refused")
	}
	for _, kind := range []datatable.Kind{datatable.Order, datatable.Execution} {
		entries, _, err := s.Table.List(t.Context(), alice, kind, 10)
		if err != nil || len(entries) != 1 {
			t.Fatalf("%ss: got %v, %v; want one", kind, entries, err)
		}
	}
	entry, err := s.Table.Get(t.Context(), alice, datatable.Order, "1")
	if err != nil {
		t.Fatal(err)
	}
	var got thing
	if err := entry.Detail(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(thing{Name: "1"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyAtomicExecutionsCanPlan(t *testing.T) {
	t.Parallel()
	table := datatabletest.New(t, nil).Table
	for name, err := range map[string]error{
		"PlanPut":       table.PlanPut(t.Context(), alice, datatable.Entry{}, thing{}),
		"PlanExecution": table.PlanExecution(t.Context(), alice, "orders.create"),
		"PlanTake":      table.PlanTake(t.Context(), alice, "mug", 1, 1),
	} {
		if err == nil || !strings.Contains(err.Error(), "atomic") {
			t.Errorf("%s: got %v, want an error that asks for atomic mode", name, err)
		}
	}
}
