package lambda

import (
	"context"
	"errors"
	"sync"
	"time"
)

// pool is the processes of one function.
type pool struct {
	service  *Service
	function Function
	// slots has room for as many tokens as invocations may run at once. A
	// process is started only while a token is held and none is idle, so it
	// bounds the processes as well.
	slots chan struct{}

	mu     sync.Mutex
	idle   []*process // the one used last at the end
	live   map[*process]struct{}
	closed bool
	work   sync.WaitGroup // invocations, and the watchers of processes
}

func newPool(s *Service, f Function) *pool {
	limit := s.cfg.MaxProcesses
	if f.Concurrency > 0 {
		limit = min(limit, f.Concurrency)
	}
	return &pool{
		service:  s,
		function: f,
		slots:    make(chan struct{}, limit),
		live:     map[*process]struct{}{},
	}
}

// invoke runs the function on the event; see Service.Invoke.
func (p *pool) invoke(ctx context.Context, event []byte) ([]byte, error) {
	if err := p.acquire(ctx); err != nil {
		return nil, err
	}
	if !p.begin() {
		<-p.slots
		return nil, ErrClosed
	}
	type outcome struct {
		response []byte
		err      error
	}
	done := make(chan outcome, 1)
	go func() {
		defer p.work.Done()
		response, err := p.run(event)
		<-p.slots
		done <- outcome{response, err}
	}()
	select {
	case o := <-done:
		return o.response, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pool) acquire(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	if p.function.Concurrency > 0 && cap(p.slots) == p.function.Concurrency {
		return ErrThrottled
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pool) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.work.Add(1)
	return true
}

// run finds a process for the event and sees the event through.
func (p *pool) run(event []byte) ([]byte, error) {
	log := p.service.cfg.Log.With("function", p.function.Handler)
	for {
		proc, cold := p.takeIdle(), false
		if proc == nil {
			cold = true
			began := time.Now()
			var err error
			if proc, err = p.start(); err != nil {
				if !errors.Is(err, ErrClosed) {
					log.Debug("cold start failed", "error", err)
				}
				return nil, err
			}
			log.Debug("cold start", "pid", proc.pid(), "duration", time.Since(began))
		}
		inv := newInvocation(event, time.Now().Add(p.function.Timeout))
		response, err := proc.invoke(inv)
		if errors.Is(err, errGone) {
			if !cold {
				continue // it died while idle: the event has not been seen
			}
			err = &FunctionError{Function: p.function.Name, Type: "Runtime.ExitError", Message: "Runtime exited: " + proc.status}
		}
		if proc.alive() {
			p.giveBack(proc)
		}
		if err != nil && !p.isClosed() {
			log.Debug("invocation failed", "pid", proc.pid(), "requestId", inv.id, "error", err)
		}
		return response, err
	}
}

func (p *pool) takeIdle() *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	proc := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return proc
}

func (p *pool) giveBack(proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, alive := p.live[proc]; alive {
		p.idle = append(p.idle, proc)
	}
}

// start is a cold start: a new process that is ready for its first event.
func (p *pool) start() (*process, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	// Under the lock, so that a process is either not started or killed when
	// the pool is closed.
	proc, err := startProcess(p.service, p.function)
	if err != nil {
		p.mu.Unlock()
		return nil, err
	}
	p.live[proc] = struct{}{}
	p.work.Add(1)
	p.mu.Unlock()
	go func() {
		defer p.work.Done()
		<-proc.exited
		p.forget(proc)
	}()
	if err := proc.awaitReady(); err != nil {
		if p.isClosed() {
			return nil, ErrClosed
		}
		return nil, err
	}
	return proc, nil
}

func (p *pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

func (p *pool) forget(proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.live, proc)
	for i, q := range p.idle {
		if q == proc {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			return
		}
	}
}

func (p *pool) pids() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := make([]int, 0, len(p.live))
	for proc := range p.live {
		if proc.alive() {
			ids = append(ids, proc.pid())
		}
	}
	return ids
}

// kill ends every process and lets no other start.
func (p *pool) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for proc := range p.live {
		proc.kill()
	}
}

// wait returns when every process and invocation has ended.
func (p *pool) wait() { p.work.Wait() }
