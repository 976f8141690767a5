package customers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/functions/customers"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/api"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/apitest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable/datatabletest"
)

const ada = `{"name":"Ada Lovelace","email":"ada@example.com"}`

func newHandler(t *testing.T) (http.Handler, *datatable.Table) {
	t.Helper()
	table := datatabletest.New(t, nil).Table
	handler, err := customers.New(customers.Config{
		Guard:  apitest.Guard(t),
		Data:   table,
		Faults: apitest.Faults(t),
		Logger: apitest.Logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return handler, table
}

func count(t *testing.T, table *datatable.Table, kind datatable.Kind) int {
	t.Helper()
	entries, _, err := table.List(t.Context(), apitest.Alice, kind, 100)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestCreateAndRead(t *testing.T) {
	t.Parallel()
	handler, table := newHandler(t)
	created := apitest.Send(t, handler, http.MethodPost, "/api/customers", apitest.Request{Session: apitest.Alice, Key: "k1", Body: ada})
	var customer customers.Customer
	created.Decode(t, &customer)
	if created.Status != http.StatusCreated || customer.Name != "Ada Lovelace" || customer.Email != "ada@example.com" {
		t.Fatalf("got %+v", created)
	}
	if created.Header.Get("Location") != "/api/customers/"+customer.ID {
		t.Errorf("Location: %s", created.Header.Get("Location"))
	}

	read := apitest.Send(t, handler, http.MethodGet, created.Header.Get("Location"), apitest.Request{Session: apitest.Alice})
	if read.Status != http.StatusOK || read.Body != created.Body || read.Header.Get("ETag") != created.Header.Get("ETag") {
		t.Errorf("created %+v, but read %+v", created, read)
	}
	stranger := apitest.Send(t, handler, http.MethodGet, created.Header.Get("Location"), apitest.Request{Session: apitest.Bob})
	if stranger.Problem(t) != "not-found" {
		t.Errorf("another session gets %+v", stranger)
	}
	if executions, effects := count(t, table, datatable.Execution), count(t, table, datatable.Customer); executions != 1 || effects != 1 {
		t.Errorf("%d executions and %d customers, want one of each", executions, effects)
	}
}

func TestDuplicateIsReplayed(t *testing.T) {
	t.Parallel()
	handler, table := newHandler(t)
	request := apitest.Request{Session: apitest.Alice, Key: "k1", Body: ada}
	first := apitest.Send(t, handler, http.MethodPost, "/api/customers", request)
	second := apitest.Send(t, handler, http.MethodPost, "/api/customers", request)
	if diff := cmp.Diff(first.Body, second.Body); diff != "" || second.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("got %+v; %s", second, diff)
	}
	if n := count(t, table, datatable.Customer); n != 1 {
		t.Errorf("%d customers", n)
	}
}

func TestCrashAfterTheEffectLeavesOneCustomer(t *testing.T) {
	t.Parallel()
	handler, table := newHandler(t)
	request := apitest.Request{Session: apitest.Alice, Key: "k1", Body: ada, Header: http.Header{"Demo-Fault": {"crash-after-effect"}}}
	// Where the process would have ended, the test's panics.
	apitest.Send(t, handler, http.MethodPost, "/api/customers", request)
	request.Header = nil
	if retry := apitest.Send(t, handler, http.MethodPost, "/api/customers", request); retry.Status != http.StatusCreated {
		t.Errorf("got %+v", retry)
	}
	if executions, effects := count(t, table, datatable.Execution), count(t, table, datatable.Customer); executions != 2 || effects != 1 {
		t.Errorf("%d executions and %d customers, want 2 and 1: the id derives from the key", executions, effects)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ö", 200)
	for _, test := range []struct {
		name  string
		input customers.NewCustomer
		wrong []string
	}{
		{"valid", customers.NewCustomer{Name: long, Email: "a@b"}, nil},
		{"empty", customers.NewCustomer{}, []string{"name", "email"}},
		{"blank name", customers.NewCustomer{Name: " \t", Email: "a@b"}, []string{"name"}},
		{"long name", customers.NewCustomer{Name: long + "x", Email: "a@b"}, []string{"name"}},
		{"no address", customers.NewCustomer{Name: "x", Email: "ada"}, []string{"email"}},
		{"address with a name", customers.NewCustomer{Name: "x", Email: "Ada <ada@example.com>"}, []string{"email"}},
		{"two addresses", customers.NewCustomer{Name: "x", Email: "a@b,c@d"}, []string{"email"}},
		{"long address", customers.NewCustomer{Name: "x", Email: strings.Repeat("a", 253) + "@b"}, []string{"email"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var wrong []string
			for _, e := range test.input.Validate() {
				wrong = append(wrong, e.Field)
			}
			if diff := cmp.Diff(test.wrong, wrong); diff != "" {
				t.Error(diff)
			}
		})
	}
}

var _ api.Input = customers.NewCustomer{}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	complete := customers.Config{Guard: apitest.Guard(t), Data: datatabletest.New(t, nil).Table, Faults: apitest.Faults(t), Logger: apitest.Logger()}
	for field, remove := range map[string]func(*customers.Config){
		"Guard":  func(c *customers.Config) { c.Guard = nil },
		"Data":   func(c *customers.Config) { c.Data = nil },
		"Faults": func(c *customers.Config) { c.Faults = nil },
		"Logger": func(c *customers.Config) { c.Logger = nil },
	} {
		cfg := complete
		remove(&cfg)
		if _, err := customers.New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("got %v, want an error that names %s", err, field)
		}
	}
}
