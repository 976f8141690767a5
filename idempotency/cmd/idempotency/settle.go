package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/idemhttp"
)

var settleCommand = command{
	name: "settle", arguments: "[id]", summary: "records the result of an interrupted execution",
	help: `
Records the result of an execution that was interrupted, after you have found out
what became of it. Duplicates get the result from then on. Only an interrupted key
can be settled. If nothing has happened, "idempotency forget" lets a retry execute.

The result has the form of the application's own:
  a response, for idemhttp:           --status 201 --header 'Location: /payments/7' --body '{"id":"7"}'
  the JSON of a value, for Do:        --result '{"id":"7"}'
  any other bytes:                    --result-file FILE
  it has happened, result not known:  --unknown

An application that seals its results by kmsseal cannot read what is recorded
without its --kms-key, except --unknown.`,
	prepare: func(flags *flag.FlagSet) func(context.Context, *session) error {
		var (
			c changer
			r settlement
		)
		c.declare(flags)
		r.declare(flags)
		return func(ctx context.Context, s *session) error {
			result, description, err := r.result(s.in, c.yes || c.dryRun)
			if err != nil {
				return err
			}
			before, err := s.look(ctx)
			switch {
			case err != nil:
				return err
			case before == nil:
				return idempotency.ErrNoRecord
			case before.Status == idempotency.Completed:
				return idempotency.ErrCompleted
			case !before.Interrupted(s.now):
				return &idempotency.InProgressError{RetryAfter: before.LeaseUntil.Sub(s.now)}
			}
			question := fmt.Sprintf("The result will be recorded as %s, and replayed until %s.", description, before.Expires.UTC().Format(time.RFC3339))
			return c.change(ctx, s, before, question, func(seen idempotency.OperatorOption) error {
				return s.guard.Settle(ctx, s.key, result, seen)
			})
		}
	},
}

// settlement is the result that an operator gives.
type settlement struct {
	status           int
	header           http.Header
	body, bodyFile   string
	json, resultFile string
	unknown          bool
}

func (r *settlement) declare(flags *flag.FlagSet) {
	r.header = make(http.Header)
	flags.IntVar(&r.status, "status", 0, "`status` of the response")
	flags.Func("header", "`field` of the response, 'Name: value'; may be given more than once", func(text string) error {
		name, value, ok := strings.Cut(text, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return errors.New("want 'Name: value'")
		}
		name = http.CanonicalHeaderKey(strings.TrimSpace(name))
		r.header[name] = append(r.header[name], strings.TrimSpace(value))
		return nil
	})
	flags.StringVar(&r.body, "body", "", "`text` of the response's body")
	flags.StringVar(&r.bodyFile, "body-file", "", "`file` with the response's body; - for standard input")
	flags.StringVar(&r.json, "result", "", "the result as `JSON`")
	flags.StringVar(&r.resultFile, "result-file", "", "`file` with the result; - for standard input")
	flags.BoolVar(&r.unknown, "unknown", false, "the operation has completed, and its result is not known")
}

// result returns the result and what to call it.
func (r *settlement) result(in io.Reader, willNotAsk bool) (result idempotency.Result, description string, err error) {
	response := r.status != 0 || len(r.header) > 0 || r.body != "" || r.bodyFile != ""
	ways := 0
	for _, given := range []bool{response, r.json != "", r.resultFile != "", r.unknown} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return result, "", misused("say what the result is, in one way: --status with --header and --body, --result, --result-file or --unknown")
	}
	if (r.bodyFile == "-" || r.resultFile == "-") && !willNotAsk {
		return result, "", misused("standard input cannot both hold the result and answer: say --yes or --dry-run")
	}
	switch {
	case r.unknown:
		return idempotency.Result{NotKept: errors.New("settled by an operator")}, "completed with an unknown result", nil
	case r.json != "":
		if !json.Valid([]byte(r.json)) {
			return result, "", misused("--result: it is not JSON")
		}
		result.Data = []byte(r.json)
	case r.resultFile != "":
		if result.Data, err = read(r.resultFile, in); err != nil {
			return result, "", err
		}
	default:
		if r.body != "" && r.bodyFile != "" {
			return result, "", misused("--body and --body-file are both given")
		}
		body := []byte(r.body)
		if r.bodyFile != "" {
			if body, err = read(r.bodyFile, in); err != nil {
				return result, "", err
			}
		}
		if result.Data, err = idemhttp.EncodeResponse(idemhttp.Response{Status: r.status, Header: r.header, Body: body}); err != nil {
			return result, "", misused("%v", err)
		}
	}
	return result, resultOf(result.Data, false).String(), nil
}

func read(name string, in io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(name)
}
