package pgstore_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/idempotent-requests/idempotent-requests/evidence/postgresserver"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
	"github.com/idempotent-requests/idempotent-requests/idempotency/pgstore"
)

// withdrawals returns the API of an application: what it takes to withdraw money
// exactly once.
func withdrawals(ctx context.Context, pool *pgxpool.Pool) (http.Handler, error) {
	store, err := pgstore.NewAtomic(pool)
	if err != nil {
		return nil, err
	}
	if err = store.Migrate(ctx); err != nil {
		return nil, err
	}
	guard, err := idempotency.New(idempotency.Config{Store: store, Mode: idempotency.Atomic, Wait: 30 * time.Second})
	if err != nil {
		return nil, err
	}
	protect, err := idemhttp.New(idemhttp.Config{
		Guard: guard, Operation: "withdrawals.create",
		Scope: func(r *http.Request) (idempotency.Scope, error) {
			return idempotency.NewScope(r.Header.Get("X-Customer"))
		},
	})
	if err != nil {
		return nil, err
	}
	return protect(http.HandlerFunc(withdraw)), nil
}

// withdraw is an ordinary handler, but for where its transaction comes from.
func withdraw(w http.ResponseWriter, r *http.Request) {
	tx := pgstore.TxFrom(r.Context())
	var left int
	err := tx.QueryRow(r.Context(), "UPDATE accounts SET balance = balance - 10 WHERE customer = $1 RETURNING balance", r.Header.Get("X-Customer")).Scan(&left)
	if err != nil {
		http.Error(w, "try again", http.StatusInternalServerError) // which rolls back
		return
	}
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]int{"left": left})
}

func TestProgram(t *testing.T) {
	t.Parallel()
	pool := newPool(t, postgresserver.Shared(t).URL)
	if _, err := pool.Exec(t.Context(), "DROP TABLE IF EXISTS accounts; CREATE TABLE accounts (customer text PRIMARY KEY, balance int NOT NULL); INSERT INTO accounts VALUES ('alice', 100)"); err != nil {
		t.Fatal(err)
	}
	handler, err := withdrawals(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	send := func(customer, key string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/withdrawals", strings.NewReader("10"))
		r.Header.Set("X-Customer", customer)
		r.Header.Set("Idempotency-Key", key)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	key := newTable() // one that no earlier run has used
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if w := send("alice", key); w.Code != http.StatusCreated || w.Body.String() != "{\"left\":90}\n" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	wg.Wait()
	for range 2 { // a failure is not remembered
		if w := send("nobody", key); w.Code != http.StatusInternalServerError || w.Header().Get("Idempotent-Replayed") != "" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	var left int
	if err := pool.QueryRow(t.Context(), "SELECT balance FROM accounts").Scan(&left); err != nil || left != 90 {
		t.Errorf("%d are left, %v, want 90", left, err)
	}
}
