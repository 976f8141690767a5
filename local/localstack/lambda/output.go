package lambda

import (
	"bytes"
	"io"
	"sync"
)

const (
	// maxLine is where a line that does not end is cut.
	maxLine = 256 * 1024
	// tailSize is how much of a process's last output is kept to explain a
	// failed start.
	tailSize = 4 * 1024
)

// lineWriter shares one writer among processes, a whole line at a time.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lineWriter) line(prefix string, line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	buf := make([]byte, 0, len(prefix)+len(line)+1)
	buf = append(append(append(buf, prefix...), line...), '\n')
	// A log that cannot be written is no reason to stop a function.
	_, _ = l.w.Write(buf)
}

// processOutput takes what one process writes: it passes on whole lines and
// keeps the last few.
type processOutput struct {
	prefix string
	to     *lineWriter

	mu   sync.Mutex
	part []byte
	tail []byte
}

func (o *processOutput) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail = append(o.tail, data...)
	if over := len(o.tail) - tailSize; over > 0 {
		o.tail = append(o.tail[:0], o.tail[over:]...)
	}
	o.part = append(o.part, data...)
	for {
		line, rest, ok := bytes.Cut(o.part, []byte("\n"))
		if !ok {
			break
		}
		o.to.line(o.prefix, line)
		o.part = rest
	}
	if len(o.part) > maxLine {
		o.flush()
	}
	return len(data), nil
}

// close passes on an unfinished last line.
func (o *processOutput) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush()
}

func (o *processOutput) flush() {
	if len(o.part) > 0 {
		o.to.line(o.prefix, o.part)
		o.part = nil
	}
}

func (o *processOutput) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(bytes.TrimSpace(o.tail))
}
