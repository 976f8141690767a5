// Package api holds what the demo's functions have in common as an HTTP API: how
// requests are read and validated, how resources are created, read and
// answered, and what happens to errors and panics. A function only says what
// its inputs and resources are and how they come to be:
//
//	mux.Handle("POST /api/customers", api.Create[NewCustomer, Customer]{
//		Run:     s.create,
//		Protect: protect,
//		Logger:  logger,
//	})
//	mux.Handle("GET /api/customers/{id}", api.Read[Customer]{Find: s.find, Logger: logger})
//	return api.Edge(mux, logger)
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/google/uuid"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/problemtype"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// ErrNotFound says that the caller has no such resource, or that somebody else
// has it: those two are not told apart. It is answered with 404.
var ErrNotFound = errors.New("api: not found")

// Create answers requests that create a resource: 201 with Location and ETag.
// Input that is not as In wants it is refused before Protect and Run see it.
type Create[In Input, Out Resource] struct {
	// Run carries the operation out. Errors are answered as [Read] says.
	Run func(ctx context.Context, caller session.ID, in In) (Out, error)
	// Protect is wrapped around Run, such as the idempotency middleware. It can
	// read the request's body, and its context carries the session. Nil for none.
	Protect func(http.Handler) http.Handler
	// Disturb is wrapped around Protect, such as what causes faults: as that does,
	// it sees requests whose session and input were accepted. Nil for nothing.
	Disturb func(http.Handler) http.Handler
	// Logger is told of internal errors.
	Logger *slog.Logger
}

// ServeHTTP implements http.Handler.
func (c Create[In, Out]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	caller, err := session.FromRequest(r)
	if err != nil {
		fail(w, r, c.Logger, err)
		return
	}
	var in In
	if err := read(w, r, &in); err != nil {
		fail(w, r, c.Logger, err)
		return
	}
	r = r.WithContext(session.NewContext(r.Context(), caller))
	// One handler per request, because it closes over the input: what was
	// validated is what is carried out, without a second reading.
	var run http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := c.Run(r.Context(), caller, in)
		if err != nil {
			fail(w, r, c.Logger, err)
			return
		}
		respondCreated(w, r, c.Logger, out)
	})
	if c.Protect != nil {
		run = c.Protect(run)
	}
	if c.Disturb != nil {
		run = c.Disturb(run)
	}
	run.ServeHTTP(w, r)
}

// Reconcile answers for a [Create] whose execution was interrupted: the method
// Answer is what the idempotency middleware calls.
type Reconcile[In Input, Out Resource] struct {
	// Find finds out whether Create.Run, given the same input, has had its effect,
	// completes what was left undone and returns what Run would have.
	Find func(ctx context.Context, caller session.ID, in In) (out Out, found bool, err error)
	// Logger is told of internal errors.
	Logger *slog.Logger
}

// Answer answers as [Create] would have if the effect is found. Its type is that
// of [idemhttp.Config]'s Reconcile.
func (c Reconcile[In, Out]) Answer(w http.ResponseWriter, r *http.Request) (completed bool, err error) {
	caller, err := session.FromRequest(r)
	if err != nil {
		return false, err
	}
	var in In
	if err := read(w, r, &in); err != nil {
		return false, err
	}
	out, found, err := c.Find(r.Context(), caller, in)
	if err != nil || !found {
		return false, err
	}
	respondCreated(w, r, c.Logger, out)
	return true, nil
}

// Read answers requests for a resource whose path ends with {id}: 200 with
// ETag, or 304 if If-None-Match has it.
type Read[Out any] struct {
	// Find returns the caller's resource of that id. Where the error is a
	// *[problem.Problem] the client is answered with it; [ErrNotFound] is
	// answered with 404, and any other logged and answered with 500.
	Find func(ctx context.Context, caller session.ID, id string) (Out, error)
	// Logger is told of internal errors.
	Logger *slog.Logger
}

