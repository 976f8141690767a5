// Package localstack deploys the synthesised CloudFormation template on one
// machine: DynamoDB, Lambda, SQS, the HTTP API, CloudFront and the website's bucket.
//
// What runs is what the template says. A resource type, an intrinsic function
// or a property that the package does not understand is an error that names it;
// what it understands and does not act on is written down, with the reason, in
// the one table of resource types and in the types that properties are read
// into.
//
// It is for development and tests. Everything listens on 127.0.0.1 only.
package localstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/localstack/lambda"
)

// DefaultAddr is where the stack is served unless Config says otherwise.
const DefaultAddr = "127.0.0.1:8787"

// sweepEvery is how often expired items are deleted.
const sweepEvery = 30 * time.Second

// Config says what to deploy. Template and Functions are needed; the zero
// value of any other field is its default.
type Config struct {
	// Template is the path of the synthesised template.
	Template string
	// Functions is the directory that holds <handler>/bootstrap for every
	// function, built for this machine.
	Functions string
	// Site is the directory of the built website. Empty serves none: its
	// bucket then holds config.json alone.
	Site string
	// Addr is where to listen; DefaultAddr by default. Port 0 picks a free one.
	Addr string
	// Data is a directory in which the tables survive a restart; made if it
	// does not exist. Empty keeps them in memory.
	Data string
	// Reset forgets what Data holds.
	Reset bool
	// LogLevel is debug, info, warn or error: what the stack logs, and what
	// the functions do. Empty is info for the stack and what the template says
	// for the functions.
	LogLevel string
	// Env is added to the environment of every function, and wins over what the
	// template says.
	Env map[string]string
	// Unthrottled lifts the API's throttles, for tests that need load.
	Unthrottled bool
	// MaxProcesses bounds the processes of each function;
	// lambda.DefaultMaxProcesses by default.
	MaxProcesses int
	// Logs receives the lines that functions write, each after the function's
	// handler and a bar, and the stack's own after "stack". Dropped by default.
	Logs io.Writer
	// Progress is told of every step of the start; not told by default.
	Progress func(step string)
	// Observe is told of every call to DynamoDB. The access key of a function's
	// calls is the function's handler. Not told by default.
	Observe func(dynamolocal.Event)
	// Clock is the time by which items expire; time.Now by default.
	Clock func() time.Time
}

// Stack is a running stack. Its methods may be called from any goroutine.
type Stack struct {
	plan      *plan
	engine    *dynamolocal.Engine
	functions *lambda.Service
	queues    queues
	database  server
	public    server

	stopSweep context.CancelFunc
	swept     chan struct{}
	close     func() error
}

