// Package orders takes orders from a stock that must never be oversold: an effect
// in this application's own tables. Order, stock and idempotency record are
// written in one transaction, so that there is no moment at which one of them
// exists without the others, and nothing to recover after a crash.
//
//	POST /api/orders       places an order, once per Idempotency-Key
//	GET  /api/orders/{id}  shows it
//
// The handler plans its writes instead of making them. Anything else it does is
// repeated when a plan is refused, and is done in vain by a duplicate that runs
// at the same time. The note that it ran is therefore written in the
// transaction as well: only an execution that was committed counts.
package orders

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/api"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/fault"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/problemtype"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/problem"
)

// Operation is the name under which idempotency keys are used here.
const Operation = "orders.create"

// Data keeps the orders and the stock; a *[datatable.Table] does. The writes are
// planned, in the transaction of the execution that the context belongs to.
type Data interface {
	PlanExecution(ctx context.Context, owner session.ID, operation string) error
	PlanTake(ctx context.Context, owner session.ID, article string, quantity, initial int) error
	PlanPut(ctx context.Context, owner session.ID, entry datatable.Entry, detail any) error
	Get(ctx context.Context, owner session.ID, kind datatable.Kind, id string) (datatable.Entry, error)
}

// Config configures the handler. All fields but Clock are required.
type Config struct {
	// Guard is one in atomic mode, whose store writes to the tables of Data.
	Guard *idempotency.Guard
	// ShortGuard is one like Guard that remembers keys for [fault.ShortWindow]: it
	// guards the requests that ask for that.
	ShortGuard *idempotency.Guard
	Data       Data
	Faults     *fault.Injector
	Logger     *slog.Logger
	// Clock returns the time at which an order is placed. Default [time.Now].
	Clock func() time.Time
}

// New returns the handler of all order routes, or an error that names the field
// of cfg that is wrong.
func New(cfg Config) (http.Handler, error) {
	switch {
	case cfg.Guard == nil:
		return nil, errors.New("orders: Config.Guard is missing")
	case cfg.ShortGuard == nil:
		return nil, errors.New("orders: Config.ShortGuard is missing")
	case cfg.Data == nil:
		return nil, errors.New("orders: Config.Data is missing")
	case cfg.Faults == nil:
		return nil, errors.New("orders: Config.Faults is missing")
	case cfg.Logger == nil:
		return nil, errors.New("orders: Config.Logger is missing")
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	protect, err := protection(cfg.Guard)
	if err != nil {
		return nil, err
	}
	protectShortly, err := protection(cfg.ShortGuard)
	if err != nil {
		return nil, err
	}
	s := &service{cfg}
	mux := http.NewServeMux()
	mux.Handle("POST /api/orders", api.Create[NewOrder, Order]{
		Run: s.create,
		Protect: func(next http.Handler) http.Handler {
			usual, short := protect(next), protectShortly(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if fault.WantsShortWindow(r.Context()) {
					short.ServeHTTP(w, r)
					return
				}
				usual.ServeHTTP(w, r)
			})
		},
		Disturb: func(next http.Handler) http.Handler { return cfg.Faults.Middleware(afterCommit(next)) },
		Logger:  cfg.Logger,
	})
	mux.Handle("GET /api/orders/{id}", api.Read[Order]{Find: s.find, Logger: cfg.Logger})
	return api.Edge(mux, cfg.Logger), nil
}

func protection(guard *idempotency.Guard) (func(http.Handler) http.Handler, error) {
	return idemhttp.New(idemhttp.Config{
		Guard:       guard,
		Operation:   Operation,
		Scope:       session.Scope,
		Fingerprint: idemhttp.JSONFingerprint,
		MaxBody:     api.MaxBody,
	})
}

type service struct{ Config }

// create plans an order. Its id is random and need not derive from the key: an
// execution that is repeated has left nothing behind.
func (s *service) create(ctx context.Context, caller session.ID, in NewOrder) (Order, error) {
	if err := s.Data.PlanExecution(ctx, caller, Operation); err != nil {
		return Order{}, err
	}
	if err := fault.BeforeEffect(ctx); err != nil {
		return Order{}, err
	}
	a, _ := find(in.SKU) // validated
	err := s.Data.PlanTake(ctx, caller, a.sku, in.Quantity, a.stock)
	if short, ok := errors.AsType[*datatable.ShortageError](err); ok {
		return Order{}, outOfStock(in, short.Available)
	}
	if err != nil {
		return Order{}, err
	}
	order := Order{
		ID:        datatable.NewID(),
		SKU:       in.SKU,
		Quantity:  in.Quantity,
		CreatedAt: s.Clock().UTC().Truncate(time.Millisecond),
	}
	return order, s.Data.PlanPut(ctx, caller, datatable.Entry{
		Kind:      datatable.Order,
		ID:        order.ID,
		Operation: Operation,
		Resource:  order.ID,
		At:        order.CreatedAt,
	}, Detail{SKU: order.SKU, Quantity: order.Quantity})
}

// outOfStock is an answer as final as an order: it is recorded, and a retry gets
// it again, whatever is in stock by then.
func outOfStock(in NewOrder, available int) error {
	return &problem.Problem{
		Type:       problemtype.OutOfStock,
		Title:      "Out of stock",
		Status:     http.StatusConflict,
		Detail:     fmt.Sprintf("There were %d of %s left, and %d were ordered. Nothing was taken. To order again, use a new Idempotency-Key.", available, in.SKU, in.Quantity),
		Extensions: map[string]any{"available": available},
	}
}

// afterCommit marks the place after the effect, which is not in the handler: its
// plan is carried out when it has returned.
func afterCommit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if w.Header().Get("Location") != "" && w.Header().Get(idemhttp.HeaderReplayed) == "" {
			fault.AfterEffect(r.Context())
		}
	})
}

func (s *service) find(ctx context.Context, caller session.ID, id string) (Order, error) {
	entry, err := s.Data.Get(ctx, caller, datatable.Order, id)
	if errors.Is(err, datatable.ErrNotFound) {
		return Order{}, api.ErrNotFound
	}
	if err != nil {
		return Order{}, api.Unavailable(err)
	}
	var detail Detail
	err = entry.Detail(&detail)
	return Order{ID: entry.ID, SKU: detail.SKU, Quantity: detail.Quantity, CreatedAt: entry.At}, err
}
