package payments

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/api"
)

// NewPayment is the body of POST /api/payments.
type NewPayment struct {
	// Amount is in the currency's minor unit: 1250 is EUR 12.50 and JPY 1250.
	Amount int64 `json:"amount"`
	// Currency is an ISO 4217 code such as EUR.
	Currency string `json:"currency"`
	// Description says what the payment is for.
	Description string `json:"description"`
	// Receipt asks for a receipt: a second effect, of a system of its own.
	Receipt bool `json:"receipt,omitempty"`
}

const (
	maxAmount      = 99_999_999
	maxDescription = 200 // characters
)

// Validate implements [api.Input].
func (p NewPayment) Validate() (invalid []api.FieldError) {
	switch {
	case p.Amount <= 0:
		invalid = append(invalid, api.FieldError{Field: "amount", Detail: "must be a positive integer, in minor units"})
	case p.Amount > maxAmount:
		invalid = append(invalid, api.FieldError{Field: "amount", Detail: "must be at most 99999999"})
	}
	if !isCurrency(p.Currency) {
		invalid = append(invalid, api.FieldError{Field: "currency", Detail: "must be an ISO 4217 code such as EUR"})
	}
	if strings.TrimSpace(p.Description) == "" || utf8.RuneCountInString(p.Description) > maxDescription {
		invalid = append(invalid, api.FieldError{Field: "description", Detail: "must have 1 to 200 characters"})
	}
	return invalid
}

// Status is where a payment stands.
type Status string

// Succeeded is the status of a payment that was charged; there is no other yet.
const Succeeded Status = "succeeded"

// Payment is a payment that was made.
type Payment struct {
	ID          string    `json:"id"`
	Amount      int64     `json:"amount"`
	Currency    string    `json:"currency"`
	Description string    `json:"description"`
	Status      Status    `json:"status"`
	ChargeID    string    `json:"chargeId"`
	ReceiptID   string    `json:"receiptId,omitempty"` // empty if none was asked for
	CreatedAt   time.Time `json:"createdAt"`

	path string // of the collection it was created in
}

// Path implements [api.Resource].
func (p Payment) Path() string { return p.path + "/" + p.ID }
