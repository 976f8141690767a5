package environment_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/environment"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

func TestNew(t *testing.T) {
	t.Parallel()
	complete := map[string]string{"DATA_TABLE": "data", "IDEMPOTENCY_TABLE": "records"}
	for _, test := range []struct {
		name      string
		variables map[string]string
		named     []string // in the error; empty: no error
	}{
		{"complete", nil, nil},
		{"all", map[string]string{"IDEMPOTENCY_WINDOW": "24h", "DEMO_FAULTS": "true", "RECORD_CALLS": "true", "STAGE": "demo", "DATA_RETENTION": "87600h", "CALLERS": "token", "UNPROTECTED": "false", "FAULT_LIMITS": "false"}, nil},
		{"no data table", map[string]string{"DATA_TABLE": ""}, []string{"DATA_TABLE"}},
		{"no idempotency table", map[string]string{"IDEMPOTENCY_TABLE": ""}, []string{"IDEMPOTENCY_TABLE"}},
		{"window without a unit", map[string]string{"IDEMPOTENCY_WINDOW": "24"}, []string{"IDEMPOTENCY_WINDOW"}},
		{"negative window", map[string]string{"IDEMPOTENCY_WINDOW": "-1h"}, []string{"IDEMPOTENCY_WINDOW"}},
		{"retention", map[string]string{"DATA_RETENTION": "0s"}, []string{"DATA_RETENTION"}},
		{"callers", map[string]string{"CALLERS": "cookies"}, []string{"CALLERS"}},
		{"unprotected", map[string]string{"UNPROTECTED": "perhaps"}, []string{"UNPROTECTED"}},
		{"fault limits", map[string]string{"FAULT_LIMITS": "perhaps"}, []string{"FAULT_LIMITS"}},
		{"faults", map[string]string{"DEMO_FAULTS": "perhaps"}, []string{"DEMO_FAULTS"}},
		{"calls", map[string]string{"RECORD_CALLS": "perhaps"}, []string{"RECORD_CALLS"}},
		{"everything wrong", map[string]string{"DATA_TABLE": "", "IDEMPOTENCY_TABLE": "", "DEMO_FAULTS": "?", "RECORD_CALLS": "?"}, []string{"DATA_TABLE", "IDEMPOTENCY_TABLE", "DEMO_FAULTS", "RECORD_CALLS"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			variables := maps.Clone(complete)
			maps.Copy(variables, test.variables)
			e, err := environment.New(t.Context(), func(name string) string { return variables[name] })
			if len(test.named) == 0 {
				if err != nil || e.Data == nil || e.Records == nil || e.Faults == nil || e.Logger == nil {
					t.Fatalf("got %+v, %v", e, err)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, name := range test.named {
				if !strings.Contains(err.Error(), name) {
					t.Errorf("the error %q does not name %s", err, name)
				}
			}
		})
	}
}

func TestNewGuard(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		window string
		cfg    idempotency.Config
		wrong  string // what the error names; empty: no error
	}{
		{"plain", "24h", idempotency.Config{}, ""},
		{"reconciling", "24h", idempotency.Config{Recovery: idempotency.Reconcile}, ""},
		{"atomic", "24h", idempotency.Config{Mode: idempotency.Atomic}, ""},
		{"atomic with a window of its own", "24h", idempotency.Config{Mode: idempotency.Atomic, Window: 5 * time.Second, Lease: time.Second, Skew: -1}, ""},
		{"window shorter than a lease", "1s", idempotency.Config{}, "Window"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			variables := map[string]string{"DATA_TABLE": "data", "IDEMPOTENCY_TABLE": "records", "IDEMPOTENCY_WINDOW": test.window}
			e, err := environment.New(t.Context(), func(name string) string { return variables[name] })
			if err != nil {
				t.Fatal(err)
			}
			guard, err := e.NewGuard(test.cfg)
			switch {
			case test.wrong != "":
				if err == nil || !strings.Contains(err.Error(), test.wrong) {
					t.Errorf("got %v, want an error that names %s", err, test.wrong)
				}
			case err != nil:
				t.Error(err)
			case guard.Recovery() != test.cfg.Recovery:
				t.Errorf("the policy is %v, want %v", guard.Recovery(), test.cfg.Recovery)
			}
		})
	}
}
