package payments

import (
	"context"
	"errors"

	"github.com/idempotent-requests/idempotent-requests/functions/internal/fault"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// withReceipt makes a payment of two effects. Each is a step: what was recorded of
// one that an earlier execution has made is used again, and where that cannot be told
// by the record, the processor or the mailer is asked.
func (p payment) withReceipt(ctx context.Context) (Payment, error) {
	charge, err := step(ctx, p, "charge", p.charge, func(ctx context.Context) (Charge, error) {
		return p.Processor.Find(ctx, p.caller, reference(ctx, "charge"))
	})
	if err != nil {
		return Payment{}, err
	}
	fault.BetweenEffects(ctx)

	receipt, err := step(ctx, p, "receipt", func(ctx context.Context) (Receipt, error) {
		return p.Mailer.Send(ctx, ReceiptRequest{
			Account: p.caller, Reference: reference(ctx, "receipt"), PaymentID: p.id, Operation: p.operation, ChargeID: charge.ID,
		})
	}, func(ctx context.Context) (Receipt, error) {
		return p.Mailer.Find(ctx, p.caller, reference(ctx, "receipt"))
	})
	if err != nil {
		return Payment{}, err
	}
	return p.complete(ctx, charge, receipt)
}

// step runs an effect as a step of the execution. The unprotected operation has no
// execution, and so no steps: there the effect happens every time.
func step[T any](ctx context.Context, p payment, name string, effect, find func(context.Context) (T, error)) (T, error) {
	run := func(ctx context.Context) (T, error) {
		if err := p.Data.RecordStep(ctx, p.caller, p.operation, p.execution, name); err != nil {
			var none T
			return none, idempotency.Discard(err) // nothing has happened yet
		}
		return effect(ctx)
	}
	if _, protected := idempotency.FromContext(ctx); !protected {
		return run(ctx)
	}
	return idempotency.Step(ctx, name, run, idempotency.StepReconcile(func(ctx context.Context) (idempotency.Reconciliation, error) {
		found, err := find(ctx)
		if errors.Is(err, ErrNoCharge) || errors.Is(err, ErrNoReceipt) {
			return idempotency.Reconciliation{}, nil
		}
		if err != nil {
			return idempotency.Reconciliation{}, err
		}
		return idempotency.CompletedWith(found)
	}))
}
