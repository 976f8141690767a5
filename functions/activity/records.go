package activity

import (
	"net/http"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/api"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Record is the idempotency record of a key.
type Record struct {
	ID          string                  `json:"id"`
	Status      idempotency.Status      `json:"status"`
	Owner       string                  `json:"owner"`
	Fingerprint idempotency.Fingerprint `json:"fingerprint"`
	// LeaseExpiresAt is when an execution in progress may be taken over.
	LeaseExpiresAt *time.Time `json:"leaseExpiresAt,omitempty"`
	ExpiresAt      time.Time  `json:"expiresAt"`
	// Size is that of the recorded response, in bytes.
	Size int `json:"size"`
}

// record shows the record of a key of the caller's own. Another session's key is
// another record's id, so whether it exists there cannot be told from here.
func (s *service) record(r *http.Request, caller session.ID) (Record, error) {
	scope, err := caller.Scope()
	if err != nil {
		return Record{}, err
	}
	key, err := idempotency.NewKey(scope, r.PathValue("operation"), r.PathValue("key"))
	if err != nil { // no operation has such a name
		return Record{}, api.ErrNotFound
	}
	record, err := s.Records.Load(r.Context(), key.ID())
	if err != nil {
		return Record{}, api.Unavailable(err)
	}
	if record == nil || !s.Clock().Before(record.Expires) {
		return Record{}, api.ErrNotFound
	}
	shown := Record{
		ID:          record.ID,
		Status:      record.Status,
		Owner:       record.Owner,
		Fingerprint: record.Fingerprint,
		ExpiresAt:   record.Expires.UTC(),
		Size:        len(record.Data),
	}
	if record.Status == idempotency.InProgress && !record.LeaseUntil.IsZero() { // one that was given up has no end
		lease := record.LeaseUntil.UTC()
		shown.LeaseExpiresAt = &lease
	}
	return shown, nil
}
