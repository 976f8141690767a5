// Package freeport finds ports for programs that do not choose one themselves.
package freeport

import (
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
)

// Ports below those that systems give to connections, so that none takes a port
// between Find and the program that is started on it.
const (
	first = 10_000
	last  = 32_000
)

var found atomic.Int64

// Find returns a TCP port of 127.0.0.1 on which nothing listens. No other call of
// this process returns the same one, and processes that run at the same time
// begin at different ones.
func Find(t testing.TB) string {
	t.Helper()
	for range last - first {
		port := strconv.FormatInt(first+(int64(os.Getpid())*16+found.Add(1))%(last-first), 10)
		if listener, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = listener.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}
