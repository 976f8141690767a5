// Command bench measures the package beside what it is compared with, in one run
// on one machine, and writes the figures into docs/performance.md and its chart:
//
//	make bench
//
// With --endpoint it measures against a real DynamoDB, with the credentials of
// the environment; that costs what the requests cost.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := start(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	root, here, built string // directories: of the repository, of this module, for what it builds

	rounds, batch int // batches of so many milliseconds, each once a round
	messages      int // of batches in which nothing waits, in all rounds together
	starts        int
	sizes         []int // of the table, as it grows
	stackSeconds  int
	only          *regexp.Regexp
	profile       string // file, or ""

	began        time.Time
	db           *database
	valkey       *valkey   // nil if no server is installed
	postgres     *postgres // the same
	client, node *process
	results      results
}

// results are all figures of a run.
type results struct {
	loops  map[what]*figures
	growth []grown
	cache  float64 // bytes
	starts map[string]*starts
	sizes  map[string]int // zipped, by function
	linked []int64        // in bytes, of each program
	stack  through
}

type grown struct {
	records int
	figures *figures
}

func start(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	root := flags.String("root", "../..", "`directory` of the repository")
	endpoint := flags.String("endpoint", "", "`URL` of a DynamoDB to measure against (default: the embedded one)")
	quick := flags.Bool("quick", false, "only see that everything works: the figures mean nothing and are printed, not kept")
	only := flags.String("only", "", "only what this `pattern` finds in \"subject path concurrency response\", such as \"^ours.* first 1 150\"; printed, not kept")
	profile := flags.String("profile", "", "write a CPU profile of the Go client to this `file`")
	if err := flags.Parse(arguments); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	b := &bench{
		rounds: 7, batch: 400, messages: 10_010, starts: 21, sizes: []int{1e3, 1e5, 1e6}, stackSeconds: 5,
		began:   time.Now(),
		results: results{loops: make(map[what]*figures), starts: make(map[string]*starts)},
	}
	if *quick {
		b.rounds, b.batch, b.messages, b.starts, b.sizes, b.stackSeconds = 2, 40, 200, 2, []int{1e2, 1e3, 1e4}, 1
	}
	b.profile = *profile
	var err error
	if b.only, err = regexp.Compile(*only); err != nil {
		return err
	}
	if b.root, err = filepath.Abs(*root); err != nil {
		return err
	}
	b.here, b.built = filepath.Join(b.root, "evidence/bench"), filepath.Join(b.root, "build/bench")
	if err := b.measure(ctx, *endpoint); err != nil {
		return err
	}
	if *quick || *only != "" {
		b.print()
		return nil
	}
	return b.report(ctx)
}

func (b *bench) measure(ctx context.Context, endpoint string) (err error) {
	if err := os.MkdirAll(b.built, 0o755); err != nil {
		return err
	}
	b.progress("building")
	clientBinary := filepath.Join(b.built, "client")
	if err := run(ctx, b.here, []string{"GOWORK=off"}, "go", "build", "-o", clientBinary, "./client"); err != nil {
		return err
	}
	functions, err := b.buildFunctions(ctx)
	if err != nil {
		return err
	}
	if b.results.sizes, err = b.packageSizes(); err != nil {
		return err
	}
	if b.db, err = openDatabase(ctx, endpoint); err != nil {
		return err
	}
	defer b.db.close()
	if b.valkey, err = startValkey(ctx); err != nil {
		return err
	}
	if b.valkey == nil {
		b.progress("no Valkey or Redis server is installed: nothing is measured on one")
	} else {
		defer func() { err = errors.Join(err, b.valkey.close()) }()
	}
	if b.postgres, err = startPostgres(ctx); err != nil {
		return err
	}
	if b.postgres == nil {
		b.progress("no PostgreSQL server is installed: nothing is measured on one")
	} else {
		defer func() { err = errors.Join(err, b.postgres.close()) }()
	}
	if b.client, err = startProcess(ctx, b.here, clientBinary, "-cpuprofile", b.profile); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.client.close()) }()
	if b.node, err = startProcess(ctx, b.here, "node", "--expose-gc", "powertools/worker.mjs"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.node.close()) }()

	steps := []func(context.Context) error{
		func(ctx context.Context) error { return b.loops(ctx, "middleware", b.planMiddleware()) },
		func(ctx context.Context) error { return b.loops(ctx, "requests", plan()) },
		b.cacheFull,
		func(ctx context.Context) error { return b.coldStarts(ctx, functions) },
		b.localStack,
		b.linkedSizes,
		b.growth,
	}
	if b.only.String() != "" {
		steps = steps[:2]
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// progress tells what is being done, and since when.
func (b *bench) progress(format string, arguments ...any) {
	fmt.Printf("%4.0f s  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, arguments...))
}
