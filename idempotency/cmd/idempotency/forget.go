package main

import (
	"context"
	"flag"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

var forgetCommand = command{
	name: "forget", arguments: "[id]", summary: "deletes the record of a key, so that it can be used anew",
	help: `
Deletes the record of a key and the response that is kept beside it. The next
request with the key executes. It takes an interrupted execution or a recorded
result; a running execution only with --force, and then a retry may execute beside
it. What an interrupted execution has done may be done again, recorded steps
included; without forget a retry resumes it, unless the policy is Refuse.`,
	prepare: func(flags *flag.FlagSet) func(context.Context, *session) error {
		var c changer
		c.declare(flags)
		force := flags.Bool("force", false, "forget a key whose lease runs, too")
		return func(ctx context.Context, s *session) error {
			before, err := s.look(ctx)
			switch {
			case err != nil:
				return err
			case before == nil:
				return idempotency.ErrNoRecord
			case stateOf(before, s.now) == stateRunning && !*force:
				return &idempotency.InProgressError{RetryAfter: before.LeaseUntil.Sub(s.now)}
			}
			question := "The record will be deleted, and the next request with its key will execute."
			switch stateOf(before, s.now) {
			case stateRunning:
				question += " The execution that runs now is not stopped."
			case stateInterrupted:
				question += " It will know nothing of the interrupted execution: what that has done may be done again" + steps(before.Steps) + "."
			}
			return c.change(ctx, s, before, question, func(seen idempotency.OperatorOption) error {
				options := []idempotency.OperatorOption{seen}
				if *force {
					options = append(options, idempotency.Forced())
				}
				return s.guard.Forget(ctx, s.key, options...)
			})
		}
	},
}

// steps names recorded steps in a sentence.
func steps(recorded []idempotency.RecordedStep) string {
	if len(recorded) == 0 {
		return ""
	}
	names := make([]string, len(recorded))
	for i, step := range recorded {
		names[i] = clean(step.Name)
	}
	return ", and the steps that it has recorded will be run again: " + strings.Join(names, ", ")
}
