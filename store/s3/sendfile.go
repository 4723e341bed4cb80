package s3

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// mostAtOnce is how many bytes the kernel is given at a time.
const mostAtOnce = 1 << 20

// sendFile has the kernel bring n bytes of a file to the line, from a place in
// it, and returns how many went. They do not pass through the dock's memory.
// Each time that the line takes some, the deadlines roll.
func (c *conn) sendFile(f *os.File, at, n int64) (int64, error) {
	line, ok := c.Conn.(syscall.Conn)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	to, err := line.SyscallConn()
	if err != nil {
		return 0, err
	}
	from, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	sent := int64(0)
	for sent < n {
		if err := c.sending(); err != nil {
			return sent, err
		}
		some, err := sendSome(to, from, at+sent, int(min(n-sent, mostAtOnce)))
		if err != nil {
			return sent, err
		}
		if some == 0 {
			return sent, io.ErrUnexpectedEOF // the file became shorter
		}
		sent += int64(some)
	}
	return sent, nil
}

// sendSome sends what the line takes at once.
func sendSome(to, from syscall.RawConn, at int64, most int) (n int, err error) {
	var failed, waited error
	// Control keeps the file open meanwhile: its number could be another's.
	err = from.Control(func(src uintptr) {
		waited = to.Write(func(dst uintptr) bool {
			n, failed = unix.Sendfile(int(dst), int(src), &at, most)
			return !errors.Is(failed, unix.EAGAIN)
		})
	})
	if err = errors.Join(err, waited, os.NewSyscallError("sendfile", failed)); err != nil {
		return 0, err
	}
	return n, nil
}

// isUnsupported reports that the kernel cannot do this with such a file.
func isUnsupported(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, unix.EINVAL)
}
