package main

import (
	"context"
	"flag"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

var forgetCommand = command{
	name: "forget", arguments: "[id]", summary: "deletes the record of a key, so that it can be used anew",
	help: `
Deletes the record of a key and the response that is kept beside it. The next
request with the key executes. It takes an interrupted execution or a recorded
result; a running execution only with --force, and then a retry may execute beside
it.`,
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
			if stateOf(before, s.now) == stateRunning {
				question += " The execution that runs now is not stopped."
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
