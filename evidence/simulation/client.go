package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/idempotent-requests/idempotent-requests/evidence/ledger"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// client makes one request until it knows how it ended, or loses patience: the
// same key and the same payload to whichever process it reaches.
func (w *world) client(ctx context.Context, number int) {
	r := draw(w.Seed, "client", number)
	unit := w.set.unit
	opened, request := w.request(r.IntN(w.set.scopes), r.IntN(w.set.keys), pick(r, "a", "a", "a", "a", "b"))
	opened.Client = number
	time.Sleep(time.Duration(r.Float64() * float64(w.set.rush)))
	for attempt := range w.set.attempts {
		backoff := between(r, unit, 0, 1) << attempt
		patience := between(r, unit, 1, pick(r, 5.0, 60))
		hangsUp, answerLost := chance(r, 0.5), chance(r, w.set.hostility)
		request.LikelyDuplicate = attempt > 0 && chance(r, 0.5)
		machine := r.IntN(len(w.machines))

		time.Sleep(between(r, unit, 0.001, 0.05))
		if p := w.machines[machine].Load(); p != nil && !w.isCut(machine) {
			callCtx, hangUp := w.callContext(ctx, w.set.machines[machine])
			answered, err := await(w.serve(callCtx, p, opened, request), patience)
			if hangsUp || answered {
				hangUp()
			} else {
				context.AfterFunc(callCtx, hangUp) // its deadline, if it has one
			}
			if answered && !answerLost {
				if w.settled(err) {
					return
				}
				if busy, ok := errors.AsType[*idempotency.InProgressError](err); ok {
					backoff = max(backoff, min(busy.RetryAfter, w.set.lease)+between(r, unit, 0, 0.1))
				}
			}
		}
		time.Sleep(backoff)
	}
}

// callContext is what a process works under: its deadline, if it is like a
// Lambda function's.
func (w *world) callContext(ctx context.Context, m machineSetting) (context.Context, context.CancelFunc) {
	if m.deadline > 0 {
		return context.WithTimeout(ctx, m.deadline)
	}
	return context.WithCancel(ctx)
}

func await(answer <-chan error, patience time.Duration) (answered bool, err error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err, answered = <-answer:
		return answered, err
	case <-timer.C:
		return false, nil
	}
}

// settled reports whether a client need not ask again.
func (w *world) settled(err error) bool {
	return err == nil || errors.Is(err, idempotency.ErrPayloadMismatch) ||
		errors.Is(err, idempotency.ErrOutcomeUnknown) || errors.Is(err, idempotency.ErrResultNotKept)
}

func (w *world) request(scope, token int, payload string) (ledger.Call, idempotency.Request) {
	key := fmt.Sprintf("%d/%d", scope, token)
	return ledger.Call{Key: key, Payload: payload, For: key + " " + payload, Effects: []string{charge}},
		idempotency.Request{Key: w.key(scope, token), Fingerprint: idempotency.NewFingerprint([]byte(payload))}
}

// maxQuestions bounds how often the auditor asks for a key.
const maxQuestions = 25

// audit asks for every key from a new process, now that nothing goes wrong any
// more, until it has a final answer.
func (w *world) audit(ctx context.Context) {
	auditor := w.newProcess(len(w.set.machines), machineSetting{})
	for scope := range w.set.scopes {
		for token := range w.set.keys {
			opened, request := w.request(scope, token, "a")
			opened.Client = w.set.clients
			w.ask(ctx, auditor, opened, request)
		}
	}
}

func (w *world) ask(ctx context.Context, p *process, opened ledger.Call, request idempotency.Request) {
	for range maxQuestions {
		err, answered := <-w.serve(ctx, p, opened, request)
		if answered && w.settled(err) {
			return
		}
		pause := w.set.unit
		if busy, ok := errors.AsType[*idempotency.InProgressError](err); ok {
			pause += min(busy.RetryAfter, w.set.lease)
		}
		time.Sleep(pause)
	}
}
