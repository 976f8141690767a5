package environment_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/environment"
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
		{"all", map[string]string{"IDEMPOTENCY_WINDOW": "24h", "DEMO_FAULTS": "true"}, nil},
		{"no data table", map[string]string{"DATA_TABLE": ""}, []string{"DATA_TABLE"}},
		{"no idempotency table", map[string]string{"IDEMPOTENCY_TABLE": ""}, []string{"IDEMPOTENCY_TABLE"}},
		{"window without a unit", map[string]string{"IDEMPOTENCY_WINDOW": "24"}, []string{"IDEMPOTENCY_WINDOW"}},
		{"negative window", map[string]string{"IDEMPOTENCY_WINDOW": "-1h"}, []string{"IDEMPOTENCY_WINDOW"}},
		{"window shorter than a lease", map[string]string{"IDEMPOTENCY_WINDOW": "1s"}, []string{"Window"}},
		{"faults", map[string]string{"DEMO_FAULTS": "perhaps"}, []string{"DEMO_FAULTS"}},
		{"everything wrong", map[string]string{"DATA_TABLE": "", "IDEMPOTENCY_TABLE": "", "DEMO_FAULTS": "?"}, []string{"DATA_TABLE", "IDEMPOTENCY_TABLE", "DEMO_FAULTS"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			variables := maps.Clone(complete)
			maps.Copy(variables, test.variables)
			e, err := environment.New(t.Context(), func(name string) string { return variables[name] })
			if len(test.named) == 0 {
				if err != nil || e.Data == nil || e.Records == nil || e.Guard == nil || e.Faults == nil || e.Logger == nil {
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
