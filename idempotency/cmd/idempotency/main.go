// Command idempotency shows and changes the records of idempotent requests in a
// DynamoDB table. It is for operators; docs/runbook.md of the repository says when to
// use it.
//
//	go install github.com/idempotent-requests/idempotent-requests/idempotency/cmd/idempotency@latest
//	idempotency --help
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr, os.Getenv})
	stop()
	os.Exit(code)
}

// streams are what a run reads from and writes to.
type streams struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
}

// command is one of the program's commands.
type command struct {
	name, arguments, summary, help string

	// prepare declares the command's flags and returns the function that runs it.
	prepare func(*flag.FlagSet) func(context.Context, *session) error
}

var commands = []command{showCommand, listCommand, settleCommand, forgetCommand, exportCommand}

// The exit statuses.
const (
	exitDone = iota
	exitFailed
	exitUsage
)

// usageError is a command line that is not understood.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func misused(format string, arguments ...any) error {
	return usageError{fmt.Sprintf(format, arguments...)}
}

func run(ctx context.Context, args []string, io streams) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" || args[0] == "-help" || args[0] == "-h" {
		printUsage(io.out)
		if len(args) == 0 {
			return exitUsage
		}
		return exitDone
	}
	for _, c := range commands {
		if c.name != args[0] {
			continue
		}
		switch err := c.run(ctx, args[1:], io); {
		case err == nil:
			return exitDone
		case errors.As(err, new(usageError)):
			fmt.Fprintf(io.err, "idempotency %s: %v\n\"idempotency %s --help\" describes it.\n", c.name, err, c.name)
			return exitUsage
		default:
			fmt.Fprintf(io.err, "idempotency %s: %v\n", c.name, explain(err))
			return exitFailed
		}
	}
	fmt.Fprintf(io.err, "idempotency: there is no command %q. \"idempotency --help\" lists them.\n", args[0])
	return exitUsage
}

func (c command) run(ctx context.Context, args []string, io streams) error {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(discard{})
	s := &session{streams: io}
	s.declare(flags, c.arguments != "")
	execute := c.prepare(flags)
	positional, err := parse(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.printHelp(io.out, flags)
		return nil
	case err != nil:
		return misused("%v", err)
	}
	if c.arguments == "" && len(positional) > 0 {
		return misused("%q is not understood: there are only flags", positional[0])
	}
	if err := s.begin(ctx, positional, c.arguments != ""); err != nil {
		return err
	}
	return execute(ctx, s)
}

// parse parses flags before and after the positional arguments, which it returns.
func parse(flags *flag.FlagSet, args []string) (positional []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if args = flags.Args(); len(args) == 0 {
			return positional, nil
		}
		positional, args = append(positional, args[0]), args[1:]
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func printUsage(w io.Writer) {
	fmt.Fprint(w, `Shows and changes the records of idempotent requests in a DynamoDB table.

Usage: idempotency <command> [flags] [id]

Commands:
`)
	for _, c := range commands {
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, `
"idempotency <command> --help" describes a command. The table is reached by the
usual configuration of the AWS SDK: AWS_REGION, AWS_PROFILE, credentials, and
AWS_ENDPOINT_URL_DYNAMODB for another endpoint. Nothing is changed without a yes,
or --yes.

The exit status is 0 if all was done, 1 if something failed or was refused, and 2
if the command line is not understood.
`)
}

func (c command) printHelp(w io.Writer, flags *flag.FlagSet) {
	fmt.Fprintf(w, "%s\n\nUsage: %s\n\nFlags:\n", strings.TrimSpace(c.help), strings.TrimSpace("idempotency "+c.name+" [flags] "+c.arguments))
	flags.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			text += " (default: " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "  %s\n        %s\n", strings.TrimSpace("--"+f.Name+" "+value), text)
	})
}

// ago says how long before now a time was, or how long after now it is.
func ago(t, now time.Time) string {
	d := now.Sub(t)
	if d < 0 {
		return "in " + short(-d)
	}
	return short(d) + " ago"
}

// short returns a duration with the unit that suits a person.
func short(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Truncate(time.Second).String()
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
	}
	return fmt.Sprintf("%dd", int(d/(24*time.Hour)))
}
