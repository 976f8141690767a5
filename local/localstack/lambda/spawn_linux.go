package lambda

import "syscall"

// attributes put a child in a process group of its own, so that a terminal's
// Ctrl-C does not reach it and a kill reaches all it started, and have the
// kernel kill it should this process die without a chance to.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
