package activity

import (
	"net/http"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/api"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/calls"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// MaxCalls is the greatest number of calls that are shown.
const MaxCalls = 100

// Calls are a session's latest calls of idempotent operations, newest first.
// There are none where calls are not written down.
type Calls struct {
	Calls []Call `json:"calls"`
	// Truncated says that there are more than MaxCalls.
	Truncated bool `json:"truncated"`
}

// Call is one call of an idempotent operation.
type Call struct {
	ID        string `json:"id"`
	Operation string `json:"operation"`
	// KeyHash is the hash of scope and idempotency key, as an [Execution] has it.
	KeyHash string                  `json:"keyHash"`
	Outcome idempotency.Observation `json:"outcome"`
	// Replayed reports whether the call got the recorded response.
	Replayed bool `json:"replayed"`
	Cost     Cost `json:"cost"`
	// DurationMs is the duration of the call, in milliseconds.
	DurationMs float64   `json:"durationMs"`
	At         time.Time `json:"at"`
}

// Cost is what a call asked of the store of idempotency records. In atomic mode
// that includes what the operation itself wrote.
type Cost struct {
	RoundTrips int     `json:"roundTrips"`
	ReadUnits  float64 `json:"readUnits"`
	WriteUnits float64 `json:"writeUnits"`
}

func (s *service) calls(r *http.Request, caller session.ID) (Calls, error) {
	shown := Calls{Calls: []Call{}} // an empty list, not null
	entries, more, err := s.Data.List(r.Context(), caller, datatable.Call, MaxCalls)
	if err != nil {
		return shown, api.Unavailable(err)
	}
	shown.Truncated = more
	for _, e := range entries { // newest first, as their ids grow with time
		var detail calls.Detail
		if err := e.Detail(&detail); err != nil {
			return shown, err
		}
		shown.Calls = append(shown.Calls, Call{
			ID:         e.ID,
			Operation:  e.Operation,
			KeyHash:    detail.KeyHash,
			Outcome:    detail.Outcome,
			Replayed:   detail.Outcome == idempotency.ObservedReplayed,
			Cost:       Cost{RoundTrips: detail.RoundTrips, ReadUnits: detail.ReadUnits, WriteUnits: detail.WriteUnits},
			DurationMs: detail.DurationMs,
			At:         e.At,
		})
	}
	return shown, nil
}
