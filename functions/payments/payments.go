// Package payments makes payments: an effect outside of this application's own
// data, at a payment processor, that must not happen twice. Where an execution
// was interrupted, the processor is asked whether it has charged before it is
// asked to charge again. A payment with a receipt has two effects, which are steps of
// its execution. A demo offers the same operation without protection, for
// comparison.
//
//	POST /api/payments                   makes a payment, once per Idempotency-Key
//	GET  /api/payments/{id}              shows it
//	POST /api/unprotected/payments       makes a payment, every time
//	GET  /api/unprotected/payments/{id}  shows it
//
// A payment can also be asked for by a [Command] in a queue.
package payments

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/google/uuid"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/api"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/fault"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// The names of the two operations. Idempotency keys are used under the first.
const (
	Operation            = "payments.create"
	UnprotectedOperation = "unprotected-payments.create"
)

// Data keeps the payments; a *[datatable.Table] does.
type Data interface {
	RecordExecution(ctx context.Context, owner session.ID, operation string) (id string, err error)
	RecordStep(ctx context.Context, owner session.ID, operation, execution, step string) error
	Put(ctx context.Context, owner session.ID, entry datatable.Entry, detail any) error
	Get(ctx context.Context, owner session.ID, kind datatable.Kind, id string) (datatable.Entry, error)
}

// Config configures the handler. All fields but Unprotected are required.
type Config struct {
	// Guard is one whose recovery policy is [idempotency.Reconcile].
	Guard     *idempotency.Guard
	Data      Data
	Processor Processor
	Mailer    Mailer
	Faults    *fault.Injector
	Logger    *slog.Logger
	// Unprotected offers the operation without protection as well. Default: false.
	Unprotected bool
}

// New returns the handler of all payment routes, or an error that names the
// field of cfg that is wrong.
func New(cfg Config) (http.Handler, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	protected := protectedService(cfg)
	protect, err := idemhttp.New(idemhttp.Config{
		Guard:       cfg.Guard,
		Operation:   Operation,
		Scope:       session.Scope,
		Fingerprint: idemhttp.JSONFingerprint,
		MaxBody:     api.MaxBody,
		Reconcile:   api.Reconcile[NewPayment, Payment]{Find: protected.reconcile, Logger: cfg.Logger}.Answer,
	})
	if err != nil {
		return nil, err
	}
	protected.protect, protected.disturb = protect, cfg.Faults.Middleware
	services := []service{protected}
	if cfg.Unprotected {
		services = append(services, service{
			Config: cfg, operation: UnprotectedOperation, path: "/api/unprotected/payments", disturb: cfg.Faults.Unkeyed,
		})
	}
	mux := http.NewServeMux()
	for _, s := range services {
		mux.Handle("POST "+s.path, api.Create[NewPayment, Payment]{
			Run:     s.create,
			Protect: s.protect,
			Disturb: s.disturb,
			Logger:  cfg.Logger,
		})
		mux.Handle("GET "+s.path+"/{id}", api.Read[Payment]{Find: s.find, Logger: cfg.Logger})
	}
	return api.Edge(mux, cfg.Logger), nil
}

func (c Config) check() error {
	switch {
	case c.Guard == nil:
		return errors.New("payments: Config.Guard is missing")
	case c.Data == nil:
		return errors.New("payments: Config.Data is missing")
	case c.Processor == nil:
		return errors.New("payments: Config.Processor is missing")
	case c.Mailer == nil:
		return errors.New("payments: Config.Mailer is missing")
	case c.Faults == nil:
		return errors.New("payments: Config.Faults is missing")
	case c.Logger == nil:
		return errors.New("payments: Config.Logger is missing")
	}
	return nil
}

func protectedService(cfg Config) service {
	return service{Config: cfg, operation: Operation, path: "/api/payments"}
}

// service is one of the two operations. They differ in the middleware and in
// nothing else.
type service struct {
	Config
	operation string
	path      string
	protect   func(http.Handler) http.Handler
	disturb   func(http.Handler) http.Handler
}

func (s service) create(ctx context.Context, caller session.ID, in NewPayment) (Payment, error) {
	execution, err := s.Data.RecordExecution(ctx, caller, s.operation)
	if err != nil {
		return Payment{}, api.Unavailable(err)
	}
	if err := fault.BeforeEffect(ctx); err != nil {
		return Payment{}, err
	}
	p := payment{service: s, caller: caller, id: api.NewID(ctx, "payment"), in: in, execution: execution}
	if in.Receipt {
		return p.withReceipt(ctx)
	}
	charge, err := p.charge(ctx)
	if err != nil {
		return Payment{}, err
	}
	return p.complete(ctx, charge, Receipt{})
}

// reconcile makes the payment of an execution that was interrupted after its
// charge. It is the payment that one would have made: all of it derives from the
// input, the idempotency key and the charge. A payment with a receipt has steps,
// which are recorded, or looked up when a later execution comes to them.
func (s service) reconcile(ctx context.Context, caller session.ID, in NewPayment) (made Payment, found bool, err error) {
	if in.Receipt {
		return Payment{}, false, nil
	}
	charge, err := s.Processor.Find(ctx, caller, reference(ctx, "charge"))
	if errors.Is(err, ErrNoCharge) {
		return Payment{}, false, nil
	}
	if err != nil {
		return Payment{}, false, err
	}
	p := payment{service: s, caller: caller, id: api.NewID(ctx, "payment"), in: in}
	made, err = p.complete(ctx, charge, Receipt{})
	return made, true, err
}

// payment is a payment that is being made.
type payment struct {
	service
	caller    session.ID
	id        string
	in        NewPayment
	execution string
}

func (p payment) charge(ctx context.Context) (Charge, error) {
	charge, err := p.Processor.Charge(ctx, ChargeRequest{
		Account:   p.caller,
		Reference: reference(ctx, "charge"),
		PaymentID: p.id,
		Operation: p.operation,
		Amount:    p.in.Amount,
		Currency:  p.in.Currency,
	})
	if err == nil {
		fault.AfterEffect(ctx)
	}
	return charge, err
}

// complete makes a payment of what was charged.
func (p payment) complete(ctx context.Context, charge Charge, receipt Receipt) (Payment, error) {
	made := Payment{
		ID:          p.id,
		Amount:      p.in.Amount,
		Currency:    p.in.Currency,
		Description: p.in.Description,
		Status:      Succeeded,
		ChargeID:    charge.ID,
		ReceiptID:   receipt.ID,
		CreatedAt:   charge.At,
		path:        p.path,
	}
	err := p.Data.Put(ctx, p.caller, datatable.Entry{
		Kind:      datatable.Payment,
		ID:        made.ID,
		Operation: p.operation,
		Resource:  made.ID,
		At:        made.CreatedAt,
	}, made)
	return made, err
}

// reference is what the processor knows a charge by, and the mailer a receipt.
// Under protection it is the same for each execution of a key: that is how a charge
// is found again whose execution was interrupted, and how a processor that takes
// idempotency keys keeps from charging twice.
func reference(ctx context.Context, effect string) string {
	if execution, ok := idempotency.FromContext(ctx); ok {
		return execution.DerivedKey(effect)
	}
	return uuid.NewString()
}

func (s service) find(ctx context.Context, caller session.ID, id string) (payment Payment, err error) {
	entry, err := s.Data.Get(ctx, caller, datatable.Payment, id)
	if errors.Is(err, datatable.ErrNotFound) || err == nil && entry.Operation != s.operation {
		return payment, api.ErrNotFound
	}
	if err != nil {
		return payment, api.Unavailable(err)
	}
	return payment, entry.Detail(&payment)
}
