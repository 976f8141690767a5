package lambda

import (
	"os/exec"
	"runtime"
	"sync"
)

// spawner starts child processes from one operating system thread.
//
// On Linux a child asks to be killed when its parent dies, and what the kernel
// means by parent is the thread that started it. Go ends threads as it sees
// fit, so the thread that starts children is pinned for as long as they live.
type spawner struct {
	start  chan func()
	closed chan struct{}
	once   sync.Once
}

func newSpawner() *spawner {
	s := &spawner{start: make(chan func()), closed: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for {
			select {
			case f := <-s.start:
				f()
			case <-s.closed:
				return
			}
		}
	}()
	return s
}

// run starts the command, or gives ErrClosed.
func (s *spawner) run(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	select {
	case s.start <- func() { done <- cmd.Start() }:
		return <-done
	case <-s.closed:
		return ErrClosed
	}
}

func (s *spawner) close() { s.once.Do(func() { close(s.closed) }) }