// ServeHTTP implements http.Handler.
func (g Read[Out]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	caller, err := session.FromRequest(r)
	if err != nil {
		fail(w, r, g.Logger, err)
		return
	}
	id := r.PathValue("id")
	if uuid.Validate(id) != nil { // as all ids are; no need to ask
		fail(w, r, g.Logger, ErrNotFound)
		return
	}
	out, err := g.Find(r.Context(), caller, id)
	if err != nil {
		fail(w, r, g.Logger, err)
		return
	}
	respondResource(w, r, g.Logger, out)
}

// View answers requests for something computed on the spot: 200, not to be
// cached.
type View[Out any] struct {
	// Show returns what to answer. Its errors are answered as [Read] says.
	Show func(r *http.Request, caller session.ID) (Out, error)
	// Logger is told of internal errors.
	Logger *slog.Logger
}

// ServeHTTP implements http.Handler.
func (v View[Out]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	caller, err := session.FromRequest(r)
	if err != nil {
		fail(w, r, v.Logger, err)
		return
	}
	out, err := v.Show(r, caller)
	if err != nil {
		fail(w, r, v.Logger, err)
		return
	}
	respondView(w, r, v.Logger, out)
}

// NewID returns the id of what an operation is about to create. In an
// idempotent execution it derives from the idempotency key, so that an
// execution repeated after a crash creates the same resource and not a second
// one. Otherwise it is random.
func NewID(ctx context.Context, purpose string) string {
	if execution, ok := idempotency.FromContext(ctx); ok {
		return uuid.NewSHA1(uuid.Nil, []byte(execution.DerivedKey(purpose))).String()
	}
	return uuid.NewString()
}

// Unavailable is for a failure of the operation's own storage before anything
// was done. The client is asked to retry; the cause is logged.
func Unavailable(cause error) error { return &unavailableError{cause} }

type unavailableError struct{ cause error }

func (e *unavailableError) Error() string { return "unavailable: " + e.cause.Error() }
func (e *unavailableError) Unwrap() error { return e.cause }

// fail answers with err. It is the only place where errors become HTTP.
func fail(w http.ResponseWriter, r *http.Request, logger *slog.Logger, err error) {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		problem.Write(w, p)
		return
	}
	if errors.Is(err, ErrNotFound) {
		problem.Write(w, notFound())
		return
	}
	logger.LogAttrs(r.Context(), slog.LevelError, "request failed",
		slog.String("route", r.Pattern),
		slog.String("error", err.Error()),
	)
	if _, ok := errors.AsType[*unavailableError](err); ok {
		problem.Write(w, &problem.Problem{
			Type:   idemhttp.TypeStoreUnavailable,
			Title:  "The service is temporarily unavailable",
			Status: http.StatusServiceUnavailable,
			Detail: "Nothing was carried out. Send the same request again.",
			Header: http.Header{"Retry-After": {"1"}},
		})
		return
	}
	if errors.Is(err, idempotency.ErrReconcile) || errors.Is(err, idempotency.ErrStore) || errors.Is(err, idempotency.ErrLeaseOver) {
		problem.Write(w, interrupted())
		return
	}
	problem.Write(w, internal())
}

// interrupted is for an execution whose step could not be looked up or recorded.
func interrupted() *problem.Problem {
	return &problem.Problem{
		Type:   idemhttp.TypeInterrupted,
		Title:  "The request was interrupted",
		Status: http.StatusServiceUnavailable,
		Detail: "The request did not end, and it may have taken effect in part. Retry with the same key and payload.",
		Header: http.Header{"Retry-After": {"1"}},
	}
}

func internal() *problem.Problem {
	return &problem.Problem{
		Type:   idemhttp.TypeInternal,
		Title:  "Internal server error",
		Status: http.StatusInternalServerError,
	}
}

func notFound() *problem.Problem {
	return &problem.Problem{
		Type:   problemtype.NotFound,
		Title:  "Not found",
		Status: http.StatusNotFound,
		Detail: "There is nothing under this path that belongs to this session.",
	}
}
