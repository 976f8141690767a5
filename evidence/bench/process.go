package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/evidence/bench/measure"
)

// process is one that carries out tasks.
type process struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

func startProcess(ctx context.Context, dir, name string, arguments ...string) (*process, error) {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir, command.Stderr = dir, os.Stderr
	command.Env = append(os.Environ(), "NODE_ENV=production", "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED=true")
	in, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return &process{command, in, bufio.NewReader(out)}, nil
}

func (p *process) perform(task measure.Task) (measure.Result, error) {
	var result measure.Result
	if err := json.NewEncoder(p.in).Encode(task); err != nil {
		return result, err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return result, fmt.Errorf("%s %s: the process ended: %w", task.Subject, task.Path, err)
	}
	if err := json.Unmarshal(line, &result); err != nil {
		return result, err
	}
	if result.Error != "" {
		return result, errors.New(result.Error)
	}
	return result, nil
}

// close ends the process by ending its input.
func (p *process) close() error {
	return errors.Join(p.in.Close(), p.command.Wait())
}

// residentMemory is that of a process, in bytes.
func residentMemory(pid int) (int64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			kilobytes, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, errors.New("the process has no resident memory")
}

// run runs a command that builds something.
func run(ctx context.Context, dir string, environment []string, name string, arguments ...string) error {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir = dir
	command.Env = append(os.Environ(), environment...)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), err, output)
	}
	return nil
}
