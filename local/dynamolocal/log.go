package dynamolocal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// A log file is its magic and then records: a header of twelve bytes (the length
// of the payload, the checksum of the payload, and the checksum of these eight
// bytes; little endian, CRC-32C), and the payload. The header has a checksum of
// its own, so that a record that was cut off, because the process died while it
// wrote it, is not taken for one that was damaged later, nor the reverse.
const (
	logMagic    = "dynamolocal log 1\n"
	headerBytes = 12
	// maxPayload is far more than the largest request makes.
	maxPayload = 256 << 20
)

const (
	// lockTimeout is how long to wait for another engine to close its file.
	lockTimeout = time.Second
	lockRetry   = 50 * time.Millisecond
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// log is a file to which records are appended. Each is written with one call, so
// that what has been appended survives the death of the process; it is forced to
// the disk only by close, so that it need not survive a power cut.
type log struct {
	path string
	lock *flock.Flock
	file *os.File
	size int64
	// broken is why nothing can be appended any more, nil if it can.
	broken error
}

// openLog opens or creates the log at path and calls replay with the payload of
// each record. An incomplete record at the end is removed.
func openLog(path string, replay func(payload []byte) error) (_ *log, err error) {
	lock := flock.New(path + ".lock")
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	locked, err := lock.TryLockContext(ctx, lockRetry)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	if !locked {
		return nil, errors.New("it is in use by another process: stop that or use another file")
	}
	l := &log{path: path, lock: lock}
	if l.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.file.Close(), lock.Unlock())
		}
	}()
	if l.size, err = replayLog(l.file, replay); err != nil {
		return nil, err
	}
	if err := l.file.Truncate(l.size); err != nil {
		return nil, err
	}
	if l.size == 0 {
		return l, l.write([]byte(logMagic))
	}
	return l, nil
}

// replayLog calls replay with the payload of each complete record and returns
// where the last of them ends.
func replayLog(file io.Reader, replay func(payload []byte) error) (end int64, err error) {
	reader := bufio.NewReaderSize(file, 1<<20)
	magic := make([]byte, len(logMagic))
	n, err := io.ReadFull(reader, magic)
	switch {
	case !bytes.HasPrefix([]byte(logMagic), magic[:n]):
		return 0, errors.New("it is not a data file of this program")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return 0, nil
	case err != nil:
		return 0, err
	}
	end = int64(len(logMagic))
	damaged := func(what error) error {
		return fmt.Errorf("it is damaged at byte %d: %w; restore it from a copy, or delete it to start anew", end, what)
	}
	for {
		var header [headerBytes]byte
		if _, err := io.ReadFull(reader, header[:]); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return end, nil
		} else if err != nil {
			return 0, err
		}
		length := binary.LittleEndian.Uint32(header[:])
		if crc32.Checksum(header[:8], castagnoli) != binary.LittleEndian.Uint32(header[8:]) || length > maxPayload {
			return 0, damaged(errors.New("the header of a record is wrong"))
		}
		var payload bytes.Buffer
		if _, err := io.CopyN(&payload, reader, int64(length)); errors.Is(err, io.EOF) {
			return end, nil
		} else if err != nil {
			return 0, err
		}
		if crc32.Checksum(payload.Bytes(), castagnoli) != binary.LittleEndian.Uint32(header[4:]) {
			return 0, damaged(errors.New("the checksum of a record is wrong"))
		}
		if err := replay(payload.Bytes()); err != nil {
			return 0, damaged(err)
		}
		end += headerBytes + int64(length)
	}
}

// framed returns the record with the payload.
func framed(payload []byte) []byte {
	record := make([]byte, headerBytes, headerBytes+len(payload))
	binary.LittleEndian.PutUint32(record, uint32(len(payload)))
	binary.LittleEndian.PutUint32(record[4:], crc32.Checksum(payload, castagnoli))
	binary.LittleEndian.PutUint32(record[8:], crc32.Checksum(record[:8], castagnoli))
	return append(record, payload...)
}

// append appends a record.
func (l *log) append(payload []byte) error {
	if len(payload) > maxPayload {
		return fmt.Errorf("a record of %d bytes is too large", len(payload))
	}
	return l.write(framed(payload))
}

// write appends bytes, all or none.
func (l *log) write(data []byte) error {
	if l.broken != nil {
		return l.broken
	}
	n, err := l.file.WriteAt(data, l.size)
	if err != nil {
		if n > 0 {
			if undo := l.file.Truncate(l.size); undo != nil {
				l.broken = fmt.Errorf("the file may end in half a record: %w", errors.Join(err, undo))
			}
		}
		return err
	}
	l.size += int64(n)
	return nil
}

// close forces the log to the disk and closes it; it may be called more than
// once.
func (l *log) close() error {
	if errors.Is(l.broken, os.ErrClosed) {
		return nil
	}
	l.broken = os.ErrClosed
	return errors.Join(l.file.Sync(), l.file.Close(), l.lock.Unlock())
}

// rewrite is a new log in the making, which is to take the place of an old one
// that has grown.
type rewrite struct {
	old  *log
	from int64 // where in the old log the records begin that fresh lacks
	file *os.File
	buf  *bufio.Writer
	size int64
}

// startRewrite begins a new log without records, which is to have the old one's
// content up to now in another form.
func (l *log) startRewrite() (*rewrite, error) {
	file, err := os.OpenFile(l.path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	r := &rewrite{old: l, from: l.size, file: file, buf: bufio.NewWriterSize(file, 1<<20)}
	return r, r.write([]byte(logMagic))
}

func (r *rewrite) write(data []byte) error {
	n, err := r.buf.Write(data)
	r.size += int64(n)
	return err
}

func (r *rewrite) append(payload []byte) error { return r.write(framed(payload)) }

// finish adds what was appended to the old log since startRewrite and puts the
// new log in its place. Nobody may append meanwhile.
func (r *rewrite) finish() error {
	tail := io.NewSectionReader(r.old.file, r.from, r.old.size-r.from)
	n, err := io.Copy(r.buf, tail)
	r.size += n
	if err = errors.Join(err, r.buf.Flush(), r.file.Sync()); err != nil {
		return err
	}
	if err := os.Rename(r.file.Name(), r.old.path); err != nil {
		return err
	}
	replaced := r.old.file
	r.old.file, r.old.size = r.file, r.size
	r.file = nil
	return replaced.Close()
}

// abandon removes the new log if it has not been put in place.
func (r *rewrite) abandon() error {
	if r.file == nil {
		return nil
	}
	return errors.Join(r.file.Close(), os.Remove(r.file.Name()))
}
