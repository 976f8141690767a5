// Command dynamodb serves the embedded DynamoDB alone, for the AWS CLI, other
// languages and other test suites:
//
//	go run github.com/idempotent-requests/idempotent-requests/local/cmd/dynamodb@latest
//
// It prints its URL, then what to export so that SDKs find it and an example with
// the AWS CLI. It is for development and tests only: any credentials do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

const (
	sweepInterval    = time.Second
	shutdownTimeout  = 5 * time.Second
	readHeaderLimit  = 10 * time.Second
	usageExitCode    = 2
	maxPort          = 65535
	usageDescription = `Usage: dynamodb [--port PORT] [--data FILE]

Serves an embedded DynamoDB on 127.0.0.1 for development and tests.
`
)

// instructions are printed at the start: the URL alone on the first line, for
// programs; what is indented is meant to be pasted.
const instructions = `%[1]s

An SDK or CLI without configuration finds it with these variables; any credentials and any region do:

  export AWS_ENDPOINT_URL_DYNAMODB=%[1]s
  export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local

A table, an item and what is in the table, with the AWS CLI:

  aws dynamodb create-table --table-name things --billing-mode PAY_PER_REQUEST \
    --attribute-definitions AttributeName=id,AttributeType=S --key-schema AttributeName=id,KeyType=HASH
  aws dynamodb wait table-exists --table-name things
  aws dynamodb put-item --table-name things --item '{"id": {"S": "1"}, "name": {"S": "first"}}'
  aws dynamodb scan --table-name things

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(usageExitCode)
	default:
		fmt.Fprintln(os.Stderr, "dynamodb:", err)
		os.Exit(1)
	}
}

// errUsage is returned when the flag package has already told what is wrong.
var errUsage = errors.New("usage")

// run serves until ctx is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("dynamodb", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usageDescription)
		flags.PrintDefaults()
	}
	port := flags.Int("port", 8000, "`port` to listen on; 0 picks a free one")
	data := flags.String("data", "", "`file` in which tables survive a restart (default: memory only)")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if flags.NArg() > 0 || *port < 0 || *port > maxPort {
		flags.Usage()
		return errUsage
	}

	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(*port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d is taken: stop what uses it, or choose another with --port", *port)
	}
	if err != nil {
		return err
	}
	engine, err := dynamolocal.New(dynamolocal.Config{File: *data, Log: slog.New(slog.NewTextHandler(stderr, nil))})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, engine.Close()) }()

	server := &http.Server{Handler: engine, ReadHeaderTimeout: readHeaderLimit}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	url := "http://" + listener.Addr().String()
	fmt.Fprintf(stdout, instructions, url)

	sweep(ctx, engine, stderr)
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(shutdown); err != nil {
		return errors.Join(err, server.Close())
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// sweep deletes expired items from time to time until ctx is done.
func sweep(ctx context.Context, engine *dynamolocal.Engine, stderr io.Writer) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if _, err := engine.Sweep(ctx); err != nil && ctx.Err() == nil {
				fmt.Fprintln(stderr, "dynamodb: deleting expired items:", err)
			}
		}
	}
}
