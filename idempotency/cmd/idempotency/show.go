package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

var showCommand = command{
	name: "show", arguments: "[id]", summary: "shows the record of a key",
	help: `
Shows the record of a key as the table has it now. The id is that of logs and
metrics. With --operation, --scope and --key the id is computed. Bodies are shown
only with --full, and those of sealed results with --kms-key.`,
	prepare: func(flags *flag.FlagSet) func(context.Context, *session) error {
		full := flags.Bool("full", false, "show the recorded header and body, too")
		return func(ctx context.Context, s *session) error {
			r, err := s.look(ctx)
			if err != nil {
				return err
			}
			record := show(s.key.ID(), r, s.now, *full)
			if s.asJSON {
				return s.printJSON(record)
			}
			record.print(s.out, s.now)
			switch record.State {
			case stateCompleted:
				fmt.Fprintf(s.out, "\nProcesses may replay it from memory for up to %v after it is changed.\n", s.cacheAge)
			case stateInterrupted:
				fmt.Fprintf(s.out, "\nA retry is executed, reconciled or refused by the application's recovery policy.\n")
			}
			return nil
		}
	},
}

// change is what settle and forget print as JSON.
type change struct {
	Changed bool   `json:"changed"`
	DryRun  bool   `json:"dryRun"`
	Before  shown  `json:"before"`
	After   *shown `json:"after,omitempty"`
	// CachedFor is for how long processes may still replay the result of before.
	CachedFor string `json:"cachedFor,omitempty"`
}

// changer is what settle and forget have in common.
type changer struct {
	yes, dryRun bool
}

func (c *changer) declare(flags *flag.FlagSet) {
	flags.BoolVar(&c.yes, "yes", false, "do not ask")
	flags.BoolVar(&c.dryRun, "dry-run", false, "say what would be changed, and change nothing")
}

// change shows the record, asks, and changes it if it is then still the same.
func (c *changer) change(ctx context.Context, s *session, before *idempotency.Record, question string, apply func(idempotency.OperatorOption) error) error {
	report := change{DryRun: c.dryRun, Before: show(s.key.ID(), before, s.now, false)}
	if before.Status == idempotency.Completed && s.cacheAge > 0 {
		report.CachedFor = s.cacheAge.String()
	}
	if !s.asJSON {
		report.Before.print(s.out, s.now)
		fmt.Fprintln(s.out)
	}
	if !c.dryRun {
		if !c.yes {
			if err := s.confirm(question); err != nil {
				return err
			}
		}
		if err := apply(idempotency.IfSeen(*before)); err != nil {
			return err
		}
		report.Changed = true
		after, err := s.look(ctx)
		if err != nil {
			return errors.Join(errors.New("it was changed; a look at the record afterwards failed"), err)
		}
		record := show(s.key.ID(), after, s.now, false)
		report.After = &record
	}
	if s.asJSON {
		return s.printJSON(report)
	}
	if c.dryRun {
		fmt.Fprintln(s.out, "Dry run: nothing was changed. Without --dry-run: "+question)
	} else {
		fmt.Fprintf(s.out, "Done. The key is now %s.\n", report.After.State)
	}
	if report.CachedFor != "" {
		fmt.Fprintf(s.out, "Processes may replay the old result from memory for up to %s (Config.CacheAge; say --cache-age if yours differs).\n", report.CachedFor)
	} else {
		fmt.Fprintln(s.out, "No process has it in memory: only recorded results are cached.")
	}
	if before.Status == idempotency.Completed {
		fmt.Fprintln(s.out, "Clients that have received it keep it.")
	}
	return nil
}
