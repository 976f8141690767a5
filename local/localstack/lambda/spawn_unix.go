//go:build unix && !linux

package lambda

import "syscall"

// attributes put a child in a process group of its own, so that a terminal's
// Ctrl-C does not reach it and a kill reaches all it started. Only Linux can
// also have it killed when this process dies without a chance to.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
