package kmsseal_test

import (
	"context"
	"errors"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/kmsserver"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// TestAnotherProcessOpensASealedStep: an execution that was interrupted is resumed by
// a process that has to ask KMS for the key, and charges nothing twice while it cannot.
func TestAnotherProcessOpensASealedStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	interrupted := errors.New("interrupted")
	charges, mails := 0, 0
	pay := func(guard *idempotency.Guard, mail error) (string, error) {
		receipt, _, err := idempotency.Do(t.Context(), guard, idempotency.Intent{
			Scope: idempotency.SharedScope(), Operation: "payments.create", Key: "k1", Payload: 1250,
		}, func(ctx context.Context) (string, error) {
			charge, err := idempotency.Step(ctx, "charge", func(context.Context) (string, error) {
				charges++
				return "card 4242", nil
			})
			if err != nil {
				return "", err
			}
			return idempotency.Step(ctx, "receipt", func(context.Context) (string, error) {
				mails++
				return "receipt for " + charge, mail
			})
		})
		return receipt, err
	}
	if _, err := pay(w.process(), interrupted); !errors.Is(err, interrupted) {
		t.Fatal(err)
	}

	w.server.Fail(func(operation string) *kmsserver.Error { // it seals, and does not open
		if operation == "Decrypt" {
			return kmsserver.AccessDenied
		}
		return nil
	})
	if _, err := pay(w.process(), nil); !errors.Is(err, idempotency.ErrSeal) {
		t.Errorf("error %v, want ErrSeal", err)
	}
	w.server.Fail(nil)
	if charges != 1 || mails != 1 {
		t.Errorf("%d charges, %d mails before anybody could open the step", charges, mails)
	}

	receipt, err := pay(w.process(), nil)
	if err != nil || receipt != "receipt for card 4242" {
		t.Errorf("%q, %v", receipt, err)
	}
	if charges != 1 || mails != 2 { // the first mail had failed
		t.Errorf("%d charges, %d mails", charges, mails)
	}
	if again, err := pay(w.process(), nil); err != nil || again != receipt {
		t.Errorf("replayed %q, %v", again, err)
	}
}