// Start deploys the template and serves it. The end of ctx ends the start, not
// what has been started: that runs until Close. An error says what to do about
// it where that is known, and leaves nothing running.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	cfg, level, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	p, err := loadPlan(cfg.Template)
	if err != nil {
		return nil, err
	}
	cfg.Progress(fmt.Sprintf("template   %s: %d resources", cfg.Template, p.count))
	if err := p.checkArtefacts(cfg); err != nil {
		return nil, err
	}
	logs := &sharedWriter{w: cfg.Logs}
	log := slog.New(slog.NewTextHandler(prefixed{logs, "stack | "}, &slog.HandlerOptions{Level: level}))

	s := &Stack{plan: p}
	s.close = sync.OnceValue(s.shutdown)
	if err := s.start(ctx, cfg, logs, log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (c Config) withDefaults() (Config, slog.Level, error) {
	if c.Template == "" || c.Functions == "" {
		return c, 0, errors.New("localstack: Config needs Template and Functions")
	}
	if c.Addr == "" {
		c.Addr = DefaultAddr
	}
	if c.Logs == nil {
		c.Logs = io.Discard
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	level := slog.LevelInfo
	if c.LogLevel != "" {
		if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
			return c, 0, fmt.Errorf("the log level %q is not one of debug, info, warn and error", c.LogLevel)
		}
	}
	return c, level, nil
}

func loadPlan(path string) (*plan, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing: run make golden", path)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	p, err := readPlan(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// start brings the parts up one after the other. What has come up is in s, so
// that shutdown can take it down again.
func (s *Stack) start(ctx context.Context, cfg Config, logs io.Writer, log *slog.Logger) error {
	// First, because a taken port is the likeliest thing to go wrong.
	listener, err := listen(cfg.Addr)
	if err != nil {
		return err
	}
	s.public = server{listener: listener}
	if err := s.startDatabase(ctx, cfg, log); err != nil {
		return err
	}
	s.functions, err = lambda.NewService(lambda.Config{
		Region:       region,
		AccountID:    accountID,
		MaxProcesses: cfg.MaxProcesses,
		Env:          map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": s.DynamoDBURL()},
		Output:       logs,
		Log:          log,
	})
	if err != nil {
		return err
	}
	if err := s.plan.deployFunctions(s.functions, cfg); err != nil {
		return err
	}
	for _, f := range s.plan.functions {
		cfg.Progress(fmt.Sprintf("function   %s: %s, %d MB, %d s", f.props.Handler, cfg.binary(f), f.props.MemorySize, f.props.Timeout))
	}
	domain, api, err := s.plan.gateway(invoker{s.functions}, cfg.Unthrottled, log)
	if err != nil {
		return err
	}
	for _, r := range s.plan.routes {
		cfg.Progress("route      " + r.RouteKey)
	}
	var handler http.Handler = api
	if s.plan.distribution != nil {
		if handler, err = s.plan.website(domain, api, cfg.Site, log); err != nil {
			return err
		}
		if cfg.Site != "" {
			cfg.Progress("website    " + cfg.Site)
		}
	}
	if err := s.queues.start(s.plan, s.functions.Invoke, log); err != nil {
		return err
	}
	for _, q := range s.queues.all {
		cfg.Progress("queue      " + queueURL(q.Name()))
	}
	s.public.serve(s.invokeAPI(handler))
	return ctx.Err()
}

// startDatabase brings up the engine with the template's tables.
func (s *Stack) startDatabase(ctx context.Context, cfg Config, log *slog.Logger) error {
	file, err := cfg.dataFile()
	if err != nil {
		return err
	}
	if s.engine, err = dynamolocal.New(dynamolocal.Config{Clock: cfg.Clock, File: file, Observe: cfg.Observe, Log: log}); err != nil {
		return fmt.Errorf("open the tables: %w", err)
	}
	listener, err := listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	s.database = server{listener: listener}
	s.database.serve(s.engine)
	where := "in memory"
	if file != "" {
		where = "kept in " + file
	}
	cfg.Progress(fmt.Sprintf("dynamodb   %s, %s", s.DynamoDBURL(), where))

	client := tableClient(s.DynamoDBURL())
	for _, t := range s.plan.tables {
		kept, err := createTable(ctx, client, t)
		if err != nil {
			return err
		}
		state := "created"
		if kept {
			state = "kept"
		}
		cfg.Progress(fmt.Sprintf("table      %s: %s", t.name, state))
	}
	sweep, cancel := context.WithCancel(context.Background())
	s.stopSweep, s.swept = cancel, make(chan struct{})
	go func() {
		defer close(s.swept)
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if _, err := s.engine.Sweep(sweep); err != nil && sweep.Err() == nil {
					log.Error("expired items could not be deleted", "error", err)
				}
			case <-sweep.Done():
				return
			}
		}
	}()
	return nil
}

// dataFile gives the file that keeps the tables, empty for none.
func (c Config) dataFile() (string, error) {
	if c.Data == "" {
		return "", nil
	}
	if err := os.MkdirAll(c.Data, 0o750); err != nil {
		return "", fmt.Errorf("make the directory that keeps the tables: %w", err)
	}
	file := filepath.Join(c.Data, "dynamodb.db")
	if c.Reset {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("forget the tables: %w", err)
		}
	}
	return file, nil
}

// URL is where the stack is served, such as http://127.0.0.1:8787: the website
// and, under the paths that the template says, the API. Lambda's Invoke operation
// is there as well.
func (s *Stack) URL() string { return s.public.url() }

// DynamoDBURL is the endpoint of the tables, for an SDK to be pointed at.
func (s *Stack) DynamoDBURL() string { return s.database.url() }

// Tables gives the names of the tables by their logical ids.
func (s *Stack) Tables() map[string]string {
	names := map[string]string{}
	for _, t := range s.plan.tables {
		names[t.id] = t.name
	}
	return names
}

// Output gives an output of the template; the second result is false when it
// has none of that name.
func (s *Stack) Output(name string) (string, bool) {
	value, ok, err := s.plan.resolver.Output(name)
	return value, ok && err == nil
}

// Handlers gives the handlers of the deployed functions in order.
func (s *Stack) Handlers() []string {
	names := map[string]struct{}{}
	for _, f := range s.plan.functions {
		names[f.props.Handler] = struct{}{}
	}
	return slices.Sorted(maps.Keys(names))
}

// Processes gives the ids of the live processes of the function with this
// handler.
func (s *Stack) Processes(handler string) []int { return s.functions.Processes(handler) }

// Engine is the embedded DynamoDB, for tests that inject faults or expire items.
func (s *Stack) Engine() *dynamolocal.Engine { return s.engine }

// Close stops everything, every process included, and returns when all has
// ended. It may be called more than once.
func (s *Stack) Close() error { return s.close() }

func (s *Stack) shutdown() error {
	var problems []error
	s.public.close()
	if s.functions != nil {
		problems = append(problems, s.functions.Close())
	}
	s.queues.close()
	if s.stopSweep != nil {
		s.stopSweep()
		<-s.swept
	}
	s.database.close()
	if s.engine != nil {
		problems = append(problems, s.engine.Close())
	}
	return errors.Join(problems...)
}
