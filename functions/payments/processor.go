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
	Charge(ctx context.Context, request ChargeRequest) (Charge, error)

	// Find returns the account's charge of that reference, the oldest if there are
	// several, or [ErrNoCharge]. It knows every charge that has been answered.
	Find(ctx context.Context, account session.ID, reference string) (Charge, error)
}

// ErrNoCharge is returned by [Processor.Find] if there is no such charge.
var ErrNoCharge = errors.New("payments: no charge of that reference")

// ChargeRequest is an order to a [Processor].
type ChargeRequest struct {
	// Account is the session that is charged.
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

// Charge is a charge that was made.
type Charge struct {
	// ID is the processor's own id of it.
	ID string `json:"id"`
	// At is when it was made, UTC, in whole milliseconds.
	At time.Time `json:"at"`
}

// ChargeDetail is the detail of a [datatable.Charge].
type ChargeDetail struct {
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
	Reference string `json:"reference"`
}

// Ledger is a simulated processor, whose charges are entries of the data table,
// grouped by reference. It charges at every call, even if there is a charge of that
// reference already, so that duplicates which come this far can be seen.
type Ledger struct {
	data  Book
	clock func() time.Time
}

var _ Processor = (*Ledger)(nil)

// Book holds a ledger's entries; a *[datatable.Table] does.
type Book interface {
	Put(ctx context.Context, owner session.ID, entry datatable.Entry, detail any) error
	First(ctx context.Context, owner session.ID, kind datatable.Kind, group string) (datatable.Entry, error)
}

// NewLedger returns a ledger that keeps its charges in data and takes the time
// from clock, by default [time.Now]. It refuses to be without data.
func NewLedger(data Book, clock func() time.Time) (*Ledger, error) {
	if data == nil {
		return nil, errors.New("payments: the ledger has no data to keep its charges in")
	}
	if clock == nil {
		clock = time.Now
	}
	return &Ledger{data, clock}, nil
}

// Charge implements [Processor].
func (l *Ledger) Charge(ctx context.Context, request ChargeRequest) (Charge, error) {
	charge := Charge{ID: datatable.NewID(), At: l.clock().UTC().Truncate(time.Millisecond)}
	err := l.data.Put(ctx, request.Account, datatable.Entry{
		Kind:      datatable.Charge,
		Group:     request.Reference,
		ID:        charge.ID,
		Operation: request.Operation,
		Resource:  request.PaymentID,
		At:        charge.At,
	}, ChargeDetail{
		Amount:    request.Amount,
		Currency:  request.Currency,
		Reference: request.Reference,
	})
	return charge, err
}

// Find implements [Processor] by a strongly consistent read of the reference's
// group: it misses no charge whose write has ended.
func (l *Ledger) Find(ctx context.Context, account session.ID, reference string) (Charge, error) {
	entry, err := l.data.First(ctx, account, datatable.Charge, reference)
	if errors.Is(err, datatable.ErrNotFound) {
		return Charge{}, ErrNoCharge
	}
	return Charge{ID: entry.ID, At: entry.At}, err
}
