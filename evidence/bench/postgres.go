package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgres is a PostgreSQL server in processes of its own, which syncs nothing to
// the disk and listens on a Unix socket alone.
type postgres struct {
	url   string
	close func() error
}

// startPostgres starts the server that is installed. It returns nil if none is.
func startPostgres(ctx context.Context) (*postgres, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if path, missing := exec.LookPath("postgres"); missing == nil {
		found = append(found, path)
	}
	if err != nil || len(found) == 0 {
		return nil, err
	}
	binary := found[len(found)-1]
	dir, err := os.MkdirTemp("", "bench-") // a socket's path has some hundred bytes at most
	if err != nil {
		return nil, err
	}
	remove := func(err error) error { return errors.Join(err, os.RemoveAll(dir)) }
	var account syscall.SysProcAttr
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root
		if account.Credential, err = unprivileged(dir); err != nil {
			return nil, remove(err)
		}
	}
	command := func(name string, arguments ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, name, arguments...)
		c.Dir, c.SysProcAttr = dir, &account
		return c
	}
	data := filepath.Join(dir, "data")
	initdb := command(filepath.Join(filepath.Dir(binary), "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "--no-instructions")
	if output, err := initdb.CombinedOutput(); err != nil {
		return nil, remove(fmt.Errorf("initdb: %w: %s", err, output))
	}
	server := command(binary, "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=400")
	if err := server.Start(); err != nil {
		return nil, remove(err)
	}
	p := &postgres{fmt.Sprintf("host=%s user=postgres dbname=postgres", dir), func() error {
		_ = server.Process.Signal(syscall.SIGQUIT) // at once: it has nothing to keep
		_ = server.Wait()
		return os.RemoveAll(dir)
	}}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		connection, err := pgx.Connect(ctx, p.url) // a socket alone may be that of a server that is starting
		if err == nil {
			return p, connection.Close(ctx)
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("%s did not start: %w", binary, err), p.close())
		}
	}
}

// unprivileged returns the account of Debian's package, which it gives the
// directory.
func unprivileged(dir string) (*syscall.Credential, error) {
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}
