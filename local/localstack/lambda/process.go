package lambda

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is one running copy of a function.
type process struct {
	function Function
	cmd      *exec.Cmd
	api      *runtimeAPI
	output   *processOutput

	exited chan struct{}
	status string // how it ended; readable once exited is closed
}

// startProcess starts a copy of the function. It does not wait for the copy to
// be ready.
func startProcess(s *Service, f Function) (*process, error) {
	api, err := serveRuntimeAPI(f.arn(s.cfg))
	if err != nil {
		return nil, fmt.Errorf("lambda: function %s: open its runtime API: %w", f.Name, err)
	}
	// An absolute path, as the process runs in the binary's directory.
	binary, err := filepath.Abs(f.Binary)
	if err != nil {
		api.close()
		return nil, fmt.Errorf("lambda: function %s: %w", f.Name, err)
	}
	p := &process{
		function: f,
		cmd:      exec.Command(binary),
		api:      api,
		output:   &processOutput{prefix: f.Handler + " | ", to: s.output},
		exited:   make(chan struct{}),
	}
	p.cmd.Dir = filepath.Dir(binary)
	p.cmd.Env = f.environment(s.cfg, api.addr, logStream(time.Now()))
	p.cmd.Stdout = p.output
	p.cmd.Stderr = p.output
	p.cmd.SysProcAttr = attributes()
	// What the process itself has started may hold its output open.
	p.cmd.WaitDelay = time.Second
	if err := s.spawner.run(p.cmd); err != nil {
		api.close()
		return nil, fmt.Errorf("lambda: function %s: start %s: %w", f.Name, f.Binary, err)
	}
	go func() {
		err := p.cmd.Wait()
		p.output.close()
		p.status = "exit status 0"
		if state := p.cmd.ProcessState; state != nil {
			p.status = state.String()
		} else if err != nil {
			p.status = err.Error()
		}
		close(p.exited)
		api.close()
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the process and whatever it started. Its end is seen by exited.
func (p *process) kill() {
	select {
	case <-p.exited:
	default:
		_ = syscall.Kill(-p.pid(), syscall.SIGKILL)
	}
}

// awaitReady waits until the process asks for its first event, and otherwise
// sees to it that the process is gone.
func (p *process) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), initLimit)
	defer cancel()
	err := p.api.awaitFirst(ctx, p.exited)
	if err == nil {
		return nil
	}
	p.kill()
	<-p.exited
	reason := err.Error()
	if errors.Is(err, errExited) {
		reason = fmt.Sprintf("exited (%s)", p.status)
	}
	return &InitError{Function: p.function.Name, Binary: p.function.Binary, Reason: reason, Output: p.output.last()}
}

// errGone says that a process ended before it could be handed the event.
var errGone = errors.New("lambda: the process is gone")

// invoke hands the process one event and waits until the process is free again
// or gone. An event that a gone process never got is errGone.
func (p *process) invoke(inv *invocation) ([]byte, error) {
	timer := time.NewTimer(time.Until(inv.deadline))
	defer timer.Stop()
	select {
	case p.api.next <- inv:
	case <-p.exited:
		return nil, errGone
	case <-timer.C:
		// It has hung since its last event.
		p.kill()
		<-p.exited
		return nil, errGone
	}
	var answer *result
	for {
		select {
		case res := <-inv.result:
			answer = &res
		case <-p.api.ready:
			// An answer always comes before the request for the next event,
			// but the two may be seen in either order.
			if answer == nil {
				answer = inv.takeResult()
			}
			if answer != nil {
				return p.outcome(answer)
			}
		case <-p.exited:
			if answer == nil {
				answer = inv.takeResult()
			}
			if answer != nil {
				return p.outcome(answer)
			}
			return nil, &FunctionError{
				Function: p.function.Name,
				Type:     "Runtime.ExitError",
				Message:  fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %s", inv.id, p.status),
			}
		case <-timer.C:
			p.kill()
			<-p.exited
			if answer != nil {
				return p.outcome(answer)
			}
			return nil, &FunctionError{
				Function: p.function.Name,
				Type:     "Sandbox.Timedout",
				Message:  fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", inv.id, p.function.Timeout.Seconds()),
			}
		}
	}
}

func (inv *invocation) takeResult() *result {
	select {
	case res := <-inv.result:
		return &res
	default:
		return nil
	}
}

func (p *process) outcome(res *result) ([]byte, error) {
	if res.errorType != "" {
		return nil, &FunctionError{Function: p.function.Name, Type: res.errorType, Message: res.errorMessage}
	}
	return res.response, nil
}

// alive reports whether the process has not been seen to end.
func (p *process) alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}
