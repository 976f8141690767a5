// Package postgresserver runs a real PostgreSQL server for tests.
package postgresserver

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// required is the environment variable that is "required" if tests must not be
// skipped for want of a server.
const required = "IDEMPOTENCY_TEST_SERVERS"

// script makes a cluster and runs the server until nobody holds this program's
// input open any more, so that no way for a test to end leaves a server or a
// directory behind. Nothing is synced to the disk: a server that is killed loses
// nothing by that, only a machine that is.
const script = `
bin=$1 dir=$2
"$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync --no-instructions >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log"; exit 1; }
run() {
  "$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=off -c max_connections=600 \
    -c shared_buffers=64MB -c autovacuum_naptime=5s -c log_min_messages=log 2>&1 &
  server=$!
}
run
while read -r order; do
  case $order in
    crash) kill -QUIT "$server"; wait "$server"; echo crashed ;;
    start) run ;;
  esac
done
kill -QUIT "$server"; wait "$server"; rm -rf "$dir"
`

// Server is a server that runs until the program ends.
type Server struct {
	// URL is what pgx connects to, over a Unix socket: no port is opened.
	URL string

	orders io.WriteCloser
	events chan string // "ready" and "crashed"; closed when the server is gone
	log    strings.Builder
}

var shared = sync.OnceValues(start)

// Shared returns the server that all tests of the program share. If there is no
// server to run, the test is skipped, or fails if the environment variable
// IDEMPOTENCY_TEST_SERVERS is "required".
func Shared(t testing.TB) *Server {
	t.Helper()
	if find() == "" {
		missing(t)
	}
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Start returns a server of the test's own, which it may crash.
func Start(t testing.TB) *Server {
	t.Helper()
	if find() == "" {
		missing(t)
	}
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.orders.Close() })
	return s
}

func missing(t testing.TB) {
	const what = "these tests need a real server: install PostgreSQL, so that postgres and initdb are on the PATH or below /usr/lib/postgresql " +
		"(Debian and Ubuntu: apt-get install postgresql)"
	if os.Getenv(required) == "required" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Crash kills the server without giving it time for anything.
func (s *Server) Crash(t testing.TB) { s.order(t, "crash", crashed) }

// Restart starts a server again that has crashed, on the same data.
func (s *Server) Restart(t testing.TB) { s.order(t, "start", ready) }

const (
	ready   = "ready"
	crashed = "crashed"
)

func (s *Server) order(t testing.TB, order, event string) {
	t.Helper()
	if _, err := fmt.Fprintln(s.orders, order); err != nil {
		t.Fatal(err)
	}
	if err := s.await(event); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) await(event string) error {
	for e := range s.events {
		if e == event {
			return nil
		}
	}
	return fmt.Errorf("the server has ended:\n%s", s.log.String())
}

// read reads the output until it ends, for a server whose output nobody reads
// comes to stand still.
func (s *Server) read(output io.Reader) {
	for lines := bufio.NewScanner(output); lines.Scan(); {
		switch line := lines.Text(); {
		case strings.HasSuffix(line, "ready to accept connections"):
			s.events <- ready
		case line == crashed:
			s.events <- crashed
		case s.log.Len() < 10_000:
			s.log.WriteString(line + "\n")
		}
	}
	close(s.events)
}

func start() (*Server, error) {
	// Not t.TempDir: the path of a socket has some hundred bytes at most.
	dir, err := os.MkdirTemp("", "postgres-")
	if err != nil {
		return nil, err
	}
	command := exec.Command("/bin/sh", "-c", script, "sh", find(), dir)
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root
		if err := drop(command, dir); err != nil {
			return nil, err
		}
	}
	command.Dir = dir
	orders, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	s := &Server{URL: "host=" + dir + " user=postgres dbname=postgres", orders: orders, events: make(chan string, 16)}
	go s.read(output)
	if err := s.await(ready); err != nil {
		_ = orders.Close()
		return nil, err
	}
	return s, nil
}

// drop makes the command run as the user of Debian's package, or as nobody.
func drop(command *exec.Cmd, dir string) error {
	account, err := user.Lookup("postgres")
	if err != nil {
		if account, err = user.Lookup("nobody"); err != nil {
			return err
		}
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return err
	}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return os.Chown(dir, uid, gid)
}

// find returns the directory of the server's programs, or "" if there is none.
func find() string {
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path)
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}
