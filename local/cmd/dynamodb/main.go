// Command dynamodb serves the embedded DynamoDB alone, so that the AWS CLI, other
// languages and other test suites can be pointed at it:
//
//	AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:8000 aws dynamodb list-tables
//
// Any credentials and any region do. It is for development and tests only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
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
	engine, err := dynamolocal.New(dynamolocal.Config{File: *data})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, engine.Close()) }()

	server := &http.Server{Handler: engine, ReadHeaderTimeout: readHeaderLimit}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "http://%s\n", listener.Addr())

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
