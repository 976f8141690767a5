package datatable_test

import (
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable/datatabletest"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

func TestCount(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 31, 9, 26, 59, 0, time.UTC)
	f := datatabletest.New(t, func() time.Time { return now })
	// within counts four and returns how many were within the limit.
	within := func(name string) (n int) {
		t.Helper()
		for range 4 {
			ok, err := f.Table.Count(t.Context(), name, 2, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				n++
			}
		}
		return n
	}
	if a, b := within("a"), within("b"); a != 2 || b != 2 {
		t.Errorf("%d of a and %d of b were within a limit of two each", a, b)
	}
	now = now.Add(time.Second) // the next minute
	if a := within("a"); a != 2 {
		t.Errorf("%d were within the limit of the next period", a)
	}
	f.Engine.Inject(func(dynamolocal.Call) dynamolocal.Action { return dynamolocal.Action{Effect: dynamolocal.Fail} })
	if _, err := f.Table.Count(t.Context(), "a", 2, time.Minute); err == nil {
		t.Error("a table that cannot be reached counts")
	}
}
