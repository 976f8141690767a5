package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/dynamostore"
)

var listCommand = command{
	name: "list", summary: "lists the records of a table, or those that are stuck",
	help: `
Lists the records of a table whose windows have not passed. It reads the whole
table, which costs half a read unit for every 4 KB, page by page and at most --pages
of them; a page is 1 MB unless --page-items says less. If more is left, it says how
to go on, and the exit status is 1.`,
	prepare: func(flags *flag.FlagSet) func(context.Context, *session) error {
		var w walk
		w.declare(flags)
		stuck := flags.Bool("stuck", false, "only interrupted executions: their lease is over, and no result was recorded")
		return func(ctx context.Context, s *session) error {
			if *stuck {
				w.status = idempotency.InProgress
			}
			found := []shown{}
			err := w.each(ctx, s, func(r idempotency.Record) (bool, error) {
				if *stuck && !r.Interrupted(s.now) {
					return false, nil
				}
				found = append(found, listed(&r, s.now))
				return true, nil
			})
			if errors.As(err, new(usageError)) {
				return err
			}
			if s.asJSON {
				return errors.Join(s.printJSON(found), err)
			}
			t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
			for _, r := range found {
				claimed := "-"
				if r.Claimed != nil {
					claimed = r.Claimed.Format(time.RFC3339)
				}
				fmt.Fprintf(t, "%s\t%s\t%s\n", r.State, claimed, clean(r.ID))
			}
			return errors.Join(t.Flush(), err)
		}
	},
}

var exportCommand = command{
	name: "export", summary: "writes the records of a table as JSON, one a line",
	help: `
Writes the records of a table whose windows have not passed as JSON, one a line. It
reads the table as "idempotency list" does. With --full each result is read as well,
by one request for each record, and written with its header and body.`,
	prepare: func(flags *flag.FlagSet) func(context.Context, *session) error {
		var w walk
		w.declare(flags)
		full := flags.Bool("full", false, "write the recorded results, with header and body")
		return func(ctx context.Context, s *session) error {
			encoder := json.NewEncoder(s.out)
			encoder.SetEscapeHTML(false)
			return w.each(ctx, s, func(r idempotency.Record) (bool, error) {
				record := listed(&r, s.now)
				if *full {
					now, err := s.full(ctx, r.ID)
					if err != nil || now.State == stateFree { // it was removed meanwhile
						return false, err
					}
					record = now
				}
				return true, encoder.Encode(record)
			})
		}
	},
}

// listed returns a record of a list, of whose result nothing was read.
func listed(r *idempotency.Record, now time.Time) shown {
	record := show(r.ID, r, now, false)
	record.Result = nil
	return record
}

// full returns the record of that id as it is now, with its result.
func (s *session) full(ctx context.Context, id string) (shown, error) {
	key, err := idempotency.KeyFromID(id)
	if err != nil {
		return shown{}, err
	}
	r, err := s.guard.Look(ctx, key)
	if err != nil {
		return shown{}, err
	}
	return show(id, r, s.now, true), nil
}

// walk goes through a table, page by page.
type walk struct {
	pages, pageItems int
	after, operation string
	status           idempotency.Status
}

func (w *walk) declare(flags *flag.FlagSet) {
	flags.IntVar(&w.pages, "pages", 100, "`number` of pages to read at most")
	flags.IntVar(&w.pageItems, "page-items", 0, "`number` of items on a page at most")
	flags.StringVar(&w.after, "after", "", "`id` with which an earlier list has ended")
	flags.StringVar(&w.operation, "operation", "", "only records of the operation of that `name`")
}

// progressEvery is after how many pages the progress is told.
const progressEvery = 10

// each calls visit for each record whose window has not passed, and tells how far it
// came. visit reports whether the record counts as found.
func (w *walk) each(ctx context.Context, s *session, visit func(idempotency.Record) (bool, error)) error {
	if w.pages <= 0 || w.pageItems < 0 {
		return misused("--pages and --page-items: want positive numbers")
	}
	var looked, found, unreadable int
	progress := func(end string) {
		fmt.Fprintf(s.err, "looked at %d items, found %d%s\n", looked, found, end)
	}
	for page := 1; ; page++ {
		p, err := s.store.List(ctx, dynamostore.ListRequest{After: w.after, Limit: w.pageItems, Status: w.status})
		if err != nil {
			return err
		}
		looked, unreadable = looked+p.Scanned, unreadable+p.Unreadable
		for _, r := range p.Records {
			if _, err := idempotency.KeyFromID(r.ID); err != nil { // another library's
				unreadable++
				continue
			}
			if !s.now.Before(r.Expires) || w.operation != "" && !strings.HasPrefix(r.ID, w.operation+"#") {
				continue
			}
			counts, err := visit(r)
			if err != nil {
				return err
			}
			if counts {
				found++
			}
		}
		w.after = p.Next
		switch {
		case p.Next == "":
			progress("")
			if unreadable > 0 {
				fmt.Fprintf(s.err, "%d items are no records of this library\n", unreadable)
			}
			return nil
		case page == w.pages:
			progress("")
			return fmt.Errorf("stopped after %d pages; to go on, add --after '%s'", w.pages, clean(w.after))
		case page%progressEvery == 0:
			progress(" so far")
		}
	}
}
