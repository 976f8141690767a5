// Command local runs the whole application on this machine: the website, the
// API, the functions and the tables, as the synthesised template says.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/idempotent-requests/idempotent-requests/local/localstack"
)

const usage = `Runs the whole application on this machine: the website, the API, the functions
and the tables, as the CloudFormation template says. It needs no AWS account and
listens on 127.0.0.1 only. Ctrl-C stops it.

Usage: local [flags]
       local invoke [flags] <function> <file of the event>

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		// A second Ctrl-C finds no handler any more, and ends the program at
		// once: the kernel takes the functions with it.
		stop()
	}()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is the program. It gives the exit status: 0 when it was stopped, 1 when
// it could not start or stop, 2 when it was not called right.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "invoke" {
		return runInvoke(ctx, args[1:], getenv, stdout, stderr)
	}
	cfg, err := parse(args, getenv, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "local: %v\nlocal --help tells what there is.\n", err)
		return 2
	}
	cfg.Logs = stderr
	cfg.Progress = func(step string) { _, _ = fmt.Fprintln(stdout, step) }
	stack, err := localstack.Start(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return 0 // stopped before it was up
		}
		_, _ = fmt.Fprintf(stderr, "local: %v\n", err)
		return 1
	}
	_, _ = fmt.Fprintln(stdout, address(stack.URL()))
	<-ctx.Done()
	if err := stack.Close(); err != nil {
		_, _ = fmt.Fprintf(stderr, "local: stop: %v\n", err)
		return 1
	}
	return 0
}

// parse reads the command line. It prints the help itself, if that is asked for.
func parse(args []string, getenv func(string) string, stdout io.Writer) (localstack.Config, error) {
	var cfg localstack.Config
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	port := cmp.Or(getenv("PORT"), defaultPort)
	flags.StringVar(&port, "port", port, "`number` of the port to listen on; 0 picks a free one; the environment variable PORT works too")
	flags.StringVar(&cfg.Data, "data", "", "`directory` in which the tables survive a restart; in memory without")
	flags.BoolVar(&cfg.Reset, "reset", false, "forget what --data holds")
	flags.BoolVar(&cfg.Unthrottled, "unthrottled", false, "lift the API's throttles and the limits on faults, for tests that need load")
	flags.Func("env", "`NAME=VALUE` of a variable in the environment of every function, in place of the template's; may be given more than once", func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return errors.New("NAME=VALUE is expected")
		}
		if cfg.Env == nil {
			cfg.Env = map[string]string{}
		}
		cfg.Env[name] = value
		return nil
	})
	flags.StringVar(&cfg.LogLevel, "log-level", "", "`level` of the logs, of functions too: debug, info, warn or error (default: what the template says)")
	flags.StringVar(&cfg.Template, "template", "infra/testdata/golden/default.template.json", "`file` of the template to deploy")
	flags.StringVar(&cfg.Functions, "functions", "build/lambda/local", "`directory` that holds <function>/bootstrap, built for this machine")
	flags.StringVar(&cfg.Site, "site", "webapp/dist", "`directory` of the built website; empty serves the API alone")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		printFlags(flags, stdout)
		return cfg, err
	case err != nil:
		return cfg, err
	case flags.NArg() > 0:
		return cfg, fmt.Errorf("%q is not understood: there are only flags", flags.Arg(0))
	case cfg.Reset && cfg.Data == "":
		return cfg, errors.New("--reset forgets what --data holds, and there is no --data")
	}
	if cfg.Unthrottled {
		if cfg.Env == nil {
			cfg.Env = map[string]string{}
		}
		cfg.Env["FAULT_LIMITS"] = "false"
	}
	cfg.Addr, err = loopback(port)
	return cfg, err
}

const defaultPort = "8787"

// loopback is the address of a port of this machine.
func loopback(port string) (string, error) {
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q is not the number of a port", port)
	}
	return net.JoinHostPort("127.0.0.1", port), nil
}

// printFlags describes the flags one by one.
func printFlags(flags *flag.FlagSet, w io.Writer) {
	flags.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" {
			text += " (default: " + f.DefValue + ")"
		}
		_, _ = fmt.Fprintf(w, "  %-22s %s\n", strings.TrimSpace("--"+f.Name+" "+value), text)
	})
}

// address is the stack's URL as people type it.
func address(stackURL string) string {
	u, err := url.Parse(stackURL)
	if err != nil {
		return stackURL
	}
	u.Host = net.JoinHostPort("localhost", u.Port())
	u.Path = "/"
	return u.String()
}
