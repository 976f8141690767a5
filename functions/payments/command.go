package payments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Command is the body of a queue's message that asks for a payment. It is the
// same operation as POST /api/payments: a command and a request with the same
// key make one payment.
type Command struct {
	// Session is the session that pays, a UUID.
	Session string `json:"session,omitempty"`
	// Subject is the subject of the caller's token, if callers are known by tokens.
	// It takes the place of Session.
	Subject string `json:"subject,omitempty"`
	// IdempotencyKey is the sender's own, one for each payment that is wanted.
	IdempotencyKey string `json:"idempotencyKey"`
	// Payment is the payment to make.
	Payment NewPayment `json:"payment"`
}

// Key returns the idempotency key.
func (c Command) Key() (string, error) { return c.IdempotencyKey, nil }

// caller returns the session whose payment it is.
func (c Command) caller() (session.ID, error) {
	if c.Subject != "" {
		return session.OfSubject(c.Subject)
	}
	return session.Parse(c.Session)
}

// Scope returns the scope of the session, in which the key lives.
func (c Command) Scope() (idempotency.Scope, error) {
	id, err := c.caller()
	if err != nil {
		return idempotency.Scope{}, err
	}
	return id.Scope()
}

// Context returns a context that carries the session, under which what becomes of
// the command is written down.
func (c Command) Context(ctx context.Context) context.Context {
	id, err := c.caller()
	if err != nil {
		return ctx
	}
	return session.NewContext(ctx, id)
}

// Payload returns the part of the command that duplicates have in common. It
// refuses an invalid payment, so that nothing is claimed for it.
func (c Command) Payload() ([]byte, error) {
	var invalid []error
	for _, e := range c.Payment.Validate() {
		invalid = append(invalid, fmt.Errorf("%s %s", e.Field, e.Detail))
	}
	if len(invalid) > 0 {
		return nil, errors.Join(invalid...)
	}
	return json.Marshal(c.Payment)
}

// Commands makes the payments that commands ask for.
type Commands struct{ service }

// NewCommands returns Commands, or an error that names the field of cfg that is
// wrong.
func NewCommands(cfg Config) (*Commands, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return &Commands{protectedService(cfg)}, nil
}

// Pay makes the payment. It is executed under the command's key.
func (c *Commands) Pay(ctx context.Context, command Command) error {
	caller, err := command.caller()
	if err != nil {
		return err
	}
	_, err = c.create(ctx, caller, command.Payment)
	return err
}

// Reconcile reports whether an interrupted execution has charged, and makes the
// payment of that charge.
func (c *Commands) Reconcile(ctx context.Context, command Command) (idempotency.Reconciliation, error) {
	caller, err := command.caller()
	if err != nil {
		return idempotency.Reconciliation{}, err
	}
	_, found, err := c.reconcile(ctx, caller, command.Payment)
	return idempotency.Reconciliation{Completed: found}, err
}
