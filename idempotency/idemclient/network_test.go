package idemclient_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/idempotency/idemclient"
)

// network connects a client with a server in memory, so that it can be used in a
// bubble of virtual time. It cuts connections.
type network struct {
	server *http.Server
	conns  chan net.Conn
	closed chan struct{}

	mu    sync.Mutex
	dials int
	// cut returns how many bytes of what the server sends arrive on the n-th
	// connection, and after what time it breaks at the latest; negative for no limit.
	cut func(n int) (bytes int, after time.Duration)
}

func newNetwork(t *testing.T, handler http.Handler, cut func(n int) (int, time.Duration)) *network {
	n := &network{server: &http.Server{Handler: handler}, conns: make(chan net.Conn), closed: make(chan struct{}), cut: cut}
	served := make(chan error, 1)
	go func() { served <- n.server.Serve(n) }()
	t.Cleanup(func() {
		_ = n.server.Close()
		<-served
	})
	return n
}

// client returns a client of the server, with retries.
func (n *network) client(t *testing.T, cfg idemclient.Config) *http.Client {
	t.Helper()
	cfg.Base = &http.Transport{DialContext: n.dial}
	transport, err := idemclient.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: transport}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func (n *network) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	n.mu.Lock()
	n.dials++
	bytes, after := n.cut(n.dials)
	n.mu.Unlock()
	if after >= 0 {
		time.AfterFunc(after, func() { _ = client.Close() })
	}
	select {
	case n.conns <- server:
		return &cutConn{client, bytes}, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// Accept implements net.Listener.
func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (n *network) Close() error {
	close(n.closed)
	return nil
}

// Addr implements net.Listener.
func (n *network) Addr() net.Addr { return &net.TCPAddr{} }

// cutConn breaks when so many bytes have been read; negative for never.
type cutConn struct {
	net.Conn
	left int
}

var errCut = errors.New("the connection is cut")

func (c *cutConn) Read(p []byte) (int, error) {
	if c.left < 0 {
		return c.Conn.Read(p)
	}
	if c.left == 0 {
		_ = c.Close()
		return 0, errCut
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// whole is a network that cuts nothing.
func whole(int) (int, time.Duration) { return -1, -1 }

// firstCut cuts the first connection alone.
func firstCut(bytes int, after time.Duration) func(int) (int, time.Duration) {
	return func(n int) (int, time.Duration) {
		if n == 1 {
			return bytes, after
		}
		return -1, -1
	}
}

// body reads a response to its end.
func body(t *testing.T, response *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Error(err)
	}
	return string(text)
}
