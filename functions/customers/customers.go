// Package customers creates customers and shows them: how one line around an
// ordinary handler makes the creation of a resource idempotent.
//
//	POST /api/customers       creates a customer, once per Idempotency-Key
//	GET  /api/customers/{id}  shows it
package customers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/api"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/fault"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// Operation is the name under which idempotency keys are used here.
const Operation = "customers.create"

// NewCustomer is the body of POST /api/customers.
type NewCustomer struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// Lengths in characters.
const (
	maxName  = 200
	maxEmail = 254 // RFC 5321, section 4.5.3.1.3, without the angle brackets
)

// email is an address as HTML's email inputs take it, so that a page and the API
// agree: https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
var email = regexp.MustCompile("^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@" +
	"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?([.][a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$")

// Validate implements [api.Input].
func (c NewCustomer) Validate() (invalid []api.FieldError) {
	if strings.TrimSpace(c.Name) == "" || utf8.RuneCountInString(c.Name) > maxName {
		invalid = append(invalid, api.FieldError{Field: "name", Detail: "must have 1 to 200 characters"})
	}
	if !email.MatchString(c.Email) || len(c.Email) > maxEmail {
		invalid = append(invalid, api.FieldError{Field: "email", Detail: "must be an email address such as ada@example.com"})
	}
	return invalid
}

// Customer is a customer.
type Customer struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Email     string    `json:"email"`
	CreatedAt time.Time `json:"createdAt"`
}

// Path implements [api.Resource].
func (c Customer) Path() string { return "/api/customers/" + c.ID }

// Data keeps the customers; a *[datatable.Table] does.
type Data interface {
	RecordExecution(ctx context.Context, owner session.ID, operation string) (id string, err error)
	Put(ctx context.Context, owner session.ID, entry datatable.Entry, detail any) error
	Get(ctx context.Context, owner session.ID, kind datatable.Kind, id string) (datatable.Entry, error)
}

// Config configures the handler. All fields but Clock are required.
type Config struct {
	Guard  *idempotency.Guard
	Data   Data
	Faults *fault.Injector
	Logger *slog.Logger
	// Clock returns the time at which a customer is created. Default [time.Now].
	Clock func() time.Time
}

// New returns the handler of all customer routes, or an error that names the
// field of cfg that is wrong.
func New(cfg Config) (http.Handler, error) {
	switch {
	case cfg.Guard == nil:
		return nil, errors.New("customers: Config.Guard is missing")
	case cfg.Data == nil:
		return nil, errors.New("customers: Config.Data is missing")
	case cfg.Faults == nil:
		return nil, errors.New("customers: Config.Faults is missing")
	case cfg.Logger == nil:
		return nil, errors.New("customers: Config.Logger is missing")
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	protect, err := idemhttp.New(idemhttp.Config{
		Guard:       cfg.Guard,
		Operation:   Operation,
		Scope:       session.Scope,
		Fingerprint: idemhttp.JSONFingerprint,
		MaxBody:     api.MaxBody,
	})
	if err != nil {
		return nil, err
	}
	s := &service{cfg}
	mux := http.NewServeMux()
	mux.Handle("POST /api/customers", api.Create[NewCustomer, Customer]{
		Run:     s.create,
		Protect: protect,
		Disturb: cfg.Faults.Middleware,
		Logger:  cfg.Logger,
	})
	mux.Handle("GET /api/customers/{id}", api.Read[Customer]{Find: s.find, Logger: cfg.Logger})
	return api.Edge(mux, cfg.Logger), nil
}

type service struct{ Config }

func (s *service) create(ctx context.Context, caller session.ID, in NewCustomer) (Customer, error) {
	if _, err := s.Data.RecordExecution(ctx, caller, Operation); err != nil {
		return Customer{}, api.Unavailable(err)
	}
	if err := fault.BeforeEffect(ctx); err != nil {
		return Customer{}, err
	}
	customer := Customer{
		ID:        api.NewID(ctx, "customer"),
		Name:      in.Name,
		Email:     in.Email,
		CreatedAt: s.Clock().UTC().Truncate(time.Millisecond),
	}
	err := s.Data.Put(ctx, caller, datatable.Entry{
		Kind:      datatable.Customer,
		ID:        customer.ID,
		Operation: Operation,
		Resource:  customer.ID,
		At:        customer.CreatedAt,
	}, customer)
	if err != nil {
		return Customer{}, err
	}
	fault.AfterEffect(ctx)
	return customer, nil
}

func (s *service) find(ctx context.Context, caller session.ID, id string) (customer Customer, err error) {
	entry, err := s.Data.Get(ctx, caller, datatable.Customer, id)
	if errors.Is(err, datatable.ErrNotFound) {
		return customer, api.ErrNotFound
	}
	if err != nil {
		return customer, api.Unavailable(err)
	}
	return customer, entry.Detail(&customer)
}
