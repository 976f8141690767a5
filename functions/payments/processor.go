package payments

import (
	"context"
	"errors"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
)

// Processor charges payments. It stands for a system outside of this
// application: what it has done cannot be taken back.
type Processor interface {
	// Charge charges once per call. An error leaves open whether it did.
	Charge(ctx context.Context, request ChargeRequest) (Receipt, error)
}

// ChargeRequest is an order to a [Processor].
type ChargeRequest struct {
	// Account is who is charged.
	Account session.ID
	// Reference is the name that the caller gives to the charge. Charges can be
	// found by it.
	Reference string
	// PaymentID and Operation say what the charge is for.
	PaymentID string
	Operation string
	// Amount is in the minor unit of Currency, an ISO 4217 code.
	Amount   int64
	Currency string
}

// Receipt proves a charge.
type Receipt struct {
	// ChargeID is the processor's own id of the charge.
	ChargeID string
}

// ChargeDetail is the detail of a [datatable.Charge].
type ChargeDetail struct {
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
	Reference string `json:"reference"`
}

// Ledger is a simulated processor, whose charges are entries of the data table,
// grouped by reference. It charges whenever it is asked to, whether or not there
// is a charge of that reference: duplicates that come this far are to be seen.
type Ledger struct {
	data  Appender
	clock func() time.Time
}

var _ Processor = (*Ledger)(nil)

// Appender takes a ledger's entries; a *[datatable.Table] does.
type Appender interface {
	Put(ctx context.Context, owner session.ID, entry datatable.Entry, detail any) error
}

// NewLedger returns a ledger that appends to data and takes the time from clock,
// by default [time.Now]. It refuses to be without data.
func NewLedger(data Appender, clock func() time.Time) (*Ledger, error) {
	if data == nil {
		return nil, errors.New("payments: the ledger has no data to append to")
	}
	if clock == nil {
		clock = time.Now
	}
	return &Ledger{data, clock}, nil
}

// Charge implements [Processor].
func (l *Ledger) Charge(ctx context.Context, request ChargeRequest) (Receipt, error) {
	id := datatable.NewID()
	err := l.data.Put(ctx, request.Account, datatable.Entry{
		Kind:      datatable.Charge,
		Group:     request.Reference,
		ID:        id,
		Operation: request.Operation,
		Resource:  request.PaymentID,
		At:        l.clock(),
	}, ChargeDetail{
		Amount:    request.Amount,
		Currency:  request.Currency,
		Reference: request.Reference,
	})
	return Receipt{ChargeID: id}, err
}
