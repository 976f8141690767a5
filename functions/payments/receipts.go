package payments

import (
	"context"
	"errors"
	"time"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/session"
)

// Mailer sends receipts. It stands for another system outside of this application:
// a mail that was sent cannot be called back.
type Mailer interface {
	// Send sends once per call. An error leaves open whether it did.
	Send(ctx context.Context, request ReceiptRequest) (Receipt, error)

	// Find returns the receipt of that reference which was sent to the account, the
	// oldest if there are several, or [ErrNoReceipt]. It knows every receipt whose
	// sending has been answered.
	Find(ctx context.Context, account session.ID, reference string) (Receipt, error)
}

// ErrNoReceipt is returned by [Mailer.Find] if there is no such receipt.
var ErrNoReceipt = errors.New("payments: no receipt of that reference")

// ReceiptRequest is an order to a [Mailer].
type ReceiptRequest struct {
	// Account is the session that the receipt is for.
	Account session.ID
	// Reference is the name that the caller gives to the receipt, by which it can be
	// found.
	Reference string
	// PaymentID and Operation say what the receipt is for.
	PaymentID string
	Operation string
	// ChargeID is the charge that it confirms.
	ChargeID string
}

// Receipt is a receipt that was sent.
type Receipt struct {
	// ID is the mailer's own id of it.
	ID string `json:"id"`
	// At is when it was sent, UTC, in whole milliseconds.
	At time.Time `json:"at"`
}

// ReceiptDetail is the detail of a [datatable.Receipt].
type ReceiptDetail struct {
	ChargeID  string `json:"chargeId"`
	Reference string `json:"reference"`
}

// Outbox is a simulated mailer, whose receipts are entries of the data table,
// grouped by reference. Like a [Ledger] it sends at every call.
type Outbox struct {
	data  Book
	clock func() time.Time
}

var _ Mailer = (*Outbox)(nil)

// NewOutbox returns an outbox that keeps what it sends in data and takes the time
// from clock, by default [time.Now]. It refuses to be without data.
func NewOutbox(data Book, clock func() time.Time) (*Outbox, error) {
	if data == nil {
		return nil, errors.New("payments: the outbox has no data to keep its receipts in")
	}
	if clock == nil {
		clock = time.Now
	}
	return &Outbox{data, clock}, nil
}

// Send implements [Mailer].
func (o *Outbox) Send(ctx context.Context, request ReceiptRequest) (Receipt, error) {
	receipt := Receipt{ID: datatable.NewID(), At: o.clock().UTC().Truncate(time.Millisecond)}
	err := o.data.Put(ctx, request.Account, datatable.Entry{
		Kind:      datatable.Receipt,
		Group:     request.Reference,
		ID:        receipt.ID,
		Operation: request.Operation,
		Resource:  request.PaymentID,
		At:        receipt.At,
	}, ReceiptDetail{ChargeID: request.ChargeID, Reference: request.Reference})
	return receipt, err
}

// Find implements [Mailer] as [Ledger.Find] does.
func (o *Outbox) Find(ctx context.Context, account session.ID, reference string) (Receipt, error) {
	entry, err := o.data.First(ctx, account, datatable.Receipt, reference)
	if errors.Is(err, datatable.ErrNotFound) {
		return Receipt{}, ErrNoReceipt
	}
	return Receipt{ID: entry.ID, At: entry.At}, err
}
