package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"syscall"
)

const invokeUsage = `Invokes a function of the running stack with an event, as Lambda's Invoke
operation does, and prints what it answers.

Usage: local invoke [flags] <function> <file of the event, or - for standard input>

`

// runInvoke is the subcommand. It gives the exit status: 0 when the function has
// answered, 1 when it failed or is not there, 2 when it was not called right.
func runInvoke(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("local invoke", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	port := flags.String("port", cmp.Or(getenv("PORT"), defaultPort), "`number` of the port on which the stack listens; the environment variable PORT works too")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(stdout, invokeUsage)
		printFlags(flags, stdout)
		return 0
	}
	addr, portErr := loopback(*port)
	err = cmp.Or(err, portErr)
	if err == nil && (flags.NArg() != 2 || flags.Arg(0) == "" || flags.Arg(1) == "") {
		err = errors.New("a function and the file of an event are expected, such as payments and docs/events/payments-batch.json")
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "local invoke: %v\nlocal invoke --help tells what there is.\n", err)
		return 2
	}
	event, err := readEvent(flags.Arg(1))
	if err == nil {
		err = invoke(ctx, addr, flags.Arg(0), event, stdout)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "local invoke: %v\n", err)
		return 1
	}
	return 0
}

func readEvent(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(file)
}

// invoke has the stack at an address invoke a function, and prints its answer.
func invoke(ctx context.Context, addr, function string, event []byte, stdout io.Writer) error {
	target := url.URL{Scheme: "http", Host: addr, Path: "/2015-03-31/functions/" + function + "/invocations"}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(event))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("nothing listens on %s: start the stack with make run, or name its port with --port", addr)
	}
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	var refusal struct{ Message string }
	switch {
	case answer.Header.Get("X-Amzn-Errortype") != "" && json.Unmarshal(text, &refusal) == nil:
		return errors.New(refusal.Message)
	case answer.StatusCode != http.StatusOK || answer.Header.Get("X-Amz-Executed-Version") == "":
		return fmt.Errorf("what listens on %s is not the local stack: it answered %s", addr, answer.Status)
	case answer.Header.Get("X-Amz-Function-Error") != "":
		return fmt.Errorf("the function failed: %s", text)
	}
	_, err = fmt.Fprintf(stdout, "%s\n", bytes.TrimSpace(text))
	return err
}
