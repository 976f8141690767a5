package activity

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/api"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
)

// MaxEntries is the greatest number of entries of each kind that are shown.
const MaxEntries = 500

// Activity holds the executions and effects of a session, newest first.
type Activity struct {
	Executions []Execution `json:"executions"`
	Effects    []Effect    `json:"effects"`
	// The counts are those of the lists.
	ExecutionCount int `json:"executionCount"`
	EffectCount    int `json:"effectCount"`
	// Truncated reports whether there are more than MaxEntries of a kind.
	Truncated bool `json:"truncated"`
}

// Execution is one run of an operation, whatever came of it.
type Execution struct {
	ID        string `json:"id"`
	Operation string `json:"operation"`
	KeyHash   string `json:"keyHash,omitempty"`
	// Steps are those that the execution has begun itself, in their order. Steps whose
	// recorded results it used are not among them.
	Steps []Step    `json:"steps,omitempty"`
	At    time.Time `json:"at"`
}

// Step is the beginning of one of an execution's steps.
type Step struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// Effect is one thing that an execution did to the world.
type Effect struct {
	ID string `json:"id"`
	// Kind is "charge", "receipt", "customer" or "order".
	Kind      datatable.Kind `json:"kind"`
	Operation string         `json:"operation"`
	// Resource is the id of the payment, customer or order.
	Resource string         `json:"resource"`
	Detail   map[string]any `json:"detail"`
	At       time.Time      `json:"at"`
}

// effectKinds are the entries that are effects. A payment is none: it is what
// the application remembers of a charge.
var effectKinds = [...]datatable.Kind{datatable.Charge, datatable.Receipt, datatable.Customer, datatable.Order}

func (s *service) activity(r *http.Request, caller session.ID) (Activity, error) {
	// Empty lists, not null.
	a := Activity{Executions: []Execution{}, Effects: []Effect{}}

	entries, more, err := s.Data.List(r.Context(), caller, datatable.Execution, MaxEntries)
	if err != nil {
		return a, api.Unavailable(err)
	}
	a.Truncated = more
	steps, more, err := s.steps(r, caller)
	if err != nil {
		return a, err
	}
	a.Truncated = a.Truncated || more
	for _, e := range entries {
		var detail datatable.ExecutionDetail
		if err := e.Detail(&detail); err != nil {
			return a, err
		}
		a.Executions = append(a.Executions, Execution{ID: e.ID, Operation: e.Operation, KeyHash: detail.KeyHash, Steps: steps[e.ID], At: e.At})
	}
	for _, kind := range effectKinds {
		entries, more, err := s.Data.List(r.Context(), caller, kind, MaxEntries)
		if err != nil {
			return a, api.Unavailable(err)
		}
		a.Truncated = a.Truncated || more
		for _, e := range entries {
			effect := Effect{ID: e.ID, Kind: e.Kind, Operation: e.Operation, Resource: e.Resource, At: e.At}
			if err := e.Detail(&effect.Detail); err != nil {
				return a, err
			}
			a.Effects = append(a.Effects, effect)
		}
	}
	slices.SortStableFunc(a.Executions, func(x, y Execution) int { return newestFirst(x.At, y.At, x.ID, y.ID) })
	slices.SortStableFunc(a.Effects, func(x, y Effect) int { return newestFirst(x.At, y.At, x.ID, y.ID) })
	a.ExecutionCount, a.EffectCount = len(a.Executions), len(a.Effects)
	return a, nil
}

// steps returns the session's steps by the id of their execution, and reports whether
// there are more.
func (s *service) steps(r *http.Request, caller session.ID) (steps map[string][]Step, more bool, err error) {
	entries, more, err := s.Data.List(r.Context(), caller, datatable.Step, MaxEntries)
	if err != nil {
		return nil, false, api.Unavailable(err)
	}
	steps = make(map[string][]Step)
	for _, e := range slices.Backward(entries) { // the oldest first
		var detail datatable.StepDetail
		if err := e.Detail(&detail); err != nil {
			return nil, false, err
		}
		steps[e.Group] = append(steps[e.Group], Step{Name: detail.Name, At: e.At})
	}
	return steps, more, nil
}

// newestFirst falls back on the ids, which grow with time, within a millisecond.
func newestFirst(x, y time.Time, xID, yID string) int {
	return cmp.Or(y.Compare(x), cmp.Compare(yID, xID))
}
