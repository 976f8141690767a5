package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// valkey is a Valkey or Redis server in a process of its own. It keeps nothing on
// disk and listens on a Unix socket alone.
type valkey struct {
	socket string
	close  func() error
}

// startValkey starts the server that is installed. It returns nil if none is.
func startValkey(ctx context.Context) (*valkey, error) {
	binary := ""
	for _, name := range []string{"valkey-server", "redis-server"} {
		if path, err := exec.LookPath(name); err == nil && binary == "" {
			binary = path
		}
	}
	if binary == "" {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "bench-") // a socket's path has some hundred bytes at most
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "socket")
	server := exec.CommandContext(ctx, binary, "--dir", dir, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--daemonize", "no")
	if err := server.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	v := &valkey{socket, func() error {
		_ = server.Process.Kill() // it has nothing to keep
		_ = server.Wait()
		return os.RemoveAll(dir)
	}}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		connection, err := net.Dial("unix", socket)
		if err == nil {
			return v, connection.Close()
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("%s did not start: %w", binary, err), v.close())
		}
	}
}
