package payments_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/apitest"
	"github.com/idempotent-requests/idempotent-requests/functions/internal/datatable/datatabletest"
	"github.com/idempotent-requests/idempotent-requests/functions/payments"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

var coffeeCommand = payments.Command{
	Session:        string(apitest.Alice),
	IdempotencyKey: "k1",
	Payment:        payments.NewPayment{Amount: 1250, Currency: "EUR", Description: "coffee"},
}

func TestCommandSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	if _, err := coffeeCommand.Payload(); err != nil {
		t.Errorf("a valid payment: %v", err)
	}
	invalid := coffeeCommand
	invalid.Payment.Amount, invalid.Payment.Currency = 0, "EURO"
	if _, err := invalid.Payload(); err == nil || !strings.Contains(err.Error(), "amount must be") || !strings.Contains(err.Error(), "currency must be") {
		t.Errorf("got %v, want every field that is wrong", err)
	}
	nobodys := coffeeCommand
	nobodys.Session = "alice"
	if _, err := nobodys.Scope(); err == nil {
		t.Error("a session that is no UUID was accepted")
	}
	want, err := apitest.Alice.Scope()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := coffeeCommand.Scope(); err != nil || got != want {
		t.Errorf("got %v, %v; want Alice's scope, as a request has it", got, err)
	}
	ofSubject := coffeeCommand
	ofSubject.Session, ofSubject.Subject = "", "ada"
	if got, err := ofSubject.Scope(); err != nil || got == want {
		t.Errorf("got %v, %v; want the scope of the token's subject", got, err)
	}
	if _, err := payments.NewCommands(payments.Config{}); err == nil {
		t.Error("no configuration was accepted")
	}
}

// TestCommandIsReconciled interrupts a command after its charge: when it comes
// again, the payment is made of that charge.
func TestCommandIsReconciled(t *testing.T) {
	t.Parallel()
	data := datatabletest.New(t, nil)
	ledger, err := payments.NewLedger(data.Table, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{Fixture: data}
	errLostReply := errors.New("the processor's reply is lost")
	guard := reconciling(t)
	cfg := payments.Config{Guard: guard, Data: data.Table, Processor: processor{
		charge: func(r payments.ChargeRequest) (payments.Charge, error) {
			if _, err := ledger.Charge(t.Context(), r); err != nil {
				t.Error(err)
			}
			return payments.Charge{}, errLostReply
		},
	}, Mailer: outbox(t, data.Table), Faults: apitest.Faults(t), Logger: apitest.Logger()}
	scope, err := coffeeCommand.Scope()
	if err != nil {
		t.Fatal(err)
	}
	pay := func() error {
		commands, err := payments.NewCommands(cfg)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = idempotency.Do(t.Context(), guard, idempotency.Intent{
			Scope: scope, Operation: payments.Operation, Key: coffeeCommand.IdempotencyKey, Payload: coffeeCommand.Payment,
			Reconcile: func(ctx context.Context) (idempotency.Reconciliation, error) {
				found, err := commands.Reconcile(ctx, coffeeCommand)
				found.Result.Data = []byte("{}")
				return found, err
			},
		}, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, commands.Pay(ctx, coffeeCommand)
		})
		return err
	}
	if err := pay(); !errors.Is(err, errLostReply) {
		t.Fatalf("got %v, want an interruption", err)
	}
	cfg.Processor = ledger
	for range 2 {
		if err := pay(); err != nil {
			t.Error(err)
		}
	}
	if charges, executions := f.charges(t); len(charges) != 1 || executions != 1 {
		t.Errorf("%d charges in %d executions, want one", len(charges), executions)
	}
}
