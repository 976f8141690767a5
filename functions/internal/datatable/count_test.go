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
	count := func(name string) bool {
		t.Helper()
		within, err := f.Table.Count(t.Context(), name, 2, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return within
	}
	if !count("a") || !count("a") || count("a") || count("a") {
		t.Error("not two of a were within the limit of two")
	}
	if !count("b") {
		t.Error("b is counted with a")
	}
	now = now.Add(time.Second) // the next minute
	if !count("a") || !count("a") || count("a") {
		t.Error("the next period does not begin at nothing")
	}
	f.Engine.Inject(func(dynamolocal.Call) dynamolocal.Action { return dynamolocal.Action{Effect: dynamolocal.Fail} })
	if _, err := f.Table.Count(t.Context(), "a", 2, time.Minute); err == nil {
		t.Error("a table that cannot be reached counts")
	}
}
