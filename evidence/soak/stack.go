package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// stack is the local stack in processes of its own: one for gateway and database,
// and those of the functions, which are its children.
type stack struct {
	command *exec.Cmd
	address string
}

// lifetime is how long records and data are kept. A visitor is checked well before.
const lifetime = "2m"

func startStack(ctx context.Context, root string) (*stack, error) {
	command := exec.CommandContext(ctx, filepath.Join(root, "build/bin/local"),
		"--port", "0", "--site", "", "--unthrottled", "--log-level", "error",
		// A call that is written down is kept for an hour, whatever else is.
		"--env", "RECORD_CALLS=false", "--env", "IDEMPOTENCY_WINDOW="+lifetime, "--env", "DATA_RETENTION="+lifetime)
	// Stopped the way a person stops it, so that it stops its functions.
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	var complaints tail
	command.Dir, command.Stderr = root, &complaints
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start the local stack: %w", err)
	}
	s := &stack{command: command}
	for lines := bufio.NewScanner(output); s.address == "" && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "http://") {
			s.address = strings.TrimSuffix(strings.TrimSpace(lines.Text()), "/")
		}
	}
	if s.address == "" {
		s.stop()
		return nil, fmt.Errorf("the local stack did not start: %s", complaints.text)
	}
	go func() { _, _ = io.Copy(io.Discard, output) }()
	return s, nil
}

func (s *stack) stop() {
	_ = s.command.Process.Signal(syscall.SIGTERM)
	_ = s.command.Wait()
}

// tail keeps the end of what is written to it: the functions write a line of metrics
// for each request.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-4096):]
	return len(p), nil
}

// memory is what is resident at one time, in bytes.
type memory struct {
	stack     float64
	functions float64 // of all processes together
	processes int
}

// memory asks ps, which exists on Linux and on macOS.
func (s *stack) memory(ctx context.Context) (memory, error) {
	text, err := exec.CommandContext(ctx, "ps", "-A", "-o", "pid=,ppid=,rss=").Output()
	if err != nil {
		return memory{}, fmt.Errorf("ps: %w", err)
	}
	return residentOf(string(text), s.command.Process.Pid)
}

// residentOf reads lines of process, parent and kilobytes.
func residentOf(lines string, pid int) (memory, error) {
	var m memory
	for line := range strings.Lines(lines) {
		var numbers [3]int
		fields := strings.Fields(line)
		if len(fields) != len(numbers) {
			return m, fmt.Errorf("ps: unexpected line %q", line)
		}
		for i, field := range fields {
			var err error
			if numbers[i], err = strconv.Atoi(field); err != nil {
				return m, fmt.Errorf("ps: unexpected line %q", line)
			}
		}
		switch bytes := float64(numbers[2]) * 1024; pid {
		case numbers[0]:
			m.stack = bytes
		case numbers[1]:
			m.functions += bytes
			m.processes++
		}
	}
	if m.stack == 0 {
		return m, errors.New("the local stack has ended")
	}
	return m, nil
}
