// Command soak runs the local stack for half an hour at half of what it bears, and
// says at the end whether memory and latency stayed flat, and whether every
// request was answered and had its effect once:
//
//	make soak
//	make soak ARGS='-for 2h'
//
// What the stack bears is measured first. Records and data live for two minutes
// only, and the first third of the time is not judged, so that the tables have
// stopped growing when the trend begins.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := start(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// errVerdict is returned if the run was completed and something was wrong.
var errVerdict = errors.New("the verdict is no")

func start(ctx context.Context, arguments []string, output io.Writer) error {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	duration := flags.Duration("for", 30*time.Minute, "how `long`, without the measurement of what the stack bears")
	probe := flags.Duration("probe", 8*time.Second, "how `long` to measure at each number of visitors")
	rate := flags.Float64("rate", 0, "`requests` a second; 0 for half of what the stack bears")
	crashes := flags.Duration("crashes", 10*time.Second, "how `often` a function is made to crash after its effect; 0 for never")
	write := flags.Bool("write", false, "write the verdict into docs/performance.md")
	root := flags.String("root", ".", "`directory` of the repository")
	if err := flags.Parse(arguments); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	stack, err := startStack(ctx, *root)
	if err != nil {
		return err
	}
	defer stack.stop()

	began := time.Now()
	say := func(format string, arguments ...any) {
		_, _ = fmt.Fprintf(output, "%5.0f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, arguments...))
	}
	run := &soak{stack: stack, rate: *rate, duration: *duration, crashes: *crashes, say: say}
	if run.rate == 0 {
		if run.bears, err = capacity(ctx, stack.address, *probe, say); err != nil {
			return err
		}
		run.rate = run.bears / 2
	}
	say("%s at %.0f requests a second", run.duration, run.rate)
	if err := run.run(ctx); err != nil {
		return err
	}
	v := run.verdict()
	_, _ = fmt.Fprintf(output, "\n%s\n", v)
	if *write {
		if err := v.writeTo(filepath.Join(*root, "docs/performance.md")); err != nil {
			return err
		}
		say("docs/performance.md is written")
	}
	if !v.good() {
		return errVerdict
	}
	return nil
}
