// Package activity shows a session its history: how often operations were
// executed, their effects, the cost of each call, and the record behind an
// idempotency key. It is the evidence for the other functions' promises.
//
//	GET /api/executions                              executions and effects
//	GET /api/calls                                   the latest calls and their cost
//	GET /api/idempotency-records/{operation}/{key}   the record of a key
package activity

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/api"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Data lists what happened; a *[datatable.Table] does.
type Data interface {
	List(ctx context.Context, owner session.ID, kind datatable.Kind, limit int) (entries []datatable.Entry, more bool, err error)
}

// Records looks idempotency records up; every [idempotency.Store] does.
type Records interface {
	Load(ctx context.Context, id string) (*idempotency.Record, error)
}

// Config configures the handler. All fields but Clock are required.
type Config struct {
	Data    Data
	Records Records
	Logger  *slog.Logger
	// Clock decides which records have expired. Default [time.Now].
	Clock func() time.Time
}

// New returns the handler of all activity routes, or an error that names the
// field of cfg that is wrong.
func New(cfg Config) (http.Handler, error) {
	switch {
	case cfg.Data == nil:
		return nil, errors.New("activity: Config.Data is missing")
	case cfg.Records == nil:
		return nil, errors.New("activity: Config.Records is missing")
	case cfg.Logger == nil:
		return nil, errors.New("activity: Config.Logger is missing")
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	s := &service{cfg}
	mux := http.NewServeMux()
	mux.Handle("GET /api/executions", api.View[Activity]{Show: s.activity, Logger: cfg.Logger})
	mux.Handle("GET /api/calls", api.View[Calls]{Show: s.calls, Logger: cfg.Logger})
	mux.Handle("GET /api/idempotency-records/{operation}/{key}", api.View[Record]{Show: s.record, Logger: cfg.Logger})
	return api.Edge(mux, cfg.Logger), nil
}

type service struct{ Config }
