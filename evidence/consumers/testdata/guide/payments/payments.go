// Package payments is an API that charges cards.
package payments

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

// Bank charges cards. It takes idempotency keys, and finds charges by them.
type Bank interface {
	Charge(ctx context.Context, key string, amount int) (Charge, error)
	Find(ctx context.Context, key string) (charge Charge, found bool, err error)
}

// Charge is what a client gets for a payment.
type Charge struct {
	ID     string `json:"id"`
	Amount int    `json:"amount"`
}

// New returns the API. Its requests have to be authenticated: see Authenticate.
func New(cfg idempotency.Config, bank Bank) (http.Handler, error) {
	cfg.Recovery = idempotency.Reconcile
	guard, err := idempotency.New(cfg)
	if err != nil {
		return nil, err
	}
	p := payments{bank}
	protect, err := idemhttp.New(idemhttp.Config{
		Guard:       guard,
		Operation:   "payments.create",
		Scope:       Caller,
		Fingerprint: idemhttp.JSONFingerprint,
		Reconcile:   p.reconcile,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /payments", protect(http.HandlerFunc(p.create)))
	return mux, nil
}

type payments struct{ bank Bank }

func (p payments) create(w http.ResponseWriter, r *http.Request) {
	var body struct{ Amount int }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Amount <= 0 {
		http.Error(w, "the amount is missing", http.StatusBadRequest) // frees the key
		return
	}
	execution, _ := idempotency.FromContext(r.Context())
	charge, err := p.bank.Charge(r.Context(), execution.DerivedKey("charge"), body.Amount)
	if err != nil {
		http.Error(w, "the bank does not answer", http.StatusBadGateway) // a retry reconciles
		return
	}
	created(w, charge)
}

// reconcile is called in the place of create if an earlier execution was
// interrupted.
func (p payments) reconcile(w http.ResponseWriter, r *http.Request) (bool, error) {
	execution, _ := idempotency.FromContext(r.Context())
	charge, found, err := p.bank.Find(r.Context(), execution.DerivedKey("charge"))
	if err != nil || !found {
		return false, err
	}
	created(w, charge)
	return true, nil
}

func created(w http.ResponseWriter, charge Charge) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(charge)
}
