package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// DefaultMaxProcesses bounds the processes of one function unless Config says
// otherwise. Invocations beyond it wait, as there is one machine to share.
const DefaultMaxProcesses = 64

// MaxPayload is the size in bytes of the largest event and the largest
// response of a synchronous invocation.
const MaxPayload = 6*1024*1024 + 100

// initLimit is how long Lambda gives a process to ask for its first event.
const initLimit = 10 * time.Second

// Config says where functions run. The zero value of a field is its default.
type Config struct {
	// Region and AccountID are what functions see of where they run;
	// "us-east-1" and "000000000000" by default.
	Region, AccountID string
	// Env is added to the environment of every function.
	Env map[string]string
	// MaxProcesses bounds the processes of each function;
	// DefaultMaxProcesses by default.
	MaxProcesses int
	// Output receives the lines that functions write to stdout and stderr,
	// each prefixed with the function's handler; dropped by default.
	Output io.Writer
	// Log receives, at debug level, cold starts and the invocations that
	// failed, which whoever invoked is told of as well. Dropped by default.
	Log *slog.Logger
}

// Function is one Lambda function.
type Function struct {
	// Name is the name that the function is invoked by.
	Name string
	// Handler becomes _HANDLER and names the function in logs.
	Handler string
	// Binary is the path of the executable.
	Binary string
	// Env is the function's own environment.
	Env map[string]string
	// Timeout is how long an invocation may take; it is killed at it.
	Timeout time.Duration
	// MemoryMB is what AWS_LAMBDA_FUNCTION_MEMORY_SIZE says. It is not
	// enforced.
	MemoryMB int
	// LogGroup is what AWS_LAMBDA_LOG_GROUP_NAME says;
	// "/aws/lambda/<Name>" by default.
	LogGroup string
	// LogFormat and LogLevel are the function's logging configuration, "JSON"
	// and "INFO" for instance; absent from its environment when empty.
	LogFormat, LogLevel string
	// Concurrency is the reserved concurrency: invocations beyond it are
	// refused with ErrThrottled. Zero reserves none.
	Concurrency int
}

// Service runs functions. It is safe for concurrent use.
type Service struct {
	cfg     Config
	output  *lineWriter
	spawner *spawner

	mu        sync.RWMutex
	functions map[string]*pool
	closed    bool
}

// NewService makes a service without functions.
func NewService(cfg Config) (*Service, error) {
	if cfg.MaxProcesses < 0 {
		return nil, errors.New("lambda: MaxProcesses must not be negative")
	}
	cfg.MaxProcesses = cmp.Or(cfg.MaxProcesses, DefaultMaxProcesses)
	cfg.Region = cmp.Or(cfg.Region, "us-east-1")
	cfg.AccountID = cmp.Or(cfg.AccountID, "000000000000")
	if cfg.Output == nil {
		cfg.Output = io.Discard
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{
		cfg:       cfg,
		output:    &lineWriter{w: cfg.Output},
		spawner:   newSpawner(),
		functions: map[string]*pool{},
	}, nil
}

// Deploy adds a function. No process is started: the first invocation does.
func (s *Service) Deploy(f Function) error {
	if err := f.validate(); err != nil {
		return err
	}
	f.LogGroup = cmp.Or(f.LogGroup, "/aws/lambda/"+f.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if _, taken := s.functions[f.Name]; taken {
		return fmt.Errorf("lambda: a function named %s exists already", f.Name)
	}
	s.functions[f.Name] = newPool(s, f)
	return nil
}

// plainName is what a Handler may be: it becomes part of paths and credentials.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func (f Function) validate() error {
	switch {
	case f.Name == "":
		return errors.New("lambda: the function needs a Name")
	case !plainName.MatchString(f.Handler):
		return fmt.Errorf("lambda: the function %s has the Handler %q: the name of a command is expected", f.Name, f.Handler)
	case f.Timeout <= 0:
		return fmt.Errorf("lambda: the function %s needs a Timeout", f.Name)
	case f.MemoryMB <= 0:
		return fmt.Errorf("lambda: the function %s needs MemoryMB", f.Name)
	}
	for name := range f.Env {
		if slices.Contains(reservedEnv, name) || strings.HasPrefix(name, "AWS_LAMBDA_") {
			return fmt.Errorf("lambda: the function %s sets %s, which Lambda reserves", f.Name, name)
		}
	}
	info, err := os.Stat(f.Binary)
	if err != nil {
		return fmt.Errorf("lambda: the function %s: %w", f.Name, err)
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("lambda: the function %s: %s is not executable", f.Name, f.Binary)
	}
	return nil
}

// Invoke runs a function once on an event and gives its response.
//
// A function that reports an error, crashes or overruns its time gives a
// *FunctionError, as does a response that is too large; one whose process does
// not come up, an *InitError. ErrEventTooLarge, ErrThrottled and ErrClosed are
// refusals: the function did not run.
//
// The end of ctx ends the waiting, not the invocation: as in Lambda, that goes
// on to its own end.
func (s *Service) Invoke(ctx context.Context, name string, event []byte) ([]byte, error) {
	s.mu.RLock()
	p, ok := s.functions[name]
	closed := s.closed
	s.mu.RUnlock()
	switch {
	case closed:
		return nil, ErrClosed
	case !ok:
		return nil, fmt.Errorf("lambda: there is no function named %s", name)
	case len(event) > MaxPayload:
		return nil, ErrEventTooLarge
	}
	return p.invoke(ctx, event)
}

// Processes gives the ids of the live processes of every function with this
// handler, in ascending order.
func (s *Service) Processes(handler string) []int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var ids []int
	for _, p := range s.functions {
		if p.function.Handler == handler {
			ids = append(ids, p.pids()...)
		}
	}
	slices.Sort(ids)
	return ids
}

// Close kills every process and returns when all are gone. Invocations under
// way end with a *FunctionError. It may be called more than once.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	pools := make([]*pool, 0, len(s.functions))
	for _, p := range s.functions {
		pools = append(pools, p)
	}
	s.mu.Unlock()
	for _, p := range pools {
		p.kill()
	}
	for _, p := range pools {
		p.wait()
	}
	s.spawner.close()
	return nil
}
